package abi

import (
	"encoding/binary"
	"errors"
)

// absent is the length that marks a field as not there; 0 is an empty field.
const absent = 0xFFFFFFFF

// ErrTruncated reports a field whose length runs past the end of its message.
var ErrTruncated = errors.New("abi: field longer than the message")

// ErrSize reports an integer, boolean or list field of the wrong size.
var ErrSize = errors.New("abi: field has the wrong size for its type")

// Each Append function adds one field to a message and returns the extended
// slice, as append does.

// AppendAbsent adds a field that is not there.
func AppendAbsent(dst []byte) []byte { return binary.LittleEndian.AppendUint32(dst, absent) }

// AppendBytes adds v; nil is absent, an empty slice is empty.
func AppendBytes(dst, v []byte) []byte {
	if v == nil {
		return AppendAbsent(dst)
	}
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(v)))
	return append(dst, v...)
}

// AppendString adds v; the empty string is empty, not absent.
func AppendString(dst []byte, v string) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(v)))
	return append(dst, v...)
}

// AppendInt adds v as 8 bytes, little-endian, two's complement.
func AppendInt(dst []byte, v int64) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, 8)
	return binary.LittleEndian.AppendUint64(dst, uint64(v))
}

// AppendBool adds v as 1 byte, 0 or 1.
func AppendBool(dst []byte, v bool) []byte {
	b := byte(0)
	if v {
		b = 1
	}
	return append(binary.LittleEndian.AppendUint32(dst, 1), b)
}

// AppendStrings adds a list; nil is absent.
func AppendStrings(dst []byte, v []string) []byte {
	if v == nil {
		return AppendAbsent(dst)
	}
	size := 4
	for _, s := range v {
		size += 4 + len(s)
	}
	dst = binary.LittleEndian.AppendUint32(dst, uint32(size))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(v)))
	for _, s := range v {
		dst = AppendString(dst, s)
	}
	return dst
}

// appendOptionalString adds the empty string as absent.
func appendOptionalString(dst []byte, v string) []byte {
	if v == "" {
		return AppendAbsent(dst)
	}
	return AppendString(dst, v)
}

// appendOptionalInt adds 0 as absent.
func appendOptionalInt(dst []byte, v int64) []byte {
	if v == 0 {
		return AppendAbsent(dst)
	}
	return AppendInt(dst, v)
}

// BeginField opens a field whose length is not known yet; EndField closes it.
func BeginField(dst []byte) (extended []byte, mark int) {
	return append(dst, 0, 0, 0, 0), len(dst)
}

// EndField writes the length of the field opened at mark.
func EndField(dst []byte, mark int) []byte {
	binary.LittleEndian.PutUint32(dst[mark:], uint32(len(dst)-mark-4))
	return dst
}

// Fields reads the fields of a message in order. Trailing fields that are
// missing read as absent and trailing fields that are unknown are never asked
// for, so that fields can be added without a new version. Nothing is copied:
// what it returns points into the message. The first malformed field ends the
// reading; Err reports it.
type Fields struct {
	rest []byte
	err  error
}

// Decode starts reading a message.
func Decode(message []byte) Fields { return Fields{rest: message} }

// Err returns ErrTruncated or ErrSize if a field read so far was malformed.
func (f *Fields) Err() error { return f.err }

// Done reports whether there are no more fields, as far as they could be read.
func (f *Fields) Done() bool { return f.err != nil || len(f.rest) == 0 }

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
	n := binary.LittleEndian.Uint32(f.rest)
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

// String returns the next field as text, "" where it is absent.
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
	return int64(binary.LittleEndian.Uint64(b)), true
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
	if len(b) < 4 {
		f.err = ErrSize
		return nil
	}
	count := binary.LittleEndian.Uint32(b)
	if uint64(count) > uint64(len(b)-4)/4 {
		f.err = ErrSize
		return nil
	}
	items := Decode(b[4:])
	list := make([]string, count)
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
