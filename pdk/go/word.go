package mesh

import (
	"math/bits"
	"unsafe"
)

// JSON is scanned eight bytes at a time. It is not that the arithmetic is so
// fast: each jump inside a function that standard Go has compiled to wasm goes
// through a table, so that a loop over single bytes costs 10 ns a byte.

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// word returns the eight bytes at i, at least 0 and less than the length, the
// first one lowest. Bytes behind the end are 0.
func word(text []byte, i int) uint64 {
	if i+8 <= len(text) {
		return load64(unsafe.Add(unsafe.Pointer(unsafe.SliceData(text)), i))
	}
	return lastWord(text, i)
}

// lastWord is word where fewer than eight bytes are left: of a longer text it
// reads the last eight and drops those before i.
//
//go:noinline
func lastWord(text []byte, i int) uint64 {
	base := unsafe.Pointer(unsafe.SliceData(text))
	if at := len(text) - 8; at >= 0 {
		return load64(unsafe.Add(base, at)) >> (uint(i-at) * 8)
	}
	var w uint64
	end := len(text)
	if (end-i)&1 != 0 {
		end--
		w = uint64(text[end])
	}
	if (end-i)&2 != 0 {
		end -= 2
		w = w<<16 | uint64(text[end]) | uint64(text[end+1])<<8
	}
	if (end-i)&4 != 0 {
		w = w<<32 | uint64(load32(unsafe.Add(base, i)))
	}
	return w
}

// equal marks the bytes of w that are c: the lowest mark is right, those above
// it may be false.
func equal(w uint64, c byte) uint64 {
	w ^= ones * uint64(c)
	return (w - ones) &^ w & highs
}

// below marks the bytes of w that are less than c, at most 128; like equal.
func below(w uint64, c byte) uint64 { return (w - ones*uint64(c)) &^ w & highs }

// firstMark returns the index of the lowest marked byte; 8 where there is none.
func firstMark(marks uint64) int { return bits.TrailingZeros64(marks) >> 3 }
