package command

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// fields reads the payload of a built-in, an object. The first field that is
// not as it must be is the error; null reads as absent.
type fields struct {
	object []byte
	prefix string // names the object in errors, "" for the payload
	failed *protocol.Error
}

// fields returns the payload's fields; without a payload there are none.
func (c *Call) fields() *fields {
	f := &fields{object: c.Payload}
	if c.Payload == nil {
		f.object = []byte("{}")
	} else if !protocol.IsObject(c.Payload) {
		f.fail("payload", "must be an object")
	}
	return f
}

// err returns the error, nil where there is none.
func (f *fields) err() error {
	if f.failed != nil {
		return f.failed
	}
	return nil
}

func (f *fields) fail(field, problem string) {
	if f.failed == nil {
		f.failed = protocol.NewError(abi.CodePayload, f.prefix+field+": "+problem)
	}
}

// raw returns a field's JSON text, nil where it is absent or null.
func (f *fields) raw(field string) []byte {
	if f.failed != nil {
		return nil
	}
	value := f.member(field)
	if string(value) == "null" {
		return nil
	}
	return value
}

// member returns a field's JSON text. One that is there twice, or also in
// another case, is refused: whoever looked at the payload before, such as
// middleware, may have seen the other one.
func (f *fields) member(field string) (value []byte) {
	protocol.EachMember(f.object, func(key, text []byte) bool {
		if !strings.EqualFold(string(key), field) {
			return true
		}
		if value != nil {
			f.fail(field, "is there twice")
			return false
		}
		if string(key) != field {
			f.fail(field, "must be written so")
			return false
		}
		value = text
		return true
	})
	if f.failed != nil {
		return nil
	}
	return value
}

// value is raw where null is a value, and must be there.
func (f *fields) value(field string) []byte {
	if f.failed != nil {
		return nil
	}
	value := f.member(field)
	if value == nil {
		f.fail(field, "is missing")
	}
	return value
}

// text returns a string, "" where it is absent.
func (f *fields) text(field string) string {
	value := f.raw(field)
	if value == nil {
		return ""
	}
	text, ok := protocol.Text(value)
	if !ok {
		f.fail(field, "must be a string")
	}
	return text
}

// name returns a name, which must be there.
func (f *fields) name(field string) string {
	if f.failed == nil && f.raw(field) == nil {
		f.fail(field, "is missing")
	}
	name := f.text(field)
	if f.failed == nil {
		if err := protocol.CheckName(name); err != nil {
			f.fail(field, err.Error())
		}
	}
	return name
}

// number returns a number without its fraction, 0 where it is absent. What
// does not fit into 64 bits becomes the nearest that does. Old clients send
// some numbers as strings.
func (f *fields) number(field string) int64 {
	value := f.raw(field)
	if value == nil {
		return 0
	}
	digits := string(value)
	if text, ok := protocol.Text(value); ok {
		digits = text
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil && !math.IsInf(n, 0) || math.IsNaN(n) {
		f.fail(field, "must be a number")
		return 0
	}
	if whole, err := strconv.ParseInt(digits, 10, 64); err == nil {
		return whole
	}
	switch {
	case n >= math.MaxInt64:
		return math.MaxInt64
	case n <= math.MinInt64:
		return math.MinInt64
	}
	return int64(n)
}

// duration returns a time in milliseconds, rounded up: a fraction is not
// nothing. What is negative is 0.
func (f *fields) duration(field string) int64 {
	n := f.number(field)
	if n == 0 && f.failed == nil {
		if part, err := strconv.ParseFloat(string(f.raw(field)), 64); err == nil && part > 0 {
			return 1
		}
	}
	return max(n, 0)
}

// flag returns a boolean, false where it is absent.
func (f *fields) flag(field string) bool {
	switch value := f.raw(field); string(value) {
	case "", "false":
		return false
	case "true":
		return true
	}
	f.fail(field, "must be true or false")
	return false
}

// oneOf returns a word out of several, the first where it is absent.
func (f *fields) oneOf(field string, words ...string) string {
	word := f.text(field)
	switch {
	case word == "":
		return words[0]
	case f.failed == nil && !slices.Contains(words, word):
		f.fail(field, "must be "+strings.Join(words, " or "))
	}
	return word
}

// nested returns the fields of an object in a field, nil where it is absent.
func (f *fields) nested(field string) *fields {
	value := f.raw(field)
	if value == nil {
		return nil
	}
	inner := &fields{object: value, prefix: f.prefix + field + "."}
	if !protocol.IsObject(value) {
		f.fail(field, "must be an object")
		inner.failed = f.failed
	}
	return inner
}

// join takes over the error of nested fields that have been read.
func (f *fields) join(inner *fields) {
	if f.failed == nil {
		f.failed = inner.failed
	}
}
