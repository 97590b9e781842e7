// Package vectors reads the test vectors of the ABI, which every kit shares.
package vectors

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Vector is an entry of a vector file; see abi/testdata/vectors/README.md.
type Vector struct {
	Name       string          `json:"name"`
	Type       string          `json:"type"`
	Operation  string          `json:"operation"`
	Message    string          `json:"message"`
	Value      json.RawMessage `json:"value"`
	Hex        string          `json:"hex"`
	DecodeOnly bool            `json:"decodeOnly"`
	Error      string          `json:"error"`
}

// Read returns the entries of a vector file.
func Read(tb testing.TB, file string) []Vector {
	tb.Helper()
	_, here, _, _ := runtime.Caller(0)
	path := filepath.Join(filepath.Dir(here), "..", "..", "..", "..", "abi", "testdata", "vectors", file)
	text, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	var list []Vector
	if err := json.Unmarshal(text, &list); err != nil {
		tb.Fatalf("%s: %v", path, err)
	}
	return list
}

// Bytes returns the encoded message.
func (v Vector) Bytes(tb testing.TB) []byte {
	tb.Helper()
	b, err := hex.DecodeString(v.Hex)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// Into decodes the value.
func (v Vector) Into(tb testing.TB, value any) {
	tb.Helper()
	if err := json.Unmarshal(v.Value, value); err != nil {
		tb.Fatalf("value: %v", err)
	}
}

// Bytes is a text or bytes member: null is nil, "hex:…" is hexadecimal.
type Bytes []byte

// UnmarshalJSON implements json.Unmarshaler.
func (b *Bytes) UnmarshalJSON(text []byte) error {
	var s *string
	if err := json.Unmarshal(text, &s); err != nil || s == nil {
		*b = nil
		return err
	}
	if digits, ok := strings.CutPrefix(*s, "hex:"); ok {
		decoded, err := hex.DecodeString(digits)
		*b = append(Bytes{}, decoded...)
		return err
	}
	*b = append(Bytes{}, *s...)
	return nil
}

// Int is an integer member: a number, or text where a number of JavaScript
// would lose digits. null is 0.
type Int int64

// UnmarshalJSON implements json.Unmarshaler.
func (i *Int) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*i = 0
		return nil
	}
	return json.Unmarshal([]byte(strings.Trim(string(text), `"`)), (*int64)(i))
}
