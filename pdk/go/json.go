package mesh

import (
	"iter"
	"strconv"
)

// JSON is the text of one JSON value, nil: no value. What the host hands to a
// plugin is valid JSON; of other text the methods read what they can and never
// panic. They work on the text itself, without building a tree.
//
// Reading several members of an object scans it once for each; for large
// objects range over Members.
type JSON []byte

// Text returns s as a JSON value. Bytes that are not UTF-8 become U+FFFD.
func Text(s string) JSON { return appendQuoted(make([]byte, 0, len(s)+2), s) }

// Int returns v as a JSON value.
func Int(v int64) JSON { return strconv.AppendInt(nil, v, 10) }

// Float returns v as a JSON value in its shortest form; NaN and the infinities
// are null, as in JavaScript.
func Float(v float64) JSON { return appendFloat(nil, v) }

// Bool returns v as a JSON value.
func Bool(v bool) JSON { return strconv.AppendBool(nil, v) }

// String returns the text of the value; "" where there is none.
func (j JSON) String() string { return string(j) }

// Copy returns the value in memory of its own, to outlive the call.
func (j JSON) Copy() JSON {
	if j == nil {
		return nil
	}
	return append(JSON{}, j...)
}

// IsNull tells whether the value is null or there is none.
func (j JSON) IsNull() bool { return len(j) == 0 || string(j.trim()) == "null" }

// IsObject tells whether the value is an object.
func (j JSON) IsObject() bool { return j.first() == '{' }

// IsArray tells whether the value is an array.
func (j JSON) IsArray() bool { return j.first() == '[' }

// Get returns a member of an object; nil where it is missing or the value is
// no object. Of members with one name the last counts, as in JavaScript.
func (j JSON) Get(name string) JSON {
	var found JSON
	s := scanner{text: j}
	for s.open('{'); s.member(); {
		if s.keyIs(name) {
			found = s.value
		}
	}
	return found
}

// Members ranges over an object's members in their order; over nothing where
// the value is no object.
func (j JSON) Members() iter.Seq2[string, JSON] {
	return func(yield func(string, JSON) bool) {
		s := scanner{text: j}
		for s.open('{'); s.member(); {
			if !yield(unquote(s.key), s.value) {
				return
			}
		}
	}
}

// Items ranges over an array's items; over nothing where the value is no
// array.
func (j JSON) Items() iter.Seq[JSON] {
	return func(yield func(JSON) bool) {
		s := scanner{text: j}
		for s.open('['); s.item(); {
			if !yield(s.value) {
				return
			}
		}
	}
}

// AsText returns a string, unescaped, and whether the value is one.
func (j JSON) AsText() (string, bool) {
	if j.first() != '"' {
		return "", false
	}
	return unquote(j.trim()), true
}

// AsInt returns an integer, and whether the value is one that 64 bits hold,
// written without fraction and exponent.
func (j JSON) AsInt() (int64, bool) {
	if v, ok := parseInt(j); ok {
		return v, true
	}
	return parseInt(j.trim())
}

// AsFloat returns a number, and whether the value is one that is finite in 64
// bits.
func (j JSON) AsFloat() (float64, bool) {
	text := j.trim()
	for _, c := range text { // ParseFloat also reads hexadecimals and names
		if (c < '0' || c > '9') && c != '-' && c != '+' && c != '.' && c != 'e' && c != 'E' {
			return 0, false
		}
	}
	v, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return 0, false
	}
	return v, true
}

// AsBool returns a boolean, and whether the value is one.
func (j JSON) AsBool() (v, ok bool) {
	switch string(j.trim()) {
	case "true":
		return true, true
	case "false":
		return false, true
	}
	return false, false
}

// AsTexts returns an array of strings, and whether the value is one.
func (j JSON) AsTexts() ([]string, bool) {
	if !j.IsArray() {
		return nil, false
	}
	list := []string{}
	for item := range j.Items() {
		text, ok := item.AsText()
		if !ok {
			return nil, false
		}
		list = append(list, text)
	}
	return list, true
}

// first returns the first byte of the value, which tells its kind; 0 where
// there is none.
func (j JSON) first() byte {
	i := skipSpace(j, 0)
	if i == len(j) {
		return 0
	}
	return j[i]
}

// trim cuts the white space around the value off; there is seldom any.
func (j JSON) trim() JSON {
	if len(j) > 0 && j[0] > ' ' && j[len(j)-1] > ' ' {
		return j
	}
	return j.trimSpace()
}

func (j JSON) trimSpace() JSON {
	start, end := skipSpace(j, 0), len(j)
	for end > start && isSpace(j[end-1]) {
		end--
	}
	return j[start:end]
}

func parseInt(text []byte) (v int64, ok bool) {
	digits := text
	negative := len(text) > 0 && text[0] == '-'
	if negative {
		digits = text[1:]
	}
	if len(digits) == 0 || len(digits) > 19 {
		return 0, false
	}
	var n uint64 // 19 digits fit
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	limit := uint64(1<<63 - 1)
	if negative {
		limit = 1 << 63
	}
	if n > limit {
		return 0, false
	}
	if negative {
		return -int64(n), true
	}
	return int64(n), true
}
