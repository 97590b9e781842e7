package mesh_test

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
)

func TestGet(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, object, member, want string }{
		{"only", `{"a":1}`, "a", `1`},
		{"first", `{"a":1,"b":2}`, "a", `1`},
		{"last", `{"a":1,"b":2}`, "b", `2`},
		{"white space", " {\n\t\"a\" :\r 1 , \"b\":  [ 1 , 2 ]  } ", "b", `[ 1 , 2 ]`},
		{"missing", `{"a":1}`, "b", ``},
		{"empty object", `{}`, "a", ``},
		{"empty name", `{"":true}`, "", `true`},
		{"null", `{"a":null}`, "a", `null`},
		{"nested of the same name", `{"x":{"a":1},"a":2}`, "a", `2`},
		{"brackets in text", `{"x":"}],{\"a\":9","a":"]}"}`, "a", `"]}"`},
		{"long text before it", `{"x":"` + strings.Repeat("y", 1000) + `","a":1}`, "a", `1`},
		{"deep nesting", `{"x":` + strings.Repeat(`[{"a":`, 100) + `1` + strings.Repeat(`}]`, 100) + `,"a":7}`, "a", `7`},
		{"escaped name", `{"\u0061":1}`, "a", `1`},
		{"name with a quote", `{"a\"b":1}`, `a"b`, `1`},
		{"backslash before the quote", `{"x":"\\","a":1}`, "a", `1`},
		{"written twice: the last", `{"a":1,"a":2}`, "a", `2`},
		{"array", `["a",1]`, "a", ``},
		{"text", `"a"`, "a", ``},
		{"nothing", ``, "a", ``},
		{"cut off", `{"a":1,"b":`, "a", `1`},
		{"cut off in the name", `{"a`, "a", ``},
		{"cut off in text", `{"a":"x`, "a", ``},
		{"cut off after a backslash", `{"a":"x\`, "a", ``},
		{"no colon", `{"a" 1}`, "a", ``},
		{"no value", `{"a":}`, "a", ``},
		{"stray bracket", `{"a":]}`, "a", ``},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := mesh.JSON(test.object).Get(test.member); string(got) != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestAsInt(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		want int64
		ok   bool
	}{
		{"0", 0, true}, {"7", 7, true}, {"-1", -1, true}, {"12345678", 12345678, true}, {" 3\n", 3, true},
		{"9223372036854775807", math.MaxInt64, true}, {"-9223372036854775808", math.MinInt64, true},
		{"9223372036854775808", 0, false}, {"-9223372036854775809", 0, false}, {"99999999999999999999", 0, false},
		{"", 0, false}, {"-", 0, false}, {"1.0", 0, false}, {"1e3", 0, false}, {`"1"`, 0, false}, {"true", 0, false}, {"null", 0, false},
	}
	for _, test := range tests {
		if got, ok := mesh.JSON(test.text).AsInt(); got != test.want || ok != test.ok {
			t.Errorf("%q: got %d, %t, want %d, %t", test.text, got, ok, test.want, test.ok)
		}
	}
}

func TestAsFloat(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		want float64
		ok   bool
	}{
		{"0", 0, true}, {"1.5", 1.5, true}, {"-2e3", -2000, true}, {" 1E-2 ", 0.01, true},
		{"1e999", 0, false}, {"", 0, false}, {"-", 0, false}, {"Inf", 0, false}, {"-Inf", 0, false},
		{"0x1p4", 0, false}, {"1_000", 0, false}, {"NaN", 0, false}, {`"1"`, 0, false}, {"null", 0, false},
	}
	for _, test := range tests {
		if got, ok := mesh.JSON(test.text).AsFloat(); got != test.want || ok != test.ok {
			t.Errorf("%q: got %v, %t, want %v, %t", test.text, got, ok, test.want, test.ok)
		}
	}
}

func TestAsText(t *testing.T) {
	t.Parallel()
	tests := []struct {
		json, want string
		ok         bool
	}{
		{`""`, "", true}, {`"abc"`, "abc", true}, {` "a" `, "a", true}, {`"grüße 🙂"`, "grüße 🙂", true},
		{`"\"\\\/\b\f\n\r\t"`, "\"\\/\b\f\n\r\t", true},
		{`"\u00e4\u20AC\ud83d\ude42"`, "ä€🙂", true},
		{`"a\u0000b"`, "a\x00b", true},
		{`"\ud83d"`, "\uFFFD", true}, {`"\ude42x"`, "\uFFFDx", true}, {`"\ud83dabc"`, "\uFFFDabc", true},
		{`"\ud83d\u0041"`, "\uFFFDA", true}, {`"a long text without any escape at all"`, "a long text without any escape at all", true},
		{`"12345678\n"`, "12345678\n", true}, {`"\u12"`, "\uFFFD", true},
		{`1`, "", false}, {`null`, "", false}, {``, "", false}, {`{"a":1}`, "", false}, {`"`, "", true},
	}
	for _, test := range tests {
		if got, ok := mesh.JSON(test.json).AsText(); got != test.want || ok != test.ok {
			t.Errorf("%s: got %q, %t, want %q, %t", test.json, got, ok, test.want, test.ok)
		}
	}
}

func TestAsBoolAndTexts(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text     string
		want, ok bool
	}{{"true", true, true}, {" false ", false, true}, {"1", false, false}, {`"true"`, false, false}, {"", false, false}} {
		if got, ok := mesh.JSON(test.text).AsBool(); got != test.want || ok != test.ok {
			t.Errorf("%q: got %t, %t", test.text, got, ok)
		}
	}
	for text, want := range map[string][]string{
		`[]`: {}, `["a","b\n"]`: {"a", "b\n"}, `["a",1]`: nil, `{}`: nil, ``: nil, `[["a"]]`: nil,
	} {
		if got, ok := mesh.JSON(text).AsTexts(); !reflect.DeepEqual(got, want) || ok != (want != nil) {
			t.Errorf("%q: got %q, %t", text, got, ok)
		}
	}
}

func TestKinds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		json                string
		null, object, array bool
	}{
		{"", true, false, false}, {" null ", true, false, false}, {" {}", false, true, false},
		{"\n[1]", false, false, true}, {"0", false, false, false}, {`"null"`, false, false, false},
	}
	for _, test := range tests {
		j := mesh.JSON(test.json)
		if j.IsNull() != test.null || j.IsObject() != test.object || j.IsArray() != test.array {
			t.Errorf("%q: null %t, object %t, array %t", test.json, j.IsNull(), j.IsObject(), j.IsArray())
		}
	}
}

func TestItemsAndMembers(t *testing.T) {
	t.Parallel()
	var items []string
	for item := range mesh.JSON(` [1, "a,b" ,[2,[3]],{"x":"]"}, null ] `).Items() {
		items = append(items, item.String())
	}
	if want := []string{`1`, `"a,b"`, `[2,[3]]`, `{"x":"]"}`, `null`}; !reflect.DeepEqual(items, want) {
		t.Errorf("items are %q", items)
	}
	var members []string
	for name, value := range mesh.JSON(`{"a":1,"b\n":{"c":[]}}`).Members() {
		members = append(members, name+"="+value.String())
	}
	if want := []string{"a=1", "b\n={\"c\":[]}"}; !reflect.DeepEqual(members, want) {
		t.Errorf("members are %q", members)
	}
	for range mesh.JSON(`[1,2]`).Items() {
		break // must not go on
	}
	for range mesh.JSON(`{"a":1,"b":2}`).Members() {
		break
	}
	for _, text := range []string{"", "{}", "[]", "1", "null"} {
		for item := range mesh.JSON(text).Items() {
			t.Errorf("%q has the item %q", text, item)
		}
		for name := range mesh.JSON(text).Members() {
			t.Errorf("%q has the member %q", text, name)
		}
	}
}

func TestCopy(t *testing.T) {
	t.Parallel()
	text := []byte(`{"a":1}`)
	j := mesh.JSON(text)
	kept := j.Copy()
	text[0] = 'x'
	if string(kept) != `{"a":1}` {
		t.Errorf("the copy changed to %q", kept)
	}
	if mesh.JSON(nil).Copy() != nil {
		t.Error("a copy of nothing is something")
	}
}

// FuzzJSON compares what the scanner finds in valid JSON with encoding/json,
// and lets it loose on what is not valid.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{
		`{"a":1,"b":[1,2,{"c":"d"}],"e":"f\n\u00e4"}`, `[1,-2.5,"x",null,true]`, `{"a":{"a":{"a":1}}}`, `"\ud83d\ude42"`,
		`{"a`, `[[[[`, `{"a":"\`, `12`, ` `, `{"a":1,"a":2}`, `{"\u0061":"\""}`,
	} {
		f.Add([]byte(seed), "a")
	}
	f.Fuzz(func(t *testing.T, text []byte, name string) {
		j := mesh.JSON(text)
		got := j.Get(name)
		for range j.Items() {
		}
		for _, value := range j.Members() {
			value.AsText()
		}
		asText, isText := j.AsText()
		asInt, isInt := j.AsInt()
		j.AsFloat()
		j.AsTexts()
		if !json.Valid(text) || !utf8.Valid(text) || !utf8.ValidString(name) {
			return
		}
		var s *string
		if err := json.Unmarshal(text, &s); (err == nil && s != nil) != isText || isText && *s != asText {
			t.Errorf("AsText(%s) = %q, %t", text, asText, isText)
		}
		var i *int64
		if err := json.Unmarshal(text, &i); (err == nil && i != nil) != isInt || isInt && *i != asInt {
			t.Errorf("AsInt(%s) = %d, %t", text, asInt, isInt)
		}
		var members map[string]json.RawMessage
		if json.Unmarshal(text, &members) == nil {
			if want := members[name]; string(want) != string(got) {
				t.Errorf("Get(%s, %q) = %q, want %q", text, name, got, want)
			}
		}
		var items []json.RawMessage
		if json.Unmarshal(text, &items) == nil {
			n := 0
			for item := range j.Items() {
				if n >= len(items) || string(items[n]) != string(item) {
					t.Fatalf("item %d of %s is %q", n, text, item)
				}
				n++
			}
			if n != len(items) {
				t.Errorf("%s has %d items, want %d", text, n, len(items))
			}
		}
	})
}

// FuzzText compares what is written for a text with encoding/json's reading.
func FuzzText(f *testing.F) {
	for _, seed := range []string{"", "a", "\"\\\n\r\t\b\x00\x1f\x7f", "grüße 🙂", "\xff\xfe", "a\xc3", "1234567\"", "12345678\x80\x80", "\u2028"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		written := mesh.Text(text)
		var got string
		if err := json.Unmarshal(written, &got); err != nil {
			t.Fatalf("%q was written as %q: %v", text, written, err)
		}
		if want := strings.ToValidUTF8(text, "\x00"); !strings.Contains(want, "\x00") && got != text {
			t.Errorf("%q was written as %q", text, written)
		}
		if want := string([]rune(text)); got != want { // a rune of rubbish for each byte of it
			t.Errorf("%q was read back as %q, want %q", text, got, want)
		}
		if back, ok := written.AsText(); !ok || back != got {
			t.Errorf("%s was read back as %q, %t", written, back, ok)
		}
	})
}

func BenchmarkFields(b *testing.B) {
	payload := mesh.JSON(`{"a":1,"b":2}`)
	b.ReportAllocs()
	for range b.N {
		in := payload.Fields()
		if in.Int("a")+in.Int("b") != 3 {
			b.Fatal(in.Err())
		}
	}
}

func BenchmarkGetBehindText(b *testing.B) {
	payload := mesh.JSON(fmt.Sprintf(`{"text":%q,"a":1}`, strings.Repeat("x", 1000)))
	b.ReportAllocs()
	b.SetBytes(int64(len(payload)))
	for range b.N {
		if payload.Get("a") == nil {
			b.Fatal("not found")
		}
	}
}
