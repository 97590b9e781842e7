package meshtest

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
)

// equal compares by what JSON means: neither the order of members counts nor how
// a number is written.
func equal(a, b mesh.JSON) bool {
	return string(a) == string(b) || reflect.DeepEqual(tree(a), tree(b))
}

func tree(text mesh.JSON) (v any) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	_ = d.Decode(&v) // it was checked
	return plain(v)
}

// plain gives each number one way of writing it.
func plain(v any) any {
	switch v := v.(type) {
	case json.Number:
		return plainNumber(string(v))
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = plain(v[name])
		}
	}
	return v
}

// plainNumber writes a number as an integer that does not end in 0 and a power
// of ten; one whose exponent is beyond all measure stays as it is.
func plainNumber(text string) json.Number {
	negative := strings.HasPrefix(text, "-")
	digits, power, _ := strings.Cut(strings.ToLower(strings.TrimPrefix(text, "-")), "e")
	whole, fraction, _ := strings.Cut(digits, ".")
	if power == "" {
		power = "0"
	}
	exponent, err := strconv.ParseInt(power, 10, 32)
	if err != nil {
		return json.Number(text)
	}
	significant := strings.TrimRight(whole+fraction, "0")
	exponent += int64(len(whole) - len(significant))
	significant = strings.TrimLeft(significant, "0")
	if significant == "" {
		return "0"
	}
	if negative {
		significant = "-" + significant
	}
	return json.Number(significant + "e" + strconv.FormatInt(exponent, 10))
}
