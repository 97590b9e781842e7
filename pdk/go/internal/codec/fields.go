package codec

import "errors"

// ErrTruncated reports a field whose length runs past the end of its message.
var ErrTruncated = errors.New("mesh: field longer than the message")

// ErrSize reports an integer, boolean or list field of the wrong size.
var ErrSize = errors.New("mesh: field has the wrong size for its type")

// Fields reads the fields of a message in order. Trailing fields that are
// missing read as absent, and trailing fields that are unknown are never asked
// for. Nothing but text is copied. The first malformed field ends the reading;
// Err reports it.
type Fields struct {
	rest []byte
	err  error
}

// Decode starts reading a message.
func Decode(message []byte) Fields { return Fields{rest: message} }

// Err returns ErrTruncated or ErrSize if a field read so far was malformed.
func (f *Fields) Err() error { return f.err }

// Bytes returns the next field; nil where it is absent, an empty slice where
// it is empty.
func (f *Fields) Bytes() []byte {
	if f.err != nil || len(f.rest) == 0 {
		return nil
	}
	if len(f.rest) < 4 {
		f.err = ErrTruncated
		return nil
	}
	n := length(f.rest)
	if n == absent {
		f.rest = f.rest[4:]
		return nil
	}
	if uint64(n) > uint64(len(f.rest)-4) {
		f.err = ErrTruncated
		return nil
	}
	end := 4 + int(n)
	v := f.rest[4:end:end]
	f.rest = f.rest[end:]
	return v
}

// String returns the next field as text of its own, "" where it is absent.
func (f *Fields) String() string { return string(f.Bytes()) }

// Int returns the next field as an integer, and whether it was there.
func (f *Fields) Int() (v int64, ok bool) {
	b := f.Bytes()
	if b == nil {
		return 0, false
	}
	if len(b) != 8 {
		f.err = ErrSize
		return 0, false
	}
	return int64(uint64(length(b)) | uint64(length(b[4:]))<<32), true
}

// Bool returns the next field as a boolean, false where it is absent.
func (f *Fields) Bool() bool {
	b := f.Bytes()
	if b == nil {
		return false
	}
	if len(b) != 1 || b[0] > 1 {
		f.err = ErrSize
		return false
	}
	return b[0] == 1
}

// Strings returns the next field as a list, nil where it is absent. A count
// larger than the field can hold is ErrSize, before anything is allocated.
func (f *Fields) Strings() []string {
	b := f.Bytes()
	if b == nil {
		return nil
	}
	if len(b) < 4 || uint64(length(b)) > uint64(len(b)-4)/4 {
		f.err = ErrSize
		return nil
	}
	items := Decode(b[4:])
	list := make([]string, length(b))
	for i := range list {
		v := items.Bytes()
		if v == nil {
			f.err = ErrSize
			return nil
		}
		list[i] = string(v)
	}
	if len(items.rest) != 0 {
		f.err = ErrSize
		return nil
	}
	return list
}

// Skip returns field number n of a message, counted from 0, without a look at
// what the fields before it hold; nil where it is absent or malformed.
func Skip(message []byte, n int) []byte {
	for ; len(message) >= 4; n-- {
		size := length(message)
		if size == absent {
			if n == 0 {
				return nil
			}
			message = message[4:]
			continue
		}
		if uint64(size) > uint64(len(message)-4) {
			return nil
		}
		end := 4 + int(size)
		if n == 0 {
			return message[4:end:end]
		}
		message = message[end:]
	}
	return nil
}

func length(b []byte) uint32 {
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}
