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

// format reads the number of the format, which is to be one from 1 to the newest;
// 0 where it is not.
func (r *reader) format(newest byte) byte {
	got := r.take(1)
	switch {
	case r.bad:
		return 0
	case got[0] == 0:
		r.bad = true
	case got[0] > newest:
		r.unknown, r.bad = got[0], true
		return 0
	}
	return got[0]
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
