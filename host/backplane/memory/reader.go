package memory

import (
	"encoding/binary"
	"fmt"
	"math"
)

// reader reads an entry of the journal. What is wrong once stays wrong, and
// check says so. Only what the functions that append would have written is
// right: there is one way to write a thing.
type reader struct {
	rest    []byte
	bad     bool
	unknown byte // a format that is not known; 0: none
}

// appendText appends text with its length in front.
func appendText[T ~string | ~[]byte](b []byte, text T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// format reads the number of the format, which is to be the one given.
//
//nolint:unparam // each kind of entry has its own number; all begin with 1
func (r *reader) format(known byte) {
	switch got := r.take(1); {
	case r.bad || got[0] == known:
	case got[0] == 0:
		r.bad = true
	default:
		r.unknown, r.bad = got[0], true
	}
}

func (r *reader) take(n int64) []byte {
	if r.bad || n > int64(len(r.rest)) {
		r.bad = true
		return nil
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *reader) text() []byte { return r.take(r.integer()) }

// fixed reads 8 bytes.
func (r *reader) fixed() uint64 {
	b := r.take(8)
	if r.bad {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

// integer reads an unsigned varint that an int64 can hold.
func (r *reader) integer() int64 {
	value, n := binary.Uvarint(r.rest)
	if r.bad || n <= 0 || value > math.MaxInt64 || n > 1 && r.rest[n-1] == 0 {
		r.bad = true
		return 0
	}
	r.rest = r.rest[n:]
	return int64(value)
}

// end is for entries that have nothing more.
func (r *reader) end() {
	if len(r.rest) > 0 {
		r.bad = true
	}
}

// check returns what is wrong with an entry.
func (r *reader) check(t Table, key []byte) error {
	switch {
	case r.unknown != 0:
		return fmt.Errorf("entry %q of %s has format %d, which this version does not know", key, t, r.unknown)
	case r.bad:
		return fmt.Errorf("entry %q of %s is damaged", key, t)
	}
	return nil
}
