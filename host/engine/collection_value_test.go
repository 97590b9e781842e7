package engine

import (
	"bytes"
	"cmp"
	"encoding/json"
	"math/big"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/mesh-host/mesh-host/host/protocol"
)

func keyOf(value string) string {
	key, _ := appendKey(nil, []byte(value))
	return string(key)
}

// TestKeysHaveTheOrderOfSorts goes from the least to the greatest; what stands
// in one line is equal.
func TestKeysHaveTheOrderOfSorts(t *testing.T) {
	t.Parallel()
	lines := [][]string{
		{"null", " null ", ""},
		{"false"},
		{"true"},
		{"-1e400"},
		{"-12345678901234567890"},
		{"-12345678901234567889"},
		{"-10", "-1e1", "-0.1e+2", "-100E-1", "-10.000"},
		{"-1.5"},
		{"-1.25", "-125e-2"},
		{"-1"},
		{"-0.001", "-1e-3"},
		{"-1e-400"},
		{"0", "-0", "0.0", "0e99", "-0.00E-5"},
		{"1e-999999999999999999999"},
		{"1e-400"},
		{"0.00012", "12e-5"},
		{"0.000123"},
		{"0.1"},
		{"1", "1.0", "10e-1", "0.01e2"},
		{"1.5"},
		{"9.999"},
		{"10", "1e1"},
		{"99"},
		{"100", "1E2"},
		{"9007199254740992"},
		{"9007199254740993"},
		{"1e308"},
		{"1e309"},
		{"1e999999999999999999999"},
		{`""`},
		{`"\u0000"`},
		{`" "`},
		{`"10"`},
		{`"2"`},
		{`"a"`, `"\u0061"`, ` "a" `},
		{`"a\/b"`, `"a/b"`},
		{`"aa"`},
		{`"b"`},
		{`"é"`, `"\u00e9"`},
		{`"\ud83d\ude00"`, `"😀"`},
		{"[]", "{}", `{"a":1}`, "[1]"},
	}
	for i, line := range lines {
		for j, other := range lines {
			for _, a := range line {
				for _, b := range other {
					if got := strings.Compare(keyOf(a), keyOf(b)); got != cmp.Compare(i, j) {
						t.Errorf("%s is %d to %s, not %d", a, got, b, cmp.Compare(i, j))
					}
				}
			}
		}
	}
}

func TestLongStringsHaveTheOrderOfTheirBeginnings(t *testing.T) {
	t.Parallel()
	for _, unit := range []string{"x", "é", "😀", `\\`, `\u0078`, `\ud83d\ude00`, `\u00e9`, `x\n`} {
		text := func(n int) string { return `"` + strings.Repeat(unit, n) + `"` }
		whole, exact := appendKey(nil, []byte(text(100)))
		if !exact || len(whole) > maxKey {
			t.Errorf("100 times %s make %d bytes, exact: %v", unit, len(whole), exact)
		}
		for _, n := range []int{maxKey + 1, maxKey + 2, 5 * maxKey, 100 * maxKey} {
			long, exact := appendKey(nil, []byte(text(n)))
			if exact || len(long) != 1+maxKey || !bytes.HasPrefix(long, whole) {
				t.Errorf("%d times %s make %d bytes, exact: %v", n, unit, len(long), exact)
			}
			if other, _ := appendKey(nil, []byte(text(n+1))); !bytes.Equal(long, other) {
				t.Errorf("%d and %d times %s begin differently", n, n+1, unit)
			}
		}
	}
	digits := strings.Repeat("7", 10*maxKey)
	for _, sign := range []string{"", "-"} {
		if key, exact := appendKey(nil, []byte(sign+digits)); exact || len(key) > maxKey+16 {
			t.Errorf("a long number makes %d bytes, exact: %v", len(key), exact)
		}
	}
}

// FuzzKeys compares the keys of two values with what encoding/json and math/big
// make of them.
func FuzzKeys(f *testing.F) {
	for _, seed := range []string{"0", "-0.5e1", "12e-3", `"a"`, `"\u00e9\n"`, "null", "true", "[1]", "1e30"} {
		f.Add([]byte(seed), []byte("-1.50"))
		f.Add([]byte(seed), []byte(`"b\ud83d\ude00"`))
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if !protocol.Valid(a) || !protocol.Valid(b) || len(a) > 40 || len(b) > 40 {
			return
		}
		x, exact := appendKey(nil, a)
		y, _ := appendKey(nil, b)
		want, ok := order(t, a, b)
		if got := bytes.Compare(x, y); ok && got != want {
			t.Errorf("%s is %d to %s, not %d", a, got, b, want)
		}
		if exact && !json.Valid(a) {
			t.Errorf("%s has an exact key", a)
		}
	})
}

// order compares two values in another way; not where that would take too long.
func order(t *testing.T, a, b []byte) (int, bool) {
	t.Helper()
	x, y := decodeExactly(t, a), decodeExactly(t, b)
	if kx, ky := kindOf(x), kindOf(y); kx != ky || kx < 3 || kx == 5 {
		return cmp.Compare(kx, ky), true
	}
	if s, ok := x.(string); ok {
		return strings.Compare(s, y.(string)), utf8.ValidString(s)
	}
	numbers := make([]*big.Rat, 2)
	for i, text := range []string{x.(json.Number).String(), y.(json.Number).String()} {
		if _, exponent, _ := strings.Cut(strings.ToLower(text), "e"); len(exponent) > 4 {
			return 0, false
		}
		var ok bool
		if numbers[i], ok = new(big.Rat).SetString(text); !ok {
			return 0, false
		}
	}
	return numbers[0].Cmp(numbers[1]), true
}

func decodeExactly(t *testing.T, text []byte) (v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return v
}

func kindOf(v any) int {
	switch v := v.(type) {
	case nil:
		return 0
	case bool:
		if v {
			return 2
		}
		return 1
	case json.Number:
		return 3
	case string:
		return 4
	}
	return 5
}

func TestFieldsAreFoundInOneWalk(t *testing.T) {
	t.Parallel()
	var f fields
	paths := [][]string{{"a"}, {"b", "c"}, {"b", "d", "e"}, {"b"}, {"x.y"}, {"é"}}
	for i, p := range paths {
		f = f.add(p, i)
	}
	for i, p := range paths {
		if got := f.placeOf(p); got != i {
			t.Errorf("%q is at %d, not %d", p, got, i)
		}
	}
	if f.placeOf([]string{"b", "d"}) >= 0 || f.placeOf([]string{"q"}) >= 0 || f.placeOf(nil) >= 0 {
		t.Error("a name on the way is a field")
	}
	spaced := ` { "b" : { "d" : 5 } } `
	for value, want := range map[string][]string{
		`{"a":1,"b":{"c":"x","d":{"e":[2]}},"x.y":true,"\u00e9":3}`: {`1`, `"x"`, `[2]`, `{"c":"x","d":{"e":[2]}}`, `true`, `3`},
		spaced:                                  {"", "", "", `{ "d" : 5 }`, "", ""},
		`{"b":{"c":1,"d":{"e":1}},"b":{"c":2}}`: {"", "2", "", `{"c":2}`, "", ""},
		`{"b":{"c":1},"b":7,"a":1,"a":null}`:    {"null", "", "", "7", "", ""},
		`{"x":{"y":1}}`:                         {"", "", "", "", "", ""},
		`[{"a":1}]`:                             {"", "", "", "", "", ""},
		`"a"`:                                   {"", "", "", "", "", ""},
	} {
		found := make([][]byte, len(paths))
		f.find([]byte(value), found)
		var got []string
		for _, v := range found {
			got = append(got, string(v))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s has %q, want %q", value, got, want)
		}
	}
}
