package protocol_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/host/protocol"
)

func TestMergeKeepsKeysAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	const long = `"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"`
	for _, c := range []struct{ base, patch, want string }{
		{`{"\ud800":1,"\ud801":2,"\u0061b":3}`, `{"x":1}`, `{"\ud800":1,"\ud801":2,"\u0061b":3,"x":1}`},
		{`{"\ud800":1,"\ud801":2}`, `{"\uD801":3,"\udfff":4,"\ufffd":5}`, `{"\ud800":1,"\ud801":3,"\udfff":4,"\ufffd":5}`},
		{`{"\ud83d\ude00":1}`, `{"😀":2,"\ud83d":3,"\ude00":4}`, `{"\ud83d\ude00":2,"\ud83d":3,"\ude00":4}`},
		{`{"\u0061":1,"b":0,"a":2}`, `{}`, `{"\u0061":2,"b":0}`},
		{`{"b":0}`, `{"\u0061":1,"c":3,"a":2}`, `{"b":0,"\u0061":2,"c":3}`},
		{`{"\u0061":{"\ud800":1,"\ud801":` + long + `}}`, `{"a":{"\ud800":{}}}`, `{"\u0061":{"\ud800":{},"\ud801":` + long + `}}`},
		{`{"a":{"x":1},"b":0,"a":{"y":2}}`, `{"a":{"z":3}}`, `{"a":{"y":2,"z":3},"b":0}`},
		{`{"a":{"b":{"x":` + long + `,"x":1},"c":` + long + `,"b":{"y":2,"y":3}}}`, `{"a":{"b":{"z":4}}}`, `{"a":{"b":{"y":3,"z":4},"c":` + long + `}}`},
		{"{\n \"a\" : 1 ,\"b\":2,\"c\":{ } ,\n\"d\":[ 1 ]\n}", ` { "b" : 3 } `, `{"a":1,"b":3,"c":{ },"d":[ 1 ]}`},
		{`{"é":1,"e\u0301":2}`, `{"\u00e9":3}`, `{"é":3,"e\u0301":2}`},
	} {
		if got := protocol.Merge([]byte(c.base), []byte(c.patch), true); string(got) != c.want {
			t.Errorf("%s over %s: %s, want %s", c.patch, c.base, got, c.want)
		}
	}
}

func TestWithoutKeepsKeysAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	got := protocol.Without([]byte(`{ "\u0061" : 1, "\ud800":2,"\ud801":3, "\u0062":4 }`), []string{"a", "\ufffd"})
	if want := `{"\ud800":2,"\ud801":3,"\u0062":4}`; string(got) != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestSameString(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{``, ``, true}, {`a`, `\u0061`, true}, {`\/`, `/`, true}, {`\n\t\b\f\r`, `\u000a\u0009\u0008\u000C\u000d`, true}, {`\"\\`, `\u0022\u005C`, true},
		{`😀`, `\ud83d\uDE00`, true}, {`\ud83d\ude00`, `\ud83d`, false}, {`\ud800`, `\ud801`, false}, {`\ud800`, `\ufffd`, false}, {`\ud800`, `\uD800`, true},
		{`a`, `b`, false}, {`a`, `\u0061b`, false}, {`\u0061b`, `a`, false}, {`\ud800x`, `\ud800\u0078`, true},
	} {
		a, b := []byte(c.a), []byte(c.b)
		if protocol.SameString(a, b) != c.same || bytes.Equal(protocol.Unescape(a), protocol.Unescape(b)) != c.same {
			t.Errorf("%s and %s: %v", c.a, c.b, !c.same)
		}
	}
}

// Objects with many members, some of them twice, are merged like small ones.
func TestMergeOfManyMembers(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 7, 8, 9, 31, 33, 200, 3000} {
		for range 20 {
			base, patch := manyMembers(random, n, 3), manyMembers(random, n/(1+random.IntN(n)), 3)
			checkMerge(t, base, patch)
		}
	}
}

func manyMembers(random *rand.Rand, n, depth int) []byte {
	b := []byte{'{'}
	for i := range n {
		if i > 0 {
			b = append(b, []string{",", " , ", ",\n"}[max(0, random.IntN(8)-5)]...)
		}
		b = fmt.Appendf(b, `"%s%d":`, []string{"k", `\u006b`, `k\n`}[max(0, random.IntN(10)-7)], random.IntN(4*n))
		switch random.IntN(3 + 2*min(depth, 1)) {
		case 0:
			b = fmt.Appendf(b, `%d`, random.IntN(100))
		case 1:
			b = fmt.Appendf(b, `"%*d"`, random.IntN(200), 0)
		case 2:
			b = append(b, `[{"a":1},2]`...)
		default:
			b = append(b, manyMembers(random, random.IntN(12), depth-1)...)
		}
	}
	return append(b, '}')
}

func FuzzMergeSimply(f *testing.F) {
	for _, seed := range [][2]string{
		{`{"a":1,"b":{"x":[1]}}`, `{"b":{"y":2},"c":null}`}, {`{"a":{"b":{}},"a":{"b":{"c":{}}}}`, `{"\u0061":{"b":1},"a":{"c":2}}`},
		{`{ "a" : 1 , "b":2,"c":3}`, `{"b":{}}`}, {string(nested(20, 300)), string(nested(20, 0))}, {`[]`, `{"a":1}`},
	} {
		f.Add([]byte(seed[0]), []byte(seed[1]))
	}
	random := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{3, 12, 40} {
		f.Add(manyMembers(random, n, 3), manyMembers(random, n, 3))
	}
	f.Fuzz(func(t *testing.T, base, patch []byte) {
		if protocol.Valid(base) && protocol.Valid(patch) && !surrogates(base) && !surrogates(patch) {
			checkMerge(t, base, patch)
		}
	})
}

// surrogates reports whether a text may have lone surrogates.
func surrogates(text []byte) bool { return bytes.Contains(bytes.ToLower(text), []byte(`\ud`)) }

// checkMerge compares Merge with the simple one, but for how keys are written.
func checkMerge(t *testing.T, base, patch []byte) {
	t.Helper()
	for _, deep := range []bool{false, true} {
		got := protocol.Merge(base, patch, deep)
		if want := mergeSimply(base, patch, deep); !bytes.Equal(decodeKeys(got), decodeKeys(want)) {
			t.Fatalf("%s over %s, deep %v: %s, want %s", patch, base, deep, got, want)
		}
		if !protocol.Valid(got) {
			t.Fatalf("no JSON: %s", got)
		}
	}
}

// mergeSimply is Merge with a map of the members of each object.
func mergeSimply(base, patch []byte, deep bool) []byte {
	if !protocol.IsObject(base) || !protocol.IsObject(patch) {
		return bytes.Clone(patch)
	}
	keys, values := membersOf(base)
	overs, over := membersOf(patch)
	merged := []byte{'{'}
	for _, key := range keys {
		value := values[key]
		if next, ok := over[key]; ok && deep {
			value = mergeSimply(value, next, true)
		} else if ok {
			value = next
		}
		merged = appendSimply(merged, key, value)
	}
	for _, key := range overs {
		if _, ok := values[key]; !ok {
			merged = appendSimply(merged, key, over[key])
		}
	}
	return append(merged, '}')
}

func appendSimply(dst []byte, key string, value []byte) []byte {
	if len(dst) > 1 {
		dst = append(dst, ',')
	}
	return append(append(protocol.AppendString(dst, key), ':'), value...)
}

// membersOf returns an object's keys in the order of their first appearance.
func membersOf(object []byte) (keys []string, values map[string][]byte) {
	values = make(map[string][]byte)
	protocol.EachMember(object, func(key, value []byte) bool {
		if _, ok := values[string(key)]; !ok {
			keys = append(keys, string(key))
		}
		values[string(key)] = value
		return true
	})
	return keys, values
}

// decodeKeys writes all strings of a text as AppendString does.
func decodeKeys(text []byte) (out []byte) {
	for i := 0; i < len(text); {
		end := i + 1
		if text[i] == '"' {
			end = protocol.SkipValue(text, i)
			out = protocol.AppendString(out, string(protocol.Unescape(text[i+1:end-1])))
		} else {
			out = append(out, text[i])
		}
		i = end
	}
	return out
}

// nested is an object in an object, so many deep, with so much text in the
// innermost.
func nested(depth, size int) []byte {
	text := bytes.Repeat([]byte(`{"a":`), depth)
	if size == 0 {
		text = append(text, '1')
	} else {
		text = append(text, members(size)...)
	}
	return append(text, strings.Repeat("}", depth)...)
}

// members is an object of about so many bytes.
func members(size int) []byte {
	text := []byte{'{'}
	for i := 0; len(text) < size-48; i++ {
		text = fmt.Appendf(text, `"member%d":"some text of a member",`, i)
	}
	return append(text, `"score":10}`...)
}

func BenchmarkMergeBySize(b *testing.B) {
	patch := []byte(`{"score":11}`)
	innermost := slices.Concat(bytes.Repeat([]byte(`{"a":`), 117), patch, bytes.Repeat([]byte("}"), 117))
	for _, c := range []struct {
		name        string
		base, patch []byte
		deep        bool
	}{
		{"200B", members(200), patch, false},
		{"10KB", members(10 << 10), patch, false},
		{"1MB", members(1 << 20), patch, false},
		{"1MB-deep", members(1 << 20), patch, true},
		{"900KB-118-deep", nested(117, 900<<10), innermost, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.base)))
			b.ReportAllocs()
			for b.Loop() {
				protocol.Merge(c.base, c.patch, c.deep)
			}
		})
		b.Run(c.name+"-simply", func(b *testing.B) {
			b.SetBytes(int64(len(c.base)))
			b.ReportAllocs()
			for b.Loop() {
				mergeSimply(c.base, c.patch, c.deep)
			}
		})
	}
}
