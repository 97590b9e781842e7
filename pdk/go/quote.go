package mesh

import (
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

const hexDigits = "0123456789abcdef"

// appendQuoted adds s as a JSON string. What needs no escape is copied in runs.
func appendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	text := unsafe.Slice(unsafe.StringData(s), len(s)) // read only
	start := 0
	for i := 0; i < len(text); {
		w := word(text, i)
		n := firstMark(below(w, ' ') | equal(w, '"') | equal(w, '\\') | w&highs)
		if i += n; n == 8 {
			continue
		}
		if i >= len(text) {
			break
		}
		if text[i] < utf8.RuneSelf {
			dst = append(append(dst, s[start:i]...), "\\"...)
			dst = appendEscape(dst, text[i])
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			dst = append(append(dst, s[start:i]...), "\uFFFD"...)
			start = i + 1
		}
		i += size
	}
	return append(append(dst, s[start:]...), '"')
}

// appendEscape adds what follows the backslash.
func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, c)
	case '\n':
		return append(dst, 'n')
	case '\r':
		return append(dst, 'r')
	case '\t':
		return append(dst, 't')
	}
	return append(dst, 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}

// unquote returns the text of a JSON string given with its quotes. Halves of a
// surrogate pair that stand alone become U+FFFD.
func unquote(quoted []byte) string {
	if len(quoted) < 2 {
		return ""
	}
	raw := quoted[1 : len(quoted)-1]
	i := nextEscape(raw, 0)
	if i == len(raw) {
		return string(raw)
	}
	b := make([]byte, 0, len(raw))
	for start := 0; ; i = nextEscape(raw, start) {
		b = append(b, raw[start:i]...)
		if i+1 >= len(raw) {
			return string(b)
		}
		if raw[i+1] == 'u' {
			r, size := escapedRune(raw[i:])
			b = utf8.AppendRune(b, r)
			start = i + size
			continue
		}
		b = append(b, simpleEscape(raw[i+1]))
		start = i + 2
	}
}

// nextEscape returns where the next backslash stands, or len(raw).
func nextEscape(raw []byte, i int) int {
	for i < len(raw) {
		n := firstMark(equal(word(raw, i), '\\'))
		if i += n; n < 8 {
			return i
		}
	}
	return len(raw)
}

func simpleEscape(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}

// escapedRune reads \uXXXX, and the second half of a surrogate pair with it.
func escapedRune(raw []byte) (r rune, size int) {
	r = hexRune(raw)
	if r < 0 {
		return utf8.RuneError, min(len(raw), 6)
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if pair := utf16.DecodeRune(r, hexRune(raw[6:])); pair != utf8.RuneError {
		return pair, 12
	}
	return utf8.RuneError, 6
}

// hexRune returns the value of the \uXXXX at the start of raw, or -1.
func hexRune(raw []byte) rune {
	if len(raw) < 6 || raw[0] != '\\' || raw[1] != 'u' {
		return -1
	}
	var r rune
	for _, c := range raw[2:6] {
		d := hexDigit(c)
		if d < 0 {
			return -1
		}
		r = r<<4 | rune(d)
	}
	return r
}

// hexDigit returns the value of a hexadecimal digit, or -1.
func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

func appendFloat(dst []byte, v float64) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(dst, "null"...)
	}
	format := byte('f')
	if size := math.Abs(v); size != 0 && (size < 1e-6 || size >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(dst, v, format, -1, 64)
}
