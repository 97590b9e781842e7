// Package record is what versioned JSON values are: when two are the same, and
// what patch (RFC 6902) makes one of the other. Everything here is a pure
// function over bytes and safe for concurrent use.
//
// Values are JSON text as it was received, and stay so: they are walked side by
// side, what is the same byte for byte is passed over, and what a patch carries
// is cut from the text. A decoded tree would cost a multiple of the text for
// every write, and lose the digits of large numbers, the order of keys and
// lone surrogates.
//
// What belongs to what in two arrays is the library's to say (jsondiff, by the
// longest common subsequence). It is asked for the stretch in which both
// really differ, with a number for each element, and only where that is short:
// its cost grows with the product of the lengths. See align.go.
package record

import (
	"bytes"

	"github.com/mesh-host/mesh-host/host/protocol"
)

// Equal reports whether two values are the same as RFC 6902 section 4.6 says:
// numbers by what they are worth, exactly (1, 1.0 and 10e-1; 2^53+1 is not
// 2^53), strings after unescaping, arrays element by element, objects whatever
// the order of their members. Of a member that is there twice the last one
// counts. A lone surrogate is a character of its own.
//
// Both are JSON text that protocol.Valid accepts, empty for a value that is
// missing. With other bytes the result means nothing, but there is one. It
// takes time in proportion to both texts, and allocates nothing where keys are
// in the same order.
func Equal(a, b []byte) bool {
	a, b = protocol.TrimSpace(a), protocol.TrimSpace(b)
	switch {
	case bytes.Equal(a, b):
		return true
	case len(a) == 0 || len(b) == 0:
		return false
	}
	d := borrow(true)
	defer d.giveBack()
	d.compare(a, b)
	return len(d.out) == 0 && !d.broken()
}

// Diff returns the patch that makes to of from: JSON text with the operations
// add, remove and replace, to be applied one after the other. It is one replace
// of the root where either value is missing, a primitive or of another kind
// than the other, and where that is shorter; the same goes for every array and
// object within. Values are cut from to as they stand there. Equal values make
// the patch "[]".
//
// Both are JSON text that protocol.Valid accepts, empty for a value that is
// missing. With other bytes the result means nothing, but there is one. It
// takes time in proportion to both texts, times the logarithm of their length
// where keys were reordered or long arrays changed in several places; values
// that are made to take longer are replaced as a whole. The result shares no
// memory with the arguments.
func Diff(from, to []byte) []byte {
	from, to = protocol.TrimSpace(from), protocol.TrimSpace(to)
	switch {
	case bytes.Equal(from, to):
		return []byte("[]")
	case len(from) == 0 || len(to) == 0:
		return Replacement(to)
	}
	d := borrow(false)
	defer d.giveBack()
	d.compare(from, to)
	switch {
	case d.effort < 0 && Equal(from, to):
		return []byte("[]")
	case d.effort < 0 || d.broken():
		return Replacement(to)
	}
	d.out = append(d.out, ']')
	return bytes.Clone(d.out)
}

// Replacement returns the patch that makes value of whatever there was: one
// replace of the root. value is JSON text; empty is null. The result shares no
// memory with it.
func Replacement(value []byte) []byte {
	if value = protocol.TrimSpace(value); len(value) == 0 {
		value = []byte("null")
	}
	patch := append(make([]byte, 0, len(`[]`)+operationSize+len(value)), '[')
	return append(appendOperation(patch, replace, nil, value), ']')
}
