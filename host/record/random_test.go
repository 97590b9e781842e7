package record_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// node is a JSON value that can be changed, and written in many ways.
type node struct {
	kind     byte // '{', '[', or 0 for a scalar
	text     string
	keys     []string
	children []*node
}

var (
	someKeys = []string{``, `a`, `b`, `c`, `d`, `id`, `x/y`, `~`, `~0`, `~1`, `/`, `-`, `0`, `1`, `é`, `😀`, ` `, `a\"b`, `\\`, `\n`, `\u0000`, `\u0061`, `\u2028`, `\/`, `日本`, `\u00e9`}
	someText = []string{`""`, `"a"`, `"\u0061"`, `"é"`, `"\u00E9"`, `"x\/y"`, `"a longer text, with some words in it"`, `null`, `true`, `false`}
	someNums = []string{`0`, `-0`, `1`, `1.0`, `10e-1`, `2`, `3`, `1e3`, `1000`, `9007199254740993`, `9007199254740992`, `0.1`, `1e-1`, `1e400`, `123456789012345678901234567890`, `-1.5`}
)

type random struct {
	*rand.Rand
	surrogates, duplicates bool
}

func newRandom(seed uint64) random {
	r := rand.New(rand.NewPCG(seed, seed))
	return random{r, r.IntN(20) == 0, r.IntN(4) == 0}
}

func pick[T any](r random, from []T) T { return from[r.IntN(len(from))] }

func (r random) key() string {
	if r.surrogates && r.IntN(8) == 0 {
		return pick(r, []string{`\ud800`, `\udc00`, `\uD801x`, `\ufffd`})
	}
	if r.IntN(4) == 0 {
		return fmt.Sprint("key", r.IntN(100))
	}
	return pick(r, someKeys)
}

// value makes a value nested at most depth deep.
func (r random) value(depth int) *node {
	if depth <= 0 || r.IntN(4) == 0 {
		return &node{text: r.scalar()}
	}
	n := &node{kind: pick(r, []byte("{["))}
	size := r.IntN(6)
	if r.IntN(20) == 0 {
		size, depth = r.IntN(40), 1
	}
	for range size {
		n.put(r, r.IntN(len(n.children)+1), r.value(depth-1))
	}
	return n
}

func (r random) scalar() string {
	switch r.IntN(3) {
	case 0:
		return pick(r, someText)
	case 1:
		return pick(r, someNums)
	}
	return fmt.Sprint(r.IntN(50))
}

// put adds a child; an object that has the key already keeps what it has, but
// where duplicates are wanted.
func (n *node) put(r random, at int, child *node) {
	if n.kind == '{' {
		key := r.key()
		if slices.Contains(n.keys, key) && !r.duplicates {
			return
		}
		n.keys = slices.Insert(n.keys, at, key)
	}
	n.children = slices.Insert(n.children, at, child)
}

func (n *node) take(at int) *node {
	child := n.children[at]
	n.children = slices.Delete(n.children, at, at+1)
	if n.kind == '{' {
		n.keys = slices.Delete(n.keys, at, at+1)
	}
	return child
}

func (n *node) clone() *node {
	c := &node{kind: n.kind, text: n.text, keys: slices.Clone(n.keys)}
	for _, child := range n.children {
		c.children = append(c.children, child.clone())
	}
	return c
}

// all lists a value and everything within.
func (n *node) all(list []*node) []*node {
	list = append(list, n)
	for _, child := range n.children {
		list = child.all(list)
	}
	return list
}

// mutate changes a value somewhere.
func (r random) mutate(root *node) {
	n := pick(r, root.all(nil))
	if n.kind == 0 {
		n.text = r.scalar()
		return
	}
	size := len(n.children)
	switch action := r.IntN(8); {
	case action < 2 || size == 0:
		n.put(r, r.IntN(size+1), r.value(2))
	case action < 4:
		n.take(r.IntN(size))
	case action == 4:
		n.children[r.IntN(size)] = r.value(2)
	case action == 5: // move within
		i, j := r.IntN(size), r.IntN(size)
		n.children[i], n.children[j] = n.children[j], n.children[i]
	case action == 6: // keep the first, or drop it and add one behind: a list that slides
		child := n.take(0)
		if n.kind == '[' && size > 1 {
			n.children = append(n.children, r.value(1))
		} else {
			n.put(r, r.IntN(size), child)
		}
	default: // the same in another order
		if n.kind == '{' {
			i, j := r.IntN(size), r.IntN(size)
			n.children[i], n.children[j] = n.children[j], n.children[i]
			n.keys[i], n.keys[j] = n.keys[j], n.keys[i]
		} else {
			n.children = slices.Insert(n.children, r.IntN(size), n.children[r.IntN(size)].clone())
		}
	}
}

// write spells a value; messily with white space and in other words.
func (r random) write(n *node, messy bool) []byte {
	var b strings.Builder
	r.writeTo(&b, n, messy)
	return []byte(b.String())
}

func (r random) writeTo(b *strings.Builder, n *node, messy bool) {
	space := func() {
		if messy && r.IntN(4) == 0 {
			b.WriteString(pick(r, []string{" ", "\n\t", "  "}))
		}
	}
	space()
	if n.kind == 0 {
		b.WriteString(n.text)
		space()
		return
	}
	b.WriteByte(n.kind)
	for i, child := range n.children {
		if i > 0 {
			b.WriteByte(',')
		}
		if n.kind == '{' {
			space()
			b.WriteString(`"` + n.keys[i] + `"`)
			space()
			b.WriteByte(':')
		}
		r.writeTo(b, child, messy)
	}
	space()
	b.WriteByte(n.kind + 2)
	space()
}
