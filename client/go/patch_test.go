package client

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/host/record"
)

func apply(doc, patch string) (string, error) {
	n := &node{raw: json.RawMessage(doc)}
	err := n.apply(json.RawMessage(patch))
	return string(n.text()), err
}

func TestPatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ doc, patch, want string }{
		{`1`, `[]`, `1`},
		{`{"a":1}`, `[{"op":"replace","path":"","value":[]}]`, `[]`},
		{`null`, `[{"op":"add","path":"","value":null}]`, `null`},
		{`{ "b":1e400, "a":[1, {"x":"\ud800"}] }`, `[{"op":"add","path":"/a/0","value":0}]`, `{"b":1e400,"a":[0,1,{"x":"\ud800"}]}`},
		{`[1,2,3]`, `[{"op":"remove","path":"/1"},{"op":"add","path":"/2","value":4},{"op":"add","path":"/-","value":5}]`, `[1,3,4,5]`},
		{`{"":{"":1}}`, `[{"op":"replace","path":"//","value":2}]`, `{"":{"":2}}`},
		{`{"a/b":1,"~1":2,"m~n":3}`, `[{"op":"remove","path":"/a~1b"},{"op":"replace","path":"/~01","value":4},{"op":"remove","path":"/m~0n"}]`, `{"~1":4}`},
		{`{"a":1,"a":2}`, `[{"op":"add","path":"/b","value":3}]`, `{"a":2,"b":3}`},
		{`{"<":1}`, `[{"op":"add","path":"/&","value":"<"}]`, `{"<":1,"&":"<"}`},
		{`{"a":{}}`, `[{"op":"add","path":"/a/x","value":[]},{"op":"add","path":"/a/x/0","value":{}},{"op":"add","path":"/a/x/0/y","value":null}]`, `{"a":{"x":[{"y":null}]}}`},
	} {
		if got, err := apply(c.doc, c.patch); got != c.want || err != nil {
			t.Errorf("%s with %s is %s, %v", c.doc, c.patch, got, err)
		}
	}
	for _, c := range []struct{ doc, patch string }{
		{`{}`, ``}, {`{}`, `null`}, {`{}`, `{}`}, {`{}`, `[1]`},
		{`{}`, `[{"op":"add","path":"/a"}]`},
		{`{}`, `[{"op":"add","value":1}]`},
		{`{"a":1}`, `[{"op":"remove","path":"/a","value":1}]`},
		{`{"a":1}`, `[{"op":"remove","path":""}]`},
		{`{"a":1}`, `[{"op":"remove","path":"a"}]`},
		{`{"a":1}`, `[{"op":"remove","path":"/b"}]`},
		{`{"a":1}`, `[{"op":"replace","path":"/b","value":1}]`},
		{`{"a":1}`, `[{"op":"copy","path":"/b","from":"/a"}]`},
		{`{"a":1}`, `[{"op":"test","path":"/a","value":1}]`},
		{`{"a":1}`, `[{"op":"add","path":"/a/b","value":1}]`},
		{`{"a":1}`, `[{"op":"add","path":"/b/c","value":1}]`},
		{`{"a~":1}`, `[{"op":"remove","path":"/a~"}]`}, {`{"a~":1}`, `[{"op":"remove","path":"/a~2"}]`},
		{`{"~0":1}`, `[{"op":"remove","path":"/~~10"}]`},
		{`[1]`, `[{"op":"add","path":"/2","value":1}]`}, {`[1]`, `[{"op":"replace","path":"/-","value":1}]`}, {`[1]`, `[{"op":"remove","path":"/1"}]`},
		{`[1]`, `[{"op":"remove","path":"/00"}]`}, {`[1]`, `[{"op":"remove","path":"/+0"}]`}, {`[1]`, `[{"op":"remove","path":"/-0"}]`}, {`[1]`, `[{"op":"remove","path":"/"}]`},
		{`[1]`, `[{"op":"remove","path":"/99999999999999999999"}]`},
		{`{"\ud800":1}`, `[{"op":"add","path":"/a","value":1}]`},
		{`[]`, fmt.Sprintf(`[{"op":"add","path":%q,"value":1}]`, strings.Repeat("/0", 200))},
	} {
		if got, err := apply(c.doc, c.patch); err == nil {
			t.Errorf("%s with %s is %s", c.doc, c.patch, got)
		}
	}
}

// What the server makes of two values leads from one to the other.
func TestPatchesOfTheServer(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // it is to be repeatable
	doc := "{}"
	n := &node{raw: json.RawMessage(doc)}
	for i := range 5000 {
		next := string(random(r, 4))
		if i%3 > 0 { // mostly a change within
			var members map[string]json.RawMessage
			if json.Unmarshal([]byte(doc), &members) == nil && members != nil {
				members[key(r)] = random(r, 3)
				text, _ := json.Marshal(members)
				next = string(text)
			}
		}
		patch := record.Diff([]byte(doc), []byte(next))
		if err := n.apply(patch); err != nil || !record.Equal(n.text(), []byte(next)) {
			t.Fatalf("%v: from %s with %s comes %s, not %s", err, doc, patch, n.text(), next)
		}
		doc = next
	}
}

func key(r *rand.Rand) string { return []string{"", "a", "b/", "~c", "ü", "0", "-"}[r.IntN(7)] }

// random is a JSON value.
func random(r *rand.Rand, depth int) json.RawMessage {
	var v any
	switch kind := r.IntN(8); {
	case depth > 0 && kind < 3:
		object := make(map[string]json.RawMessage)
		for range r.IntN(6) {
			object[key(r)] = random(r, depth-1)
		}
		v = object
	case depth > 0 && kind < 6:
		array := []json.RawMessage{}
		for range r.IntN(6) {
			array = append(array, random(r, depth-1))
		}
		v = array
	case kind == 6:
		v = strings.Repeat("x", r.IntN(40))
	default:
		v = r.IntN(5)
	}
	text, _ := json.Marshal(v)
	return text
}

// Whatever a patch is, what comes of it is JSON or an error.
func FuzzPatch(f *testing.F) {
	f.Add(`{"a":[1,{"b":2}]}`, `[{"op":"add","path":"/a/1/c","value":3},{"op":"remove","path":"/a/0"}]`)
	f.Add(`[[],{}]`, `[{"op":"replace","path":"/1","value":[]},{"op":"add","path":"/1/-","value":"~"}]`)
	f.Fuzz(func(t *testing.T, doc, patch string) {
		if !json.Valid([]byte(doc)) {
			return
		}
		if got, err := apply(doc, patch); err == nil && !json.Valid([]byte(got)) {
			t.Errorf("%q with %q is %q", doc, patch, got)
		}
	})
}
