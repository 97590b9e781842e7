package main

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/mesh-host/mesh-host/host"
)

// field is one key of a config struct and where its value goes.
type field struct {
	key   string // "limits.message_size"
	value reflect.Value
}

// fieldsOf lists the keys of the struct that config points to, in its order,
// and in tables the keys that only hold further keys: "limits". The struct is
// the one list of keys: file, environment and printing follow it.
func fieldsOf(config any) (list []field, tables []string) {
	return appendFields(nil, nil, "", reflect.ValueOf(config).Elem())
}

func appendFields(list []field, tables []string, prefix string, v reflect.Value) ([]field, []string) {
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag.Get("toml")
		if tag == "-" {
			continue
		}
		key := prefix + tag
		if v.Field(i).Kind() == reflect.Struct {
			tables = append(tables, key)
			list, tables = appendFields(list, tables, key+".", v.Field(i))
			continue
		}
		list = append(list, field{key: key, value: v.Field(i)})
	}
	return list, tables
}

// isSecret tells whether the field's value is nobody's business. The path of a
// file that holds a secret is none.
func (f field) isSecret() bool {
	name := lastPart(f.key)
	return isSecret(name) && !strings.HasSuffix(name, "_file")
}

// kind is the field's kind, of what it points to if it is optional.
func (f field) kind() reflect.Kind {
	if f.value.Kind() == reflect.Pointer {
		return f.value.Type().Elem().Kind()
	}
	return f.value.Kind()
}

// parse turns the text of a variable or flag into what the field would be in
// the file. Lists are comma separated, "[]" is the empty one.
func (f field) parse(text string) (any, error) {
	switch f.value.Addr().Interface().(type) {
	case encoding.TextUnmarshaler, *time.Duration:
		return text, nil
	}
	switch f.kind() {
	case reflect.Bool:
		if text != "true" && text != "false" {
			return nil, fmt.Errorf("%q is neither true nor false", text)
		}
		return text == "true", nil
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is not a whole number", text)
		}
		return n, nil
	case reflect.Slice:
		list := []any{}
		if text == "[]" {
			return list, nil
		}
		for element := range strings.SplitSeq(text, ",") {
			list = append(list, strings.TrimSpace(element))
		}
		return list, nil
	default:
		return text, nil
	}
}

// assign stores raw, a value of the file, in the field. The error says what
// is allowed and does not name the key.
func (f field) assign(raw any) error {
	switch target := f.value.Addr().Interface().(type) {
	case *time.Duration:
		return assignDuration(target, raw)
	case encoding.TextUnmarshaler:
		return assignText(target, raw)
	case *[]string:
		return assignList(target, raw)
	case *host.PatternList:
		return assignPatterns(target, raw)
	case *host.Filter:
		return assignFilter(target, raw)
	case **int:
		n, ok := raw.(int64)
		if !ok {
			return wrongType(raw, "a whole number")
		}
		*target = new(int(n))
		return nil
	case *int:
		n, ok := raw.(int64)
		if !ok {
			return wrongType(raw, "a whole number")
		}
		*target = int(n)
		return nil
	case *int64:
		n, ok := raw.(int64)
		if !ok {
			return wrongType(raw, "a whole number")
		}
		*target = n
		return nil
	case *bool:
		b, ok := raw.(bool)
		if !ok {
			return wrongType(raw, "true or false")
		}
		*target = b
		return nil
	}
	s, ok := raw.(string)
	if !ok {
		return wrongType(raw, "a string")
	}
	f.value.SetString(s)
	return nil
}

func assignDuration(target *time.Duration, raw any) error {
	text := "0"
	switch v := raw.(type) {
	case string:
		text = v
	case int64:
		if v != 0 {
			return fmt.Errorf(`%d has no unit: write "%ds" or "%dms"`, v, v, v)
		}
	default:
		return wrongType(raw, `a duration such as "30s"`)
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf(`%q is not a duration: numbers with h, m, s, ms or us, such as "30s" or "1m30s"`, text)
	}
	*target = d
	return nil
}

func assignText(target encoding.TextUnmarshaler, raw any) error {
	switch v := raw.(type) {
	case string:
		return target.UnmarshalText([]byte(v))
	case int64:
		return target.UnmarshalText(strconv.AppendInt(nil, v, 10))
	}
	return wrongType(raw, `a size such as "64KiB", or a number of bytes`)
}

func assignList(target *[]string, raw any) error {
	elements, ok := raw.([]any)
	if !ok {
		return wrongType(raw, `a list of strings such as ["a", "b"]`)
	}
	list := make([]string, 0, len(elements))
	for _, e := range elements {
		s, ok := e.(string)
		if !ok {
			return wrongType(e, "a string, as every element")
		}
		list = append(list, s)
	}
	*target = list
	return nil
}

func wrongType(raw any, allowed string) error {
	return fmt.Errorf("it is %s and must be %s", describe(raw), allowed)
}

// describe names the TOML type of a decoded value, with the value where that
// is short.
func describe(raw any) string {
	switch v := raw.(type) {
	case string:
		return "the string " + strconv.Quote(v)
	case bool, int64:
		return fmt.Sprint(v)
	case float64:
		return "the float " + floatText(v)
	case map[string]any:
		return "a table"
	case []any:
		return "a list"
	case nil:
		return "null"
	case json.Number:
		return "a number beyond 64 bits"
	default:
		return "a date or time"
	}
}
