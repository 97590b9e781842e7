package protocol

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// SameString reports whether two JSON strings say the same. They are valid and
// given as they are written between their quotes. Lone surrogates are the same
// as themselves only. It allocates nothing.
func SameString(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	if bytes.IndexByte(a, '\\') < 0 && bytes.IndexByte(b, '\\') < 0 {
		return false
	}
	for len(a) > 0 && len(b) > 0 {
		r, n := character(a)
		o, m := character(b)
		if r != o {
			return false
		}
		a, b = a[n:], b[m:]
	}
	return len(a) == len(b)
}

// Unescape returns what a valid JSON string, given as it is written between its
// quotes, says; a lone surrogate becomes the three bytes that UTF-8 would have
// for it, so that it is like nothing else, and no UTF-8. A string without
// escapes is returned as it is, another one in memory of its own.
func Unescape(s []byte) []byte {
	if bytes.IndexByte(s, '\\') < 0 {
		return s
	}
	return appendUnescaped(make([]byte, 0, len(s)), s)
}

func appendUnescaped(dst, s []byte) []byte {
	for len(s) > 0 {
		r, n := character(s)
		if utf16.IsSurrogate(r) {
			dst = append(dst, 0xe0|byte(r>>12), 0x80|byte(r>>6)&0x3f, 0x80|byte(r)&0x3f)
		} else {
			dst = utf8.AppendRune(dst, r)
		}
		s = s[n:]
	}
	return dst
}

// character reads the first character, or lone surrogate, of a string, and how
// many bytes it takes.
func character(s []byte) (r rune, n int) {
	if s[0] != '\\' || len(s) < 2 {
		return utf8.DecodeRune(s)
	}
	switch s[1] {
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		r = unit(s)
		if pair := utf16.DecodeRune(r, unit(s[min(6, len(s)):])); pair != utf8.RuneError {
			return pair, 12
		}
		return r, min(6, len(s))
	}
	return rune(s[1]), 2
}

// unit reads the escape of a UTF-16 code unit at the beginning of a string; it
// is -1 where there is none.
func unit(s []byte) rune {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return -1
	}
	return hex4(s[2:])
}
