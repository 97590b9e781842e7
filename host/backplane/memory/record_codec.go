package memory

import (
	"encoding/binary"
	"math"
	"time"
)

// The journal has a record under its id, with the length in front, and a patch
// of its log under that and the version that it makes, 8 bytes. So the patches
// of a record come in their order.
//
//	record  format, deleted (0 or 1), epoch with its length in front, and as
//	        unsigned varints: number, patches in the log, tombstone (ms), end
//	        (ms since 1970, 0: never); value
//	patch   format, patch
const (
	recordFormat = 1
	patchFormat  = 1
)

// maxVersion is the highest version of a record that is read.
const maxVersion = math.MaxInt64 / 2

// encode is a record's entry, with a value at its end, nil for a tombstone.
func (r *record) encode(value []byte, ends uint64) []byte {
	var head [64]byte
	b := append(head[:0], recordFormat, 0)
	if value == nil {
		b[1] = 1
	}
	b = appendText(b, r.epoch)
	for _, number := range []uint64{uint64(r.number), uint64(r.log.count()), wholeMilliseconds(r.tombstone), ends} {
		b = binary.AppendUvarint(b, number)
	}
	return append(append(make([]byte, 0, len(b)+len(value)), b...), value...)
}

func wholeMilliseconds(d time.Duration) uint64 {
	return uint64((d-1)/time.Millisecond) + 1
}

func recordKey(id string) []byte { return appendText(nil, id) }

// stored is a record as its entry says it is.
type stored struct {
	id        string
	epoch     string
	number    int64
	value     []byte // a part of the entry, nil for a tombstone
	patches   int64  // in the log
	tombstone time.Duration
	ends      int64 // date, 0: never
}

// decodeRecord reads a record's entry.
func decodeRecord(key, entry []byte) (stored, error) {
	k := reader{rest: key}
	r := stored{id: string(k.text())}
	k.end()
	e := reader{rest: entry}
	e.format(recordFormat)
	deleted := e.take(1)
	r.epoch = string(e.text())
	r.number, r.patches = e.integer(), e.integer()
	tombstone := e.integer()
	r.tombstone = time.Duration(tombstone) * time.Millisecond
	r.ends = e.integer()
	switch {
	case k.bad, e.bad, deleted[0] > 1,
		r.epoch == "", r.number <= 0, r.number > maxVersion, r.patches > r.number,
		tombstone <= 0, tombstone > math.MaxInt64/int64(time.Millisecond):
		e.bad = true
	case deleted[0] == 0:
		r.value = e.rest
	default:
		e.bad = len(e.rest) > 0 || r.patches > 0
	}
	return r, e.check(RecordTable, key)
}

func patchKey(id string, number int64) []byte {
	key := appendText(make([]byte, 0, len(id)+10), id)
	return binary.BigEndian.AppendUint64(key, uint64(number))
}

func encodePatch(patch []byte) []byte {
	return append(append(make([]byte, 0, 1+len(patch)), patchFormat), patch...)
}

// decodePatch reads a patch's entry. The patch is a part of it.
func decodePatch(key, entry []byte) (id string, number int64, patch []byte, err error) {
	k := reader{rest: key}
	id, number = string(k.text()), int64(k.fixed())
	k.end()
	e := reader{rest: entry}
	e.format(patchFormat)
	if k.bad || number <= 0 {
		e.bad = true
	}
	return id, number, e.rest, e.check(PatchTable, key)
}
