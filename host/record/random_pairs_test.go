package record_test

import (
	"encoding/json"
	"testing"

	"github.com/mesh-host/mesh-host/host/protocol"
	"github.com/mesh-host/mesh-host/host/record"
)

// Random values, changed at random: the patch makes of the first what the
// second is, by two applications that know nothing of how it was made.
func TestRandomPairs(t *testing.T) {
	t.Parallel()
	const seeds = 2_000
	for seed := range uint64(seeds) {
		r := newRandom(seed)
		from := r.value(1 + r.IntN(5))
		to := from.clone()
		if r.IntN(10) == 0 {
			to = r.value(4)
		}
		for range r.IntN(6) {
			r.mutate(to)
		}
		before, after := r.write(from, false), r.write(to, r.IntN(4) == 0)
		check(t, before, after)
		check(t, after, before)
		if t.Failed() {
			t.Fatalf("with seed %d", seed)
		}
	}
}

// The same with arrays of more elements than the library aligns, and a history
// of values, each of which a client has from the patch alone.
func TestRandomHistories(t *testing.T) {
	t.Parallel()
	for seed := range uint64(5) {
		r := newRandom(seed)
		value := &node{kind: '{', keys: []string{"list", "rest"}, children: []*node{{kind: '['}, r.value(3)}}
		list := value.children[0]
		for range r.IntN(500) {
			list.children = append(list.children, r.value(r.IntN(3)))
		}
		server := r.write(value, false)
		client := server
		for range 20 {
			for range 1 + r.IntN(8) {
				r.mutate(pick(r, []*node{value, list}))
			}
			next := r.write(value, r.IntN(8) == 0)
			patch := check(t, server, next)
			if lone(next) || lone(server) {
				client = next
			} else {
				client = apply(t, client, patch)
			}
			if server = next; !record.Equal(client, server) {
				t.Fatalf("with seed %d the client has something else", seed)
			}
		}
	}
}

// Equal is what the decoded values say, and what Diff says.
func TestRandomEqual(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2_000) {
		r := newRandom(seed)
		n := r.value(4)
		a, b := r.write(n, false), r.write(n, true)
		if !record.Equal(a, b) {
			t.Fatalf("%s\n%s", a, b)
		}
		r.mutate(n)
		b = r.write(n, false)
		if want := same(decode(t, a), decode(t, b)); !lone(a) && !lone(b) && (record.Equal(a, b) != want || record.Equal(b, a) != want) {
			t.Fatalf("want %v\n%s\n%s", want, a, b)
		}
	}
}

func encode(t *testing.T, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// FuzzDiff takes any two values.
func FuzzDiff(f *testing.F) {
	for _, seed := range [][2]string{
		{`{"a":1,"b":[1,2,3],"c":{"d":null}}`, `{"a":2,"b":[0,1,3,4],"e":{"d":1}}`}, {`[[1],[2],[3]]`, `[[3],[1],[2,2]]`}, {`{"a":1,"a":[2]}`, `{"a":[3]}`},
		{`{"~":{"/":"\u0000"}}`, `{"~":{"/":"\u0001"}}`}, {`{"\ud800":1}`, `{"\ud801":1}`}, {`[1.0,1e5]`, `[1,100000,2]`}, {``, `0`}, {`{"a":`, `{"b"`}, {`"`, `"a`}, {`[[`, `[{`},
	} {
		f.Add([]byte(seed[0]), []byte(seed[1]))
	}
	f.Fuzz(func(t *testing.T, from, to []byte) {
		if protocol.Valid(from) && protocol.Valid(to) {
			check(t, from, to)
			return
		}
		record.Diff(from, to)
	})
}

// FuzzApply lets any patch change a value, as it may have come about by any
// client: Diff finds a patch that does the same. And where a patch of ours can
// be applied to what it was not made for, everyone makes the same of it.
func FuzzApply(f *testing.F) {
	for _, seed := range [][2]string{
		{`{"a":{"b":[1,2,3]},"c":2}`, `[{"op":"remove","path":"/a/b/0"},{"op":"add","path":"/a/b/-","value":{"x":1}},{"op":"replace","path":"/c","value":3}]`},
		{`[{"id":1},{"id":2},{"id":3}]`, `[{"op":"move","from":"/2","path":"/0"},{"op":"copy","from":"/0/id","path":"/1/id"},{"op":"test","path":"/0","value":{"id":3}}]`},
		{`{"":{"":1}}`, `[{"op":"replace","path":"//","value":[]},{"op":"add","path":"/~0~1","value":"\ud83d\ude00"}]`},
	} {
		f.Add([]byte(seed[0]), []byte(seed[1]))
	}
	f.Fuzz(func(t *testing.T, doc, patch []byte) {
		if !protocol.Valid(doc) || !protocol.Valid(patch) || doc[0] != '{' && doc[0] != '[' {
			return
		}
		next := attempt(t, doc, patch)
		if !protocol.Valid(next) {
			return
		}
		ours := check(t, doc, next)
		steps := stepsOf(t, ours)
		if lone(doc) || lone(next) || lone(patch) || hasEmptyKey(steps) || patch[0] != '{' && patch[0] != '[' {
			return
		}
		want, err := follow(decode(t, patch), steps)
		if err != nil {
			return // the library is more lenient
		}
		if got, err := foreign(t, patch, ours); err != nil || !same(decode(t, got), want) {
			t.Errorf("applied to %.500s\n%.500s makes\n%.500s (%v), want\n%v", patch, ours, got, err, want)
		}
	})
}

// attempt applies any patch; it is nil where that fails. The library panics on
// some that lack a member, and the document within itself is too much for it.
func attempt(t *testing.T, doc, patch []byte) (next []byte) {
	t.Helper()
	var steps []struct {
		From *string `json:"from"`
	}
	if json.Unmarshal(patch, &steps) != nil {
		return nil
	}
	for _, s := range steps {
		if s.From != nil && *s.From == "" {
			return nil
		}
	}
	defer func() {
		if recover() != nil {
			next = nil
		}
	}()
	next, err := foreign(t, doc, patch)
	if err != nil {
		return nil
	}
	return next
}
