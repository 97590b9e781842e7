package record

import "bytes"

// number is a JSON number taken apart: its value is the significant digits
// behind a decimal point, times ten to the power of exponent plus shift.
type number struct {
	negative bool
	// digits are the significant ones, without zeros at either end, with the
	// point somewhere among them; empty for zero.
	digits []byte
	// shift is how far right of the first significant digit the point stands.
	shift    int
	exponent exponent
}

type exponent struct {
	sign   int
	digits []byte
}

// sameNumber reports whether two JSON numbers are worth the same. It computes
// nothing that could overflow or grow: 1e999999999 costs what its text does.
func sameNumber(a, b []byte) bool {
	m, n := parseNumber(a), parseNumber(b)
	if len(m.digits) == 0 || len(n.digits) == 0 {
		return len(m.digits) == len(n.digits)
	}
	return m.negative == n.negative && sameDigits(m.digits, n.digits) &&
		differBy(m.exponent, n.exponent, n.shift-m.shift)
}

func parseNumber(text []byte) number {
	var n number
	if n.negative = text[0] == '-'; n.negative {
		text = text[1:]
	}
	n.exponent.sign = 1
	if e := bytes.IndexAny(text, "eE"); e >= 0 {
		n.exponent = parseExponent(text[e+1:])
		text = text[:e]
	}
	point := bytes.IndexByte(text, '.')
	if point < 0 {
		point = len(text)
	}
	significant := bytes.TrimLeft(text, "0.")
	leading := len(text) - len(significant)
	if n.shift = point - leading; n.shift < 0 {
		n.shift++ // the point itself is no digit
	}
	n.digits = bytes.TrimRight(significant, "0.")
	return n
}

func parseExponent(text []byte) exponent {
	e := exponent{sign: 1, digits: text}
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		e.digits = text[1:]
		if text[0] == '-' {
			e.sign = -1
		}
	}
	e.digits = bytes.TrimLeft(e.digits, "0")
	return e
}

// sameDigits compares digits, wherever the points are.
func sameDigits(a, b []byte) bool {
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] == '.':
			a = a[1:]
			continue
		case b[0] == '.':
			b = b[1:]
			continue
		case a[0] != b[0]:
			return false
		}
		a, b = a[1:], b[1:]
	}
	return len(a) == len(b)
}

// differBy reports whether e less f is difference. They have as many digits as
// somebody liked to write. From the first digits on, what they differ by is
// multiplied by ten and changed by 18 at most with each further digit: once it
// is large, it stays so.
func differBy(e, f exponent, difference int) bool {
	const large = 1 << 40 // no text is that long
	by := 0
	for n := max(len(e.digits), len(f.digits)); n > 0; n-- {
		by = 10*by + e.sign*digit(e.digits, n) - f.sign*digit(f.digits, n)
		if by > large || by < -large {
			return false
		}
	}
	return by == difference
}

// digit returns the n-th digit from the right, 0 left of the first.
func digit(digits []byte, n int) int {
	if n > len(digits) {
		return 0
	}
	return int(digits[len(digits)-n] - '0')
}

// small returns an exponent of at most nine digits.
func (e exponent) small() (value int, ok bool) {
	if len(e.digits) > 9 {
		return 0, false
	}
	for n := len(e.digits); n > 0; n-- {
		value = 10*value + digit(e.digits, n)
	}
	return e.sign * value, true
}
