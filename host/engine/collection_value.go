package engine

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/mesh-host/mesh-host/host/protocol"
)

// Declared collections compare what values have at their paths. Each scalar is
// made into a key, once: bytes that are equal for equal scalars and whose order
// is that of exposure.Sort.

// The first byte of a key: kinds in their order.
const (
	keyNull byte = iota // and what is missing
	keyFalse
	keyTrue
	keyNumber
	keyString
	keyOther // an object or an array: all alike, and equal to nothing
)

// maxKey bounds what a key has of a string, in bytes: longer ones have the order
// of their beginnings, and equal no value of a condition.
const maxKey = 1 << 10

// appendKey adds the key of a JSON value, nil for a missing one. exact reports
// whether equal keys are equal values.
func appendKey(dst, value []byte) (key []byte, exact bool) {
	if value = protocol.TrimSpace(value); len(value) == 0 {
		return append(dst, keyNull), true
	}
	switch value[0] {
	case 'n':
		return append(dst, keyNull), true
	case 'f':
		return append(dst, keyFalse), true
	case 't':
		return append(dst, keyTrue), true
	case '{', '[':
		return append(dst, keyOther), false
	case '"':
		return appendStringKey(append(dst, keyString), value[1:len(value)-1])
	}
	return appendNumberKey(append(dst, keyNumber), value)
}

// appendStringKey adds the text of a string, or the beginning of a long one.
func appendStringKey(dst, text []byte) (key []byte, exact bool) {
	start := len(dst)
	dst = protocol.AppendUnquoted(dst, text[:enough(text)])
	if len(dst)-start > maxKey {
		return dst[:start+maxKey], false
	}
	return dst, true
}

// enough returns how much of a string's text says at least maxKey bytes and one
// more, if there are as many. Where that ends in half a pair of escapes the last
// character is not right, but it is beyond what a key has.
func enough(text []byte) int {
	i := 0
	for n := 0; n < maxKey+2 && i < len(text); n++ {
		switch {
		case text[i] != '\\':
			i++
		case text[i+1] == 'u':
			i += len(`\u0000`)
		default:
			i += len(`\n`)
		}
	}
	return i
}

// The signs of numbers in keys.
const (
	signNegative byte = iota
	signZero
	signPositive
)

// appendNumberKey adds a number as 0.d₁d₂… × 10ⁿ: its sign, n, and the digits
// without zeros at either end. It loses nothing, however large the number is.
// All bytes of a negative one but its sign are inverted, and a last one puts it
// after those that go on.
func appendNumberKey(dst, text []byte) (key []byte, exact bool) {
	text, negative := bytes.CutPrefix(text, []byte("-"))
	mantissa, exponent := cutExponent(text)
	whole, fraction, _ := bytes.Cut(mantissa, []byte("."))
	for len(whole) > 0 && whole[0] == '0' {
		whole = whole[1:]
	}
	exponent += int64(len(whole))
	if len(whole) == 0 {
		for len(fraction) > 0 && fraction[0] == '0' {
			fraction, exponent = fraction[1:], exponent-1
		}
	}
	if fraction = bytes.TrimRight(fraction, "0"); len(fraction) == 0 {
		whole = bytes.TrimRight(whole, "0")
	}
	if len(whole)+len(fraction) == 0 {
		return append(dst, signZero), true
	}
	if !negative {
		dst = binary.BigEndian.AppendUint64(append(dst, signPositive), uint64(exponent)^1<<63)
		return appendDigits(dst, whole, fraction)
	}
	start := len(dst) + 1
	dst = binary.BigEndian.AppendUint64(append(dst, signNegative), uint64(exponent)^1<<63)
	dst, exact = appendDigits(dst, whole, fraction)
	for i := start; i < len(dst); i++ {
		dst[i] ^= 0xFF
	}
	return append(dst, 0xFF), exact
}

func appendDigits(dst, whole, fraction []byte) (key []byte, exact bool) {
	start := len(dst)
	dst = append(append(dst, whole...), fraction...)
	if len(dst)-start > maxKey {
		return dst[:start+maxKey], false
	}
	return dst, true
}

// maxExponent is where exponents end to count, far beyond what digits make up
// for.
const maxExponent = 1 << 59

// cutExponent takes a number's exponent off.
func cutExponent(text []byte) (mantissa []byte, exponent int64) {
	i := bytes.IndexAny(text, "eE")
	if i < 0 {
		return text, 0
	}
	digits := bytes.TrimPrefix(text[i+1:], []byte("+"))
	digits, negative := bytes.CutPrefix(digits, []byte("-"))
	for _, c := range digits {
		exponent = min(exponent*10+int64(c-'0'), maxExponent)
	}
	if negative {
		exponent = -exponent
	}
	return text[:i], exponent
}

// fields are the paths at which the conditions and the order of a collection
// look, as a tree, so that a value is walked once.
type fields []field

type field struct {
	name  string
	place int // in what find fills, -1 for a name on the way only
	below fields
}

// add returns the fields with a path more, which find puts at a place. The
// empty path is no field.
func (f fields) add(path []string, place int) fields {
	if len(path) == 0 {
		return f
	}
	i := slices.IndexFunc(f, func(known field) bool { return known.name == path[0] })
	if i < 0 {
		i = len(f)
		f = append(f, field{name: path[0], place: -1})
	}
	if len(path) == 1 {
		f[i].place = place
	} else {
		f[i].below = f[i].below.add(path[1:], place)
	}
	return f
}

// find puts what a valid JSON value has at the paths into their places; what is
// missing stays as it is. Of a member that is there twice the last one counts.
func (f fields) find(value []byte, found [][]byte) {
	if len(f) == 0 {
		return
	}
	protocol.EachMember(value, func(key, value []byte) bool {
		for i := range f {
			if f[i].name == string(key) {
				f[i].take(value, found)
				break
			}
		}
		return true
	})
}

func (f *field) take(value []byte, found [][]byte) {
	if f.place >= 0 {
		found[f.place] = value
	}
	f.below.forget(found)
	f.below.find(value, found)
}

func (f fields) forget(found [][]byte) {
	for i := range f {
		if f[i].place >= 0 {
			found[f[i].place] = nil
		}
		f[i].below.forget(found)
	}
}

// placeOf returns the place of a path, -1 where it has none.
func (f fields) placeOf(path []string) int {
	for i := range f {
		switch {
		case len(path) == 0 || f[i].name != path[0]:
		case len(path) == 1:
			return f[i].place
		default:
			return f[i].below.placeOf(path[1:])
		}
	}
	return -1
}
