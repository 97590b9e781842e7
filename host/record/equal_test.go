package record_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/host/protocol"
	"github.com/mesh-host/mesh-host/host/record"
)

func TestEqual(t *testing.T) {
	t.Parallel()
	zeros := strings.Repeat("0", 100_000)
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{`null`, `null`, true}, {`true`, `false`, false}, {`null`, `false`, false}, {`0`, `false`, false}, {`""`, `null`, false}, {`"1"`, `1`, false},
		{` [ 1 , 2 ] `, "[1,\n2]", true}, {`[1,2]`, `[2,1]`, false}, {`[1]`, `[1,1]`, false}, {`[]`, `{}`, false}, {`[]`, `[ ]`, true}, {`{}`, `{ }`, true},
		{`[[1],[2]]`, `[[1],[2,3]]`, false}, {`[[1],[2]]`, `[ [1], [2] ]`, true},

		{`1`, `1.0`, true}, {`1`, `10e-1`, true}, {`1`, `0.1e1`, true}, {`100`, `1E+2`, true}, {`1`, `-1`, false}, {`0`, `-0`, true}, {`0`, `0e5`, true},
		{`0.0`, `-0E-9`, true}, {`12`, `1`, false}, {`1`, `12`, false}, {`1.5`, `15e-1`, true}, {`0.05`, `5e-2`, true}, {`0.05`, `5e-3`, false}, {`10`, `1`, false},
		{`9007199254740993`, `9007199254740992`, false}, {`9007199254740993`, `9007199254740993.0`, true}, {`0.1`, `0.10000000000000001`, false},
		{`1e999999999`, `1e999999999`, true}, {`1e999999999`, `10e999999998`, true}, {`1e999999999`, `1e999999998`, false}, {`1e999999999`, `1e-999999999`, false},
		{`1e99999999999999999999`, `0.1e100000000000000000000`, true}, {`1e99999999999999999999`, `1e100000000000000000000`, false},
		{`1e-99999999999999999999`, `10e-100000000000000000000`, true}, {`1e-99999999999999999999`, `0.1e-100000000000000000000`, false},
		{`1e99999999999999999999`, `1e-99999999999999999999`, false}, {`1e99999999999999999999`, `1e99999999999999999998`, false},
		{`0e99999999999999999999`, `0`, true}, {`1e0`, `1e-0`, true}, {`1e000000000000000000000000000005`, `100000`, true},
		{`1` + zeros, `1e100000`, true}, {`1` + zeros + `1`, `1e100001`, false}, {`0.` + zeros + `1`, `1e-100001`, true}, {`1e1` + zeros, `10e` + strings.Repeat("9", 100_000), true},
		{`1e1` + zeros, `1e` + strings.Repeat("9", 100_000), false},

		{`"a"`, `"\u0061"`, true}, {`"/"`, `"\/"`, true}, {`"\n\t\r\b\f\\\""`, `"\u000a\u0009\u000D\u0008\u000C\u005c\u0022"`, true}, {`"é"`, `"\u00E9"`, true},
		{`"é"`, `"e\u0301"`, false}, {`"😀"`, `"\ud83d\ude00"`, true}, {`"\ud83d"`, `"\ud83d"`, true}, {`"\ud83d"`, `"\uD83D"`, true}, {`"\ud83d"`, `"\ud83e"`, false},
		{`"\ud83d"`, `"\ufffd"`, false}, {`"\ud83d"`, `"�"`, false}, {`"\ude00\ud83d"`, `"\ud83d\ude00"`, false}, {`"\ud83d\u0061"`, `"\ud83da"`, true}, {`"a"`, `"a\u0000"`, false},

		{`{"a":1,"b":2}`, `{"b":2,"a":1}`, true}, {`{"a":1,"b":2}`, `{"b":2,"a":2}`, false}, {`{"a":1}`, `{"a":1,"b":null}`, false}, {`{"a":1,"b":1}`, `{"a":1,"c":1}`, false},
		{`{"a":{"b":{"c":[1,{"d":1.0}]}}}`, `{"a":{"b":{"c":[1,{"d":1}]}}}`, true}, {`{"a":1}`, `{"\u0061":1}`, true}, {`{"a":1,"":2}`, `{"":2,"\u0061":1}`, true},
		{`{"a":1,"b":{"x":1,"y":2}}`, `{"b":{"y":2,"x":1.0},"a":1}`, true},

		{`{"a":1,"a":2}`, `{"a":2}`, true}, {`{"a":2}`, `{"a":1,"a":2}`, true}, {`{"a":1,"a":2}`, `{"a":1}`, false}, {`{"a":1,"a":2}`, `{"a":3,"a":2}`, true},
		{`{"a":1,"b":0,"a":2}`, `{"b":0,"a":2}`, true}, {`{"a":1,"\u0061":2}`, `{"a":2}`, true}, {`{"a":1,"b":0,"a":2}`, `{"a":2,"b":0,"a":1}`, false},
		{`{"x":{"a":1,"a":2},"y":1}`, `{"y":1,"x":{"a":2}}`, true}, {`{"x":{"a":1},"x":{"a":2}}`, `{"x":{"a":2}}`, true}, {`[{"x":{"a":1},"b":1,"x":{"a":2}}]`, `[{"x":{"a":3},"b":1,"x":{"a":2}}]`, true},
		{`{"\ud83d":1,"\ud83e":2}`, `{"\ud83e":2,"\ud83d":1}`, true}, {`{"\ud83d":1,"\ud83e":2}`, `{"\ufffd":2}`, false},
		{`{"a":0,"b":0,"c":0,"d":0}`, `{"a":0,"b":0,"c":0,"d":0,"a":0}`, true}, {`{"a":0,"b":0,"c":0,"d":0}`, `{"a":0,"b":0,"c":0,"d":0,"a":1}`, false},
	} {
		for _, pair := range [][2]string{{c.a, c.b}, {c.b, c.a}, {`[` + c.a + `]`, `[` + c.b + `]`}, {`{"k":` + c.a + `}`, `{ "k" : ` + c.b + `}`}, {`[[[` + c.a + `],0]]`, `[[[` + c.b + ` ], 0]]`}} {
			if got := record.Equal([]byte(pair[0]), []byte(pair[1])); got != c.want {
				t.Errorf("%.200s and %.200s: %v", pair[0], pair[1], got)
			}
			check(t, []byte(pair[0]), []byte(pair[1]))
		}
	}
}

func TestEqualOfMissing(t *testing.T) {
	t.Parallel()
	if !record.Equal(nil, nil) || !record.Equal(nil, []byte(" ")) || record.Equal(nil, []byte("null")) || record.Equal([]byte("[]"), nil) {
		t.Error("a missing value is equal to a missing value only")
	}
}

// decode decodes without rounding; of a member that is there twice the last
// counts.
func decode(t *testing.T, text []byte) (value any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&value); err != nil {
		t.Fatalf("%.2000q: %v", text, err)
	}
	return value
}

// same is Equal over decoded values.
func same(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, same)
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, same)
	case json.Number:
		b, ok := b.(json.Number)
		return ok && sameNumber(a.String(), b.String())
	}
	return a == b
}

// sameNumber compares as fractions, but for exponents that would be slow to
// write out.
func sameNumber(a, b string) bool {
	if !small(a) || !small(b) {
		return record.Equal([]byte(a), []byte(b))
	}
	m, ok := new(big.Rat).SetString(a)
	n, also := new(big.Rat).SetString(b)
	return ok && also && m.Cmp(n) == 0
}

func small(number string) bool {
	i := strings.IndexAny(number, "eE")
	if i < 0 {
		return true
	}
	exponent, err := strconv.Atoi(number[i+1:])
	return err == nil && exponent > -1000 && exponent < 1000
}

func FuzzEqual(f *testing.F) {
	for _, seed := range [][2]string{
		{`{"a":1,"b":[1.0,"\u00e9"]}`, `{"b":[1,"é"],"a":10e-1}`}, {`{"a":1,"a":2}`, `{"a":2}`}, {`[1e999999999]`, `[10e999999998]`}, {`"\ud800"`, `"\udfff"`}, {`[[]]`, `[{}]`}, {`{`, `"`},
	} {
		f.Add([]byte(seed[0]), []byte(seed[1]))
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		equal := record.Equal(a, b)
		if !record.Equal(a, a) || !record.Equal(b, bytes.Clone(b)) {
			t.Error("a value is not equal to itself")
		}
		if !protocol.Valid(a) || !protocol.Valid(b) {
			return
		}
		if record.Equal(b, a) != equal {
			t.Errorf("equal is %v, the other way round it is not", equal)
		}
		var spaced bytes.Buffer
		if err := json.Indent(&spaced, a, "", "\t"); err != nil || !record.Equal(a, spaced.Bytes()) {
			t.Errorf("a value is not equal to itself, indented: %v", err)
		}
		if want := same(decode(t, a), decode(t, b)); !lone(a) && !lone(b) && equal != want {
			t.Errorf("equal is %v, decoded it is %v", equal, want)
		}
	})
}
