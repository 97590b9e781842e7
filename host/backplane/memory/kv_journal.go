package memory

import (
	"encoding/binary"
	"fmt"
)

// The journal has a value under the length of its namespace, the namespace and
// the key:
//
//	format, end (ms since 1970, 0: never) as an unsigned varint, value
const valueFormat = 1

// keep has a value kept, or its entry removed where it is nil, and returns the
// place. The shard is locked, so that the order in the journal is that of the
// changes.
func (v *values) keep(n name, value []byte, expires int64) (place int64) {
	if v.journal == nil {
		return 0
	}
	e := JournalEntry{Table: KVTable, Key: valueKey(n)}
	if value != nil {
		e.Value = encodeValue(value, v.toDate(expires))
	}
	return v.journal.Append([]JournalEntry{e}, nil)
}

func valueKey(n name) []byte {
	key := make([]byte, 0, len(n.namespace)+len(n.key)+2)
	return append(appendText(key, n.namespace), n.key...)
}

func encodeValue(value []byte, ends uint64) []byte {
	b := append(make([]byte, 0, len(value)+8), valueFormat)
	return append(binary.AppendUvarint(b, ends), value...)
}

// decodeValue reads an entry. The value is a part of it.
func decodeValue(key, entry []byte) (n name, value []byte, ends int64, err error) {
	k := reader{rest: key}
	n = name{namespace: string(k.text()), key: string(k.rest)}
	e := reader{rest: entry}
	e.format(valueFormat)
	ends = e.integer()
	if k.bad {
		e.bad = true
	}
	return n, e.rest, ends, e.check(KVTable, key)
}

// load puts the values of a journal in place, which are not limited: what fitted
// when it was written is there again.
func (v *values) load(j Journal) error {
	err := j.Load(KVTable, func(key, entry []byte) error {
		n, value, ends, err := decodeValue(key, entry)
		if err != nil {
			return err
		}
		expires := v.fromDate(ends)
		if expires < 0 {
			v.keep(n, nil, 0)
			return nil
		}
		sp, err := v.reserve(n.namespace, size(n, value), 0)
		if err != nil {
			return err
		}
		v.shard(n).put(nil, n, sp, value, expires)
		return nil
	})
	if err != nil {
		return fmt.Errorf("load values: %w", err)
	}
	return nil
}
