package abi_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/abi"
)

// field is one of a vector of type fields.
type field struct {
	Type  string          `json:"type"`
	Value json.RawMessage `json:"value"`
}

func TestFieldVectors(t *testing.T) {
	t.Parallel()
	for _, v := range readVectors(t, "codec.json") {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			var fields []field
			if err := json.Unmarshal(v.Value, &fields); err != nil {
				t.Fatal(err)
			}
			if v.Error != "" {
				checkFieldFailure(t, v, fields)
				return
			}
			checkFields(t, v, fields)
		})
	}
}

func checkFieldFailure(t *testing.T, v vector, fields []field) {
	t.Helper()
	f := abi.Decode(v.bytes(t))
	for _, want := range fields {
		readField(&f, want.Type)
	}
	if !errors.Is(f.Err(), v.failure()) {
		t.Errorf("got %v, want %v", f.Err(), v.failure())
	}
	if got := f.Bytes(); got != nil {
		t.Errorf("after the failure it read %x", got)
	}
}

func checkFields(t *testing.T, v vector, fields []field) {
	t.Helper()
	f := abi.Decode(v.bytes(t))
	var encoded []byte
	for i, want := range fields {
		got, value := readField(&f, want.Type), fieldValue(t, want)
		if !reflect.DeepEqual(got, value) {
			t.Errorf("field %d is %#v, want %#v", i, got, value)
		}
		encoded = appendField(encoded, want, value)
	}
	if f.Err() != nil {
		t.Error(f.Err())
	}
	if !v.DecodeOnly && !bytes.Equal(encoded, v.bytes(t)) {
		t.Errorf("encoded as %x, want %s", encoded, v.Hex)
	}
}

func readField(f *abi.Fields, kind string) any {
	switch kind {
	case "int":
		v, _ := f.Int()
		return v
	case "bool":
		return f.Bool()
	case "string":
		return f.String()
	case "strings":
		return f.Strings()
	}
	return f.Bytes()
}

func appendField(dst []byte, f field, value any) []byte {
	if string(f.Value) == "null" {
		return abi.AppendAbsent(dst)
	}
	switch v := value.(type) {
	case int64:
		return abi.AppendInt(dst, v)
	case bool:
		return abi.AppendBool(dst, v)
	case string:
		return abi.AppendString(dst, v)
	case []string:
		return abi.AppendStrings(dst, v)
	}
	return abi.AppendBytes(dst, value.([]byte))
}

func fieldValue(t *testing.T, f field) any {
	t.Helper()
	absent := string(f.Value) == "null"
	switch f.Type {
	case "int":
		if absent {
			return int64(0)
		}
		return intValue(t, f.Value)
	case "bool":
		return string(f.Value) == "true"
	case "string":
		if absent {
			return ""
		}
		return string(bytesValue(t, f.Value))
	case "strings":
		var list []string
		if err := json.Unmarshal(f.Value, &list); err != nil {
			t.Fatal(err)
		}
		return list
	}
	if absent {
		return []byte(nil)
	}
	return bytesValue(t, f.Value)
}

func TestIntTellsAbsentFromZero(t *testing.T) {
	t.Parallel()
	f := abi.Decode(abi.AppendInt(abi.AppendAbsent(nil), 0))
	if _, ok := f.Int(); ok {
		t.Error("an absent integer is there")
	}
	if v, ok := f.Int(); v != 0 || !ok {
		t.Errorf("0 was read as %d, %t", v, ok)
	}
}

func TestNestedField(t *testing.T) {
	t.Parallel()
	b, mark := abi.BeginField([]byte("before"))
	b = (&abi.Error{Code: "EX"}).Append(b)
	b = abi.EndField(b, mark)
	f := abi.Decode(b[len("before"):])
	var e abi.Error
	if err := e.Decode(f.Bytes()); err != nil || e.Code != "EX" {
		t.Errorf("got %+v, %v", e, err)
	}
}

// TestFieldsCannotBeAppendedTo: what a decoder returns must not let a caller's
// append write over the next field.
func TestFieldsCannotBeAppendedTo(t *testing.T) {
	t.Parallel()
	message := abi.AppendString(abi.AppendString(nil, "one"), "two")
	f := abi.Decode(message)
	_ = append(f.Bytes(), "xxxxxxx"...)
	if got := f.String(); got != "two" {
		t.Errorf("the second field became %q", got)
	}
}

func TestPack(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]uint32{{0, 0}, {1, 2}, {0xFFFFFFFF, 0}, {0, 0xFFFFFFFF}, {0x80000000, 0x7FFFFFFF}} {
		packed := abi.Pack(pair[0], pair[1])
		if ptr, length := abi.Unpack(packed); ptr != pair[0] || length != pair[1] {
			t.Errorf("%x was packed as %x and read back as %x, %x", pair, packed, ptr, length)
		}
	}
	if got := abi.Pack(0x1000, 0x20); got != 0x1000_00000020 {
		t.Errorf("the pointer is not the upper half: %x", got)
	}
}

// TestListsCostWhatTheyHold: a hostile count or length makes no allocation, and
// an honest list takes no more than four times its message.
func TestListsCostWhatTheyHold(t *testing.T) {
	list := abi.AppendStrings(nil, make([]string, 1000))
	bomb := bytes.Clone(list)
	copy(bomb[4:], "\xff\xff\xff\xff")
	if n := testing.AllocsPerRun(10, func() {
		f := abi.Decode(bomb)
		if f.Strings() != nil {
			t.Error("the bomb was read")
		}
	}); n != 0 {
		t.Errorf("a refused list allocates %v times", n)
	}
	f := abi.Decode(list)
	if got := f.Strings(); len(got) != 1000 || strings.Join(got, "") != "" {
		t.Errorf("got %d items", len(got))
	}
}
