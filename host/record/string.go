package record

import (
	"bytes"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/mesh-host/mesh-host/host/protocol"
)

// Strings and keys are given as they are written between their quotes.

// sameString reports whether two strings say the same.
func sameString(a, b []byte) bool {
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

// unescape returns what a string says; a lone surrogate becomes the three bytes
// that UTF-8 would have for it, so that it is like nothing else, and no UTF-8.
// A string without escapes is returned as it is.
func unescape(s []byte) []byte {
	if bytes.IndexByte(s, '\\') < 0 {
		return s
	}
	said := make([]byte, 0, len(s))
	for len(s) > 0 {
		r, n := character(s)
		if utf16.IsSurrogate(r) {
			said = append(said, 0xe0|byte(r>>12), 0x80|byte(r>>6)&0x3f, 0x80|byte(r)&0x3f)
		} else {
			said = utf8.AppendRune(said, r)
		}
		s = s[n:]
	}
	return said
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
	var r rune
	for _, c := range s[2:6] {
		if c > '9' {
			c = c&^0x20 - 'A' + '0' + 10
		}
		r = r<<4 | rune(c-'0')&15
	}
	return r
}

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

// into adds an unescaped key to the path (RFC 6901) and reports whether it
// could: a lone surrogate is no character, and no pointer can have it.
func (d *differ) into(key []byte) bool {
	switch {
	case d.probe: // nobody will read it
		return true
	case !utf8.Valid(key):
		return false
	}
	d.path = append(d.path, '/')
	if !bytes.ContainsFunc(key, special) {
		d.path = append(d.path, key...)
		return true
	}
	quoted := protocol.AppendString(nil, pointerEscapes.Replace(string(key)))
	d.path = append(d.path, quoted[1:len(quoted)-1]...)
	return true
}

// special reports whether a character is escaped in a pointer or in JSON.
func special(r rune) bool {
	return r < 0x20 || r == '"' || r == '\\' || r == '~' || r == '/'
}
