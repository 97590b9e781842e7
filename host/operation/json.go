package operation

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// object reads and writes one of the generated structs as a JSON object, by
// what the table says of its fields. encoding/json would let pass what is a
// mistake of the caller: unknown and missing members, names in another case,
// members that are there twice, null for anything. And it would write lists
// that are empty as null.
type object struct {
	operation string
	fields    []field
}

type field struct {
	abi.Field
	place int // in the struct
}

// types are the Go types of the fields' types.
var types = map[string]reflect.Type{
	"string":  reflect.TypeFor[string](),
	"json":    reflect.TypeFor[json.RawMessage](),
	"int":     reflect.TypeFor[int64](),
	"bool":    reflect.TypeFor[bool](),
	"strings": reflect.TypeFor[[]string](),
	"bytes":   reflect.TypeFor[[]byte](),
}

// newObject panics where the struct is not what the table says: both are
// generated from one document.
func newObject(operation string, t reflect.Type, fields []abi.Field) object {
	o := object{operation: operation, fields: make([]field, len(fields))}
	for i, f := range fields {
		place := placeOf(t, f.Name)
		if place < 0 || t.Field(place).Type != types[f.Type] {
			panic(fmt.Sprintf("operation: %s has no field %s of type %s", t, f.Name, f.Type))
		}
		o.fields[i] = field{f, place}
	}
	return o
}

func placeOf(t reflect.Type, name string) int {
	for i := range t.NumField() {
		if tag, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); tag == name {
			return i
		}
	}
	return -1
}

var (
	errNotJSON   = fmt.Errorf("the request is not JSON in UTF-8, nested at most %d deep", protocol.MaxDepth)
	errNotObject = errors.New("the request is not a JSON object")
)

// decode reads text into a struct. The error names the field.
func (o object) decode(text []byte, into reflect.Value) error {
	switch {
	case !protocol.Valid(text):
		return errNotJSON
	case !protocol.IsObject(text):
		return errNotObject
	}
	seen := make([]bool, len(o.fields))
	var problem error
	protocol.EachMember(text, func(key, value []byte) bool {
		problem = o.take(string(key), value, seen, into)
		return problem == nil
	})
	if problem != nil {
		return problem
	}
	for i, f := range o.fields {
		if !seen[i] && !f.Optional {
			return fmt.Errorf("%s: is missing", f.Name)
		}
	}
	return nil
}

// take reads one member.
func (o object) take(key string, value []byte, seen []bool, into reflect.Value) error {
	for i, f := range o.fields {
		if f.Name != key {
			continue
		}
		if seen[i] {
			return fmt.Errorf("%s: is there twice", key)
		}
		seen[i] = true
		if err := f.decode(value, into.Field(f.place).Addr().Interface()); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		return nil
	}
	return o.unknown(key)
}

func (o object) unknown(key string) error {
	key = protocol.CutText(key, protocol.MaxName)
	if len(o.fields) == 0 {
		return fmt.Errorf("%q: unknown field, %s takes none", key, o.operation)
	}
	names := make([]string, len(o.fields))
	for i, f := range o.fields {
		names[i] = f.Name
	}
	return fmt.Errorf("%q: unknown field, %s takes %s", key, o.operation, strings.Join(names, ", "))
}

// decode reads a value, valid JSON, into a field of the struct.
func (f field) decode(value []byte, into any) error {
	switch target := into.(type) {
	case *json.RawMessage:
		*target = append(json.RawMessage{}, value...)
		return nil
	case *int64:
		return decodeInt(value, target)
	case *string:
		if value[0] != '"' {
			return wrongType(value, "a string")
		}
	case *bool:
		if value[0] != 't' && value[0] != 'f' {
			return wrongType(value, "true or false")
		}
	case *[]string:
		return decodeStrings(value, target)
	case *[]byte:
		return decodeBytes(value, target)
	}
	return json.Unmarshal(value, into)
}

func decodeInt(value []byte, into *int64) error {
	if c := value[0]; c != '-' && (c < '0' || c > '9') {
		return wrongType(value, "a whole number")
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return errors.New("must be a whole number of at most 64 bits")
	case err != nil:
		return errors.New("must be a whole number, without point and exponent")
	}
	*into = n
	return nil
}

// decodeBytes reads base64 (RFC 4648, section 4): JSON has no bytes.
func decodeBytes(value []byte, into *[]byte) (err error) {
	if value[0] != '"' {
		return wrongType(value, "base64 text")
	}
	var text string
	if err := json.Unmarshal(value, &text); err != nil {
		return err
	}
	if *into, err = base64.StdEncoding.Strict().DecodeString(text); err != nil {
		return errors.New("must be base64 text, in the standard alphabet and padded")
	}
	return nil
}

func decodeStrings(value []byte, into *[]string) error {
	if value[0] != '[' {
		return wrongType(value, "a list of strings")
	}
	var elements []json.RawMessage
	if err := json.Unmarshal(value, &elements); err != nil {
		return err
	}
	list := make([]string, len(elements))
	for i, e := range elements {
		if e[0] != '"' {
			return fmt.Errorf("element %d %w", i, wrongType(e, "a string"))
		}
		if err := json.Unmarshal(e, &list[i]); err != nil {
			return err
		}
	}
	*into = list
	return nil
}

func wrongType(value []byte, allowed string) error {
	kind := "a number"
	switch value[0] {
	case '"':
		kind = "a string"
	case '{':
		kind = "an object"
	case '[':
		kind = "a list"
	case 't', 'f', 'n':
		kind = string(value)
	}
	return fmt.Errorf("must be %s, not %s", allowed, kind)
}

// encode adds a struct to dst.
func (o object) encode(dst []byte, from reflect.Value) []byte {
	dst = append(dst, '{')
	first := len(dst)
	for _, f := range o.fields {
		v := from.Field(f.place)
		if f.Optional && (v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0) {
			continue
		}
		if len(dst) > first {
			dst = append(dst, ',')
		}
		dst = append(protocol.AppendString(dst, f.Name), ':')
		dst = appendValue(dst, v.Interface())
	}
	return append(dst, '}')
}

func appendValue(dst []byte, value any) []byte {
	switch v := value.(type) {
	case json.RawMessage:
		if len(v) == 0 {
			return append(dst, "null"...)
		}
		return append(dst, v...)
	case string:
		return protocol.AppendString(dst, v)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case bool:
		return strconv.AppendBool(dst, v)
	case []string:
		return appendStrings(dst, v)
	case []byte:
		return append(base64.StdEncoding.AppendEncode(append(dst, '"'), v), '"')
	}
	return dst
}

func appendStrings(dst []byte, list []string) []byte {
	dst = append(dst, '[')
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = protocol.AppendString(dst, s)
	}
	return append(dst, ']')
}
