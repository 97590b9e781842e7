package redis

import (
	"encoding/binary"
	"strconv"
)

// A frame is what is published between nodes: a byte that no JSON text and no
// other text begins with, then fields, each after its length in four bytes, big
// end first. A field that is absent has no bytes and the length noField. Lua
// builds frames with frame() of lua/common.lua.

const (
	frameMark = 1
	noField   = 0xffffffff
)

// fields reads a frame; ok says that it is one, with at least so many fields.
// A field that is absent is nil, one that is empty is not. They are parts of the
// text that was given.
func fields(text string, least int) (all []field, ok bool) {
	if len(text) == 0 || text[0] != frameMark {
		return nil, false
	}
	text = text[1:]
	all = make([]field, 0, least)
	for len(text) > 0 {
		if len(text) < 4 {
			return nil, false
		}
		size := uint64(binary.BigEndian.Uint32([]byte(text[:4])))
		text = text[4:]
		switch {
		case size == noField:
			all = append(all, field{})
		case size > uint64(len(text)):
			return nil, false
		default:
			all = append(all, field{text: text[:size], there: true})
			text = text[size:]
		}
	}
	return all, len(all) >= least
}

// field is a part of a frame.
type field struct {
	text  string
	there bool
}

func (f field) bytes() []byte {
	if !f.there {
		return nil
	}
	return append([]byte{}, f.text...)
}

// number reads a decimal number; what is none reads as 0.
func (f field) number() int64 {
	n, _ := strconv.ParseInt(f.text, 10, 64)
	return n
}

// appendFrame builds a frame of a node's own.
func appendFrame(dst []byte, parts ...[]byte) []byte {
	dst = append(dst, frameMark)
	for _, part := range parts {
		if part == nil {
			dst = binary.BigEndian.AppendUint32(dst, noField)
			continue
		}
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(part)))
		dst = append(dst, part...)
	}
	return dst
}
