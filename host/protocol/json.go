package protocol

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxDepth is how deeply arrays and objects may nest in a frame or in a
// plugin's answer. Parsers in guests recurse on small stacks.
const MaxDepth = 128

// Valid reports whether text is one JSON value (RFC 8259), nested at most
// MaxDepth deep, in UTF-8. It allocates nothing.
func Valid(text []byte) bool { return ValidWithin(text, 0) }

// ValidWithin is Valid for a value that is to stand so many levels deep in
// another one: it has as many less of its own. An object that values of the full
// depth stand in has a level more, -1.
func ValidWithin(text []byte, levels int) bool {
	i := skipValue(text, skipSpace(text, 0), levels)
	return i >= 0 && skipSpace(text, i) == len(text) && utf8.Valid(text)
}

// IsObject reports whether valid JSON text is an object.
func IsObject(text []byte) bool {
	i := skipSpace(text, 0)
	return i < len(text) && text[i] == '{'
}

// The skip functions take the index of a token's first byte and return the
// index after it, or bad where the text is not JSON.
const bad = -1

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// skipValue walks one value without recursion: what is open is a bit a level
// (1 an object, 0 an array), so that hostile nesting costs no stack. base is
// the depth at which the value stands.
func skipValue(b []byte, i, base int) int {
	var open nesting
	open.depth = base
	for {
		if i >= len(b) {
			return bad
		}
		if c := b[i]; c == '{' || c == '[' {
			if !open.push(c == '{') {
				return bad
			}
			i = skipSpace(b, i+1)
			if i < len(b) && b[i] != c+2 { // '}' and ']' stand two after their openers
				if i = skipKeyIf(b, i, c == '{'); i < 0 {
					return bad
				}
				continue
			}
		} else if i = skipScalar(b, i); i < 0 {
			return bad
		} else if open.depth == base {
			return i
		} else {
			i = skipSpace(b, i)
		}
		if i = skipClosers(b, i, base, &open); i < 0 || open.depth == base {
			return i
		}
	}
}

// skipClosers stands after an element, or at the closer of an empty container.
// It closes what ends here and moves on to the next element.
func skipClosers(b []byte, i, base int, open *nesting) int {
	for i < len(b) {
		object := open.object()
		switch {
		case b[i] == ',':
			return skipKeyIf(b, skipSpace(b, i+1), object)
		case object && b[i] == '}', !object && b[i] == ']':
			i++
			if open.depth--; open.depth == base {
				return i
			}
			i = skipSpace(b, i)
		default:
			return bad
		}
	}
	return bad
}

// skipKeyIf moves past a member's key and colon where an object is open.
func skipKeyIf(b []byte, i int, object bool) int {
	if !object {
		return i
	}
	if i = skipKey(b, i); i < 0 {
		return bad
	}
	return skipColon(b, i)
}

func skipKey(b []byte, i int) int {
	if i >= len(b) || b[i] != '"' {
		return bad
	}
	return skipString(b, i)
}

func skipColon(b []byte, i int) int {
	if i = skipSpace(b, i); i >= len(b) || b[i] != ':' {
		return bad
	}
	return skipSpace(b, i+1)
}

type nesting struct {
	kinds [MaxDepth/64 + 1]uint64
	depth int
}

func (n *nesting) push(object bool) bool {
	if n.depth >= MaxDepth {
		return false
	}
	n.depth++
	word, bit := n.depth/64, uint64(1)<<(n.depth%64)
	n.kinds[word] &^= bit
	if object {
		n.kinds[word] |= bit
	}
	return true
}

func (n *nesting) object() bool { return n.kinds[n.depth/64]>>(n.depth%64)&1 == 1 }

func skipScalar(b []byte, i int) int {
	switch b[i] {
	case '"':
		return skipString(b, i)
	case 't':
		return skipWord(b, i, "true")
	case 'f':
		return skipWord(b, i, "false")
	case 'n':
		return skipWord(b, i, "null")
	}
	return skipNumber(b, i)
}

func skipWord(b []byte, i int, word string) int {
	if end := i + len(word); end <= len(b) && string(b[i:end]) == word {
		return end
	}
	return bad
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special marks, in the top bit of each byte of a word, the quotes,
// backslashes and control characters; only the lowest mark is exact.
func special(w uint64) uint64 {
	quote, slash := w^('"'*ones), w^('\\'*ones)
	return ((quote-ones)&^quote | (slash-ones)&^slash | (w-0x20*ones)&^w) & highs
}

// skipString walks a string eight bytes at a time.
func skipString(b []byte, i int) int {
	i++
	for i < len(b) {
		for i+8 <= len(b) {
			hit := special(binary.LittleEndian.Uint64(b[i:]))
			if hit != 0 {
				i += bits.TrailingZeros64(hit) / 8
				break
			}
			i += 8
		}
		if i >= len(b) {
			return bad
		}
		switch c := b[i]; {
		case c == '"':
			return i + 1
		case c == '\\':
			if i = skipEscape(b, i); i < 0 {
				return bad
			}
		case c < 0x20:
			return bad
		default:
			i++
		}
	}
	return bad
}

func skipEscape(b []byte, i int) int {
	if i+1 >= len(b) {
		return bad
	}
	switch b[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
		if i+6 <= len(b) && hex4(b[i+2:]) >= 0 {
			return i + 6
		}
	}
	return bad
}

func skipNumber(b []byte, i int) int {
	if b[i] == '-' {
		i++
	}
	start := i
	if i = skipDigits(b, i); i == start || b[start] == '0' && i > start+1 {
		return bad
	}
	if i < len(b) && b[i] == '.' {
		start = i + 1
		if i = skipDigits(b, start); i == start {
			return bad
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		start = i
		if i = skipDigits(b, start); i == start {
			return bad
		}
	}
	return i
}

func skipDigits(b []byte, i int) int {
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}

// hex4 reads four hexadecimal digits, or returns -1.
func hex4(b []byte) rune {
	var r rune
	for _, c := range b[:4] {
		switch {
		case c-'0' <= 9:
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = (c | 0x20) - 'a' + 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// AppendUnquoted adds the text of a valid JSON string, given without its
// quotes, to dst. A lone surrogate becomes U+FFFD.
func AppendUnquoted(dst, s []byte) []byte {
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			dst = append(dst, s[i])
			i++
			continue
		}
		c := s[i+1]
		i += 2
		switch c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r := hex4(s[i:])
			i += 4
			if utf16.IsSurrogate(r) {
				var low rune = -1
				if i+6 <= len(s) && s[i] == '\\' && s[i+1] == 'u' {
					low = hex4(s[i+2:])
				}
				if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
					i += 6
				}
			}
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// AppendString adds s as a JSON string. Broken UTF-8 becomes U+FFFD.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError || size != 1 {
				i += size
				continue
			}
		}
		dst = append(dst, s[start:i]...)
		dst = appendEscape(dst, c)
		i++
		start = i
	}
	return append(append(dst, s[start:]...), '"')
}

func appendEscape(dst []byte, c byte) []byte {
	const digits = "0123456789abcdef"
	switch {
	case c == '"' || c == '\\':
		return append(dst, '\\', c)
	case c == '\n':
		return append(dst, `\n`...)
	case c == '\r':
		return append(dst, `\r`...)
	case c == '\t':
		return append(dst, `\t`...)
	case c >= utf8.RuneSelf:
		return append(dst, "\uFFFD"...)
	}
	return append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
}

// TrimSpace returns JSON text without the white space around it (RFC 8259
// section 2).
func TrimSpace(text []byte) []byte { return bytes.Trim(text, " \t\r\n") }

// Text returns what a JSON string says, and false for another value. value is
// valid JSON text.
func Text(value []byte) (string, bool) {
	if value = TrimSpace(value); len(value) == 0 || value[0] != '"' {
		return "", false
	}
	return string(stringText(value)), true
}
