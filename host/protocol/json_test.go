package protocol_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/mesh-host/mesh-host/host/protocol"
)

func TestValid(t *testing.T) {
	t.Parallel()
	deep := func(n int) string { return strings.Repeat(`[{"a":`, n/2) + "1" + strings.Repeat("}]", n/2) }
	for text, want := range map[string]bool{
		`0`: true, `-0`: true, `-1.25E-7`: true, `""`: true, `"a"`: true, ` [ 1 , "2" , { "3" : null } ] `: true, `{"":{}}`: true,
		`"\u0000\uFFFF\uabCD"`: true, "\"\u007f\u0080\u2028\U0010FFFF\"": true, "\t1\r\n": true, `[[],[[]],{"a":[]}]`: true,
		``: false, ` `: false, `01`: false, `1.`: false, `"a`: false, `[1,]`: false, `{"a":1,}`: false, `1 1`: false, `nan`: false,
		"\"\xff\"": false, "\"\xed\xa0\x80\"": false, "\"\xc0\xaf\"": false, "\xff": false, `"\ud800"`: true, `"\u"`: false,
		deep(protocol.MaxDepth): true, deep(protocol.MaxDepth + 2): false,
		"[" + deep(protocol.MaxDepth) + "]": false, `"1234567` + "\x01" + `"`: false, `"12345678` + "\n" + `"`: false,
	} {
		if got := protocol.Valid([]byte(text)); got != want {
			t.Errorf("%.60q: %v, want %v", text, got, want)
		}
	}
}

// The string walk goes eight bytes at a time: every special byte at every
// offset of a word, after every kind of neighbour.
func TestStringsByPosition(t *testing.T) {
	t.Parallel()
	for before := range 20 {
		for special := range 256 {
			for _, filler := range []string{"a", "\x80", "!", "~", "\xff"} {
				for _, after := range []string{"", "b", "bbbbbbbbb", "\x01"} {
					text := []byte(`"` + strings.Repeat(filler, before) + string([]byte{byte(special)}) + after + `"`)
					want := json.Valid(text) && utf8.Valid(text)
					if got := protocol.Valid(text); got != want {
						t.Fatalf("%q: %v, want %v", text, got, want)
					}
				}
			}
		}
	}
}

func TestIsObject(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{`{}`: true, " \n{\"a\":1}": true, `[]`: false, `"{}"`: false, `null`: false, ``: false, ` `: false} {
		if got := protocol.IsObject([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

var texts = []string{
	``, `plain`, `with "quotes" and \slashes\`, "\x00\x01\b\t\n\v\f\r\x1f\x7f", `größe 日本 😀`, "\u2028\u2029", `<&>`, "\uFFFD",
	"broken \xff\xfe", "cut \xe6\x97", "\xed\xa0\x80", "\xc0\x80", "\xf4\x90\x80\x80", strings.Repeat("x\n", 100),
}

func TestAppendString(t *testing.T) {
	t.Parallel()
	for _, s := range texts {
		checkString(t, s)
	}
}

func FuzzAppendString(f *testing.F) {
	for _, s := range texts {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { checkString(t, s) })
}

// checkString compares AppendString with encoding/json, by what is read back,
// and a frame's header with its length.
func checkString(t *testing.T, s string) {
	t.Helper()
	ours := protocol.AppendString([]byte("head"), s)[4:]
	theirs, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var a, b string
	if err := json.Unmarshal(ours, &a); err != nil {
		t.Fatalf("%q became %q: %v", s, ours, err)
	}
	if err := json.Unmarshal(theirs, &b); err != nil {
		t.Fatal(err)
	}
	if a != b || !protocol.Valid(ours) {
		t.Errorf("%q became %q, which is %q, want %q", s, ours, a, b)
	}
	if got := string(protocol.AppendUnquoted(nil, ours[1:len(ours)-1])); got != a {
		t.Errorf("%q unquoted is %q, want %q", ours, got, a)
	}
	if frame := text(t, protocol.AppendPush(nil, s, nil)); frame != `{"command":`+string(ours)+`,"payload":null}` {
		t.Errorf("%q as a push is %q", s, frame)
	}
}

func FuzzValid(f *testing.F) {
	for _, s := range []string{`{"a":[1,-2.5e+7,"\u00e9\\",true,false,null]}`, `"x`, `[[[]]]`, "\"\xff\"", ` 0 `, `-`, `{"a":1,"a":2}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		want := json.Valid(text) && utf8.Valid(text) && depth(text) <= protocol.MaxDepth
		if got := protocol.Valid(text); got != want {
			t.Fatalf("Valid is %v, want %v", got, want)
		}
		if !want {
			return
		}
		var members map[string]json.RawMessage
		isObject := json.Unmarshal(text, &members) == nil && members != nil
		if protocol.IsObject(text) != isObject {
			t.Errorf("IsObject is %v", !isObject)
		}
		for key, value := range members {
			if got := protocol.Member(text, key); !bytes.Equal(got, value) {
				t.Errorf("member %q is %q, want %q", key, got, value)
			}
		}
	})
}

func TestMember(t *testing.T) {
	t.Parallel()
	object := []byte(` { "a" : 1 , "b\n" : [ 2 ] , "a" : { "c" : 3 } , "" : "x" } `)
	for name, want := range map[string]string{"a": `{ "c" : 3 }`, "b\n": `[ 2 ]`, "": `"x"`} {
		if got := protocol.Member(object, name); string(got) != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
	for _, text := range []string{`{}`, `{"b":{"a":1}}`, `[]`, `"a"`, `null`, ``} {
		if got := protocol.Member([]byte(text), "a"); got != nil {
			t.Errorf("%q has %q", text, got)
		}
	}
}

func TestEachMember(t *testing.T) {
	t.Parallel()
	var seen []string
	protocol.EachMember([]byte(`{"a":1,"b":{"x":[]},"a":"2","c":3}`), func(key, value []byte) bool {
		seen = append(seen, string(key)+"="+string(value))
		return string(value) != `"2"`
	})
	if want := []string{`a=1`, `b={"x":[]}`, `a="2"`}; !reflect.DeepEqual(seen, want) {
		t.Errorf("saw %q, want %q", seen, want)
	}
}

func TestMerge(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ base, patch, shallow, deep string }{
		{`{"a":1,"b":2}`, `{"b":3,"c":4}`, `{"a":1,"b":3,"c":4}`, `{"a":1,"b":3,"c":4}`},
		{`{"a":{"x":1}}`, `{"a":{"y":2}}`, `{"a":{"y":2}}`, `{"a":{"x":1,"y":2}}`},
		{`{"a":[1,2]}`, `{"a":[3]}`, `{"a":[3]}`, `{"a":[3]}`},
		{`{"a":{"x":1}}`, `{"a":null}`, `{"a":null}`, `{"a":null}`},
		{`{"a":null}`, `{"a":{"x":1}}`, `{"a":{"x":1}}`, `{"a":{"x":1}}`},
		{`{}`, `{}`, `{}`, `{}`},
		{`{"a":1}`, `{}`, `{"a":1}`, `{"a":1}`},
		{``, `{"a":1}`, `{"a":1}`, `{"a":1}`},
		{`[1]`, `{"a":1}`, `{"a":1}`, `{"a":1}`},
		{`{"a":1}`, `"x"`, `"x"`, `"x"`},
		{`{"\u0061":1}`, `{"a":2}`, `{"\u0061":2}`, `{"\u0061":2}`},
		{`{"a":1,"a":2,"b":0}`, `{"b":1,"c":2,"b":3}`, `{"a":2,"b":3,"c":2}`, `{"a":2,"b":3,"c":2}`},
		{` { "a" : [ 1 ] } `, `{"b" : 1.0}`, `{"a":[ 1 ],"b":1.0}`, `{"a":[ 1 ],"b":1.0}`},
		{`{"q\"":1}`, `{"\n":2}`, `{"q\"":1,"\n":2}`, `{"q\"":1,"\n":2}`},
	} {
		for deep, want := range map[bool]string{false: c.shallow, true: c.deep} {
			base, patch := []byte(c.base), []byte(c.patch)
			got := protocol.Merge(base, patch, deep)
			clear(base)
			clear(patch)
			if string(got) != want {
				t.Errorf("%s over %s, deep %v: %s, want %s", c.patch, c.base, deep, got, want)
			}
		}
	}
}

func FuzzMerge(f *testing.F) {
	for _, seed := range [][2]string{
		{`{"a":1,"b":{"x":[1]}}`, `{"b":{"y":2},"c":null}`}, {`[]`, `{"a":1}`}, {`{"a":1}`, `3`}, {`{"a":{"b":{}}}`, `{"a":{"b":1},"a":{"c":2}}`},
	} {
		f.Add([]byte(seed[0]), []byte(seed[1]))
	}
	f.Fuzz(func(t *testing.T, base, patch []byte) {
		if !protocol.Valid(base) || !protocol.Valid(patch) {
			return
		}
		for _, deep := range []bool{false, true} {
			got := protocol.Merge(base, patch, deep)
			if !protocol.Valid(got) {
				t.Fatalf("the result is no JSON: %q", got)
			}
			want := mergeValues(decode(t, base), decode(t, patch), deep)
			if !reflect.DeepEqual(decode(t, got), want) {
				t.Errorf("deep %v: %s", deep, got)
			}
		}
	})
}

func decode(t *testing.T, text []byte) (value any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&value); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return value
}

// mergeValues is Merge over maps.
func mergeValues(base, patch any, deep bool) any {
	under, ok := base.(map[string]any)
	over, also := patch.(map[string]any)
	if !ok || !also {
		return patch
	}
	merged := make(map[string]any)
	for key, value := range under {
		merged[key] = value
	}
	for key, value := range over {
		if below, ok := merged[key]; ok && deep {
			value = mergeValues(below, value, true)
		}
		merged[key] = value
	}
	return merged
}
