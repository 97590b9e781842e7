package codec_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"github.com/mesh-host/mesh-host/pdk/go/internal/codec"
	"github.com/mesh-host/mesh-host/pdk/go/internal/vectors"
)

type field struct {
	Type  string          `json:"type"`
	Value json.RawMessage `json:"value"`
}

func (f field) absent() bool { return string(f.Value) == "null" }

func TestVectors(t *testing.T) {
	t.Parallel()
	for _, v := range vectors.Read(t, "codec.json") {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			var fields []field
			v.Into(t, &fields)
			if v.Error != "" {
				checkFailure(t, v, fields)
				return
			}
			checkDecode(t, v, fields)
			if !v.DecodeOnly {
				checkEncode(t, v, fields)
			}
		})
	}
}

func checkFailure(t *testing.T, v vectors.Vector, fields []field) {
	t.Helper()
	f := codec.Decode(v.Bytes(t))
	for _, want := range fields {
		read(&f, want.Type)
	}
	want := map[string]error{"truncated": codec.ErrTruncated, "size": codec.ErrSize}[v.Error]
	if !errors.Is(f.Err(), want) {
		t.Errorf("got %v, want %v", f.Err(), want)
	}
	if got := f.Bytes(); got != nil {
		t.Errorf("after the failure it read %x", got)
	}
}

func checkDecode(t *testing.T, v vectors.Vector, fields []field) {
	t.Helper()
	f := codec.Decode(v.Bytes(t))
	for i, want := range fields {
		got := read(&f, want.Type)
		if expected := value(t, want); !reflect.DeepEqual(got, expected) {
			t.Errorf("field %d: got %#v, want %#v", i, got, expected)
		}
	}
	if f.Err() != nil {
		t.Error(f.Err())
	}
}

func checkEncode(t *testing.T, v vectors.Vector, fields []field) {
	t.Helper()
	var b []byte
	for _, f := range fields {
		if f.absent() {
			b = codec.AppendAbsent(b)
			continue
		}
		switch x := value(t, f).(type) {
		case int64:
			b = codec.AppendInt(b, x)
		case bool:
			b = codec.AppendBool(b, x)
		case string:
			b = codec.AppendString(b, x)
		case []byte:
			b = codec.AppendBytes(b, x)
		case []string:
			b = codec.AppendStrings(b, x)
		}
	}
	if !bytes.Equal(b, v.Bytes(t)) {
		t.Errorf("got %x, want %s", b, v.Hex)
	}
}

func read(f *codec.Fields, kind string) any {
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

func value(t *testing.T, f field) any {
	t.Helper()
	v := vectors.Vector{Value: f.Value}
	switch f.Type {
	case "int":
		var i vectors.Int
		v.Into(t, &i)
		return int64(i)
	case "bool":
		var b bool
		v.Into(t, &b)
		return b
	case "string":
		var s vectors.Bytes
		v.Into(t, &s)
		return string(s)
	case "strings":
		var list []string
		v.Into(t, &list)
		return list
	}
	var b vectors.Bytes
	v.Into(t, &b)
	return []byte(b)
}

func TestOptional(t *testing.T) {
	t.Parallel()
	b := codec.AppendOptionalString(nil, "")
	b = codec.AppendOptionalInt(b, 0)
	if want := bytes.Repeat([]byte{0xFF}, 8); !bytes.Equal(b, want) {
		t.Errorf("empty ones are %x, want %x", b, want)
	}
	b = codec.AppendOptionalString(nil, "a")
	b = codec.AppendOptionalInt(b, 5)
	f := codec.Decode(b)
	if s := f.String(); s != "a" {
		t.Errorf("got %q", s)
	}
	if v, ok := f.Int(); v != 5 || !ok {
		t.Errorf("got %d, %t", v, ok)
	}
}

func TestNestedField(t *testing.T) {
	t.Parallel()
	b, mark := codec.Begin([]byte("before"))
	b = codec.AppendString(b, "inner")
	b = codec.End(b, mark)
	f := codec.Decode(b[len("before"):])
	inner := codec.Decode(f.Bytes())
	if s := inner.String(); s != "inner" || f.Err() != nil {
		t.Errorf("got %q, %v", s, f.Err())
	}
}

func FuzzFields(f *testing.F) {
	for _, v := range vectors.Read(f, "codec.json") {
		f.Add(v.Bytes(f), []byte{0, 1, 2, 3, 4})
	}
	kinds := []string{"int", "bool", "string", "bytes", "strings"}
	f.Fuzz(func(_ *testing.T, message, types []byte) {
		fields := codec.Decode(message)
		for _, kind := range types {
			read(&fields, kinds[int(kind)%len(kinds)])
		}
	})
}
