// Package section reads WebAssembly modules section by section, for those who
// look at or change a few of them. It trusts nothing and checks no more than
// that what it reads fits; the meter, which must understand all of a module, has
// a reader of its own.
package section

import (
	"encoding/binary"
	"errors"
	"iter"
)

// The sections (WebAssembly core 2, section 5.5.2).
const (
	Custom    = 0
	Import    = 2
	Function  = 3
	Table     = 4
	Memory    = 5
	Export    = 7
	Start     = 8
	Element   = 9
	Code      = 10
	Data      = 11
	DataCount = 12
)

// HeaderSize is where the first section begins.
const HeaderSize = 8

// ErrMalformed is a section that does not fit into its module.
var ErrMalformed = errors.New("malformed section")

// Section is one part of a module.
type Section struct {
	ID byte
	// Start is where it begins in the module, Whole all of it, and Content what
	// comes behind its id and size.
	Start   int
	Whole   []byte
	Content []byte
}

// All ranges over the sections of a module, which it does not copy. Where one
// does not fit, or the module has not even a header, the last pair has
// ErrMalformed, with Start.
func All(module []byte) iter.Seq2[Section, error] {
	return func(yield func(Section, error) bool) {
		if len(module) < HeaderSize {
			yield(Section{}, ErrMalformed)
			return
		}
		for at := HeaderSize; at < len(module); {
			rest := module[at:]
			size, n := binary.Uvarint(rest[1:])
			if n <= 0 || size > uint64(len(rest)-1-n) {
				yield(Section{ID: rest[0], Start: at}, ErrMalformed)
				return
			}
			end := 1 + n + int(size)
			if !yield(Section{ID: rest[0], Start: at, Whole: rest[:end], Content: rest[1+n : end]}, nil) {
				return
			}
			at += end
		}
	}
}

// Append adds a section to a module.
func Append(module []byte, id byte, content []byte) []byte {
	module = binary.AppendUvarint(append(module, id), uint64(len(content)))
	return append(module, content...)
}

// Reader reads the content of a section. What comes after something malformed
// is zero.
type Reader struct {
	Rest []byte
	// Bad says that something was malformed.
	Bad bool
}

// Number reads an unsigned LEB128 number (section 5.2.2).
func (r *Reader) Number() uint64 {
	v, n := binary.Uvarint(r.Rest)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.Rest = r.Rest[n:]
	return v
}

// Text reads a name (section 5.2.4), which need not be UTF-8.
func (r *Reader) Text() string {
	n := r.Number()
	if n > uint64(len(r.Rest)) {
		r.fail()
		return ""
	}
	text := string(r.Rest[:n])
	r.Rest = r.Rest[n:]
	return text
}

func (r *Reader) fail() { r.Bad, r.Rest = true, nil }
