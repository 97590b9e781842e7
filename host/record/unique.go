package record

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/mesh-host/mesh-host/host/protocol"
)

// unique returns a value in which every object has each member once: of those
// that were there twice the last, in its place or, sorted, in that of its key.
// It is nil where b is no JSON.
func unique(b []byte, sorted bool) []byte {
	r := rewriter{text: text{b: b}, out: make([]byte, 0, len(b)), sorted: sorted}
	r.value(0)
	if r.broken {
		return nil
	}
	return r.out
}

// rewriter writes a text anew.
type rewriter struct {
	text
	out    []byte
	depth  int
	sorted bool
	// members is a stack of where members stand in out, with the commas after
	// them.
	members []member
}

// value writes the value at i and returns its end.
func (r *rewriter) value(i int) (end int) {
	switch c := r.at(i); {
	case c != '{' && c != '[':
		end = r.skip(i)
		r.out = append(r.out, r.b[i:end]...)
		return end
	case r.depth == protocol.MaxDepth:
		return r.bad()
	default:
		r.depth++
		defer func() { r.depth-- }()
		if c == '{' {
			return r.object(i)
		}
		return r.array(i)
	}
}

func (r *rewriter) array(i int) (end int) {
	r.out = append(r.out, '[')
	for i = r.open(i); !r.closed(i); i = r.next(i) {
		i = r.value(i)
		r.out = append(r.out, ',')
	}
	r.end(']')
	return r.close(i)
}

func (r *rewriter) object(i int) (end int) {
	r.out = append(r.out, '{')
	base, first := len(r.members), len(r.out)
	for i = r.open(i); !r.closed(i); i = r.next(i) {
		start := len(r.out)
		key, value := r.key(i)
		r.out = append(append(append(r.out, '"'), key...), '"', ':')
		i = r.value(value)
		r.out = append(r.out, ',')
		r.members = append(r.members, member{protocol.Unescape(key), start, len(r.out)})
	}
	r.thin(r.members[base:], first)
	r.members = r.members[:base]
	r.end('}')
	return r.close(i)
}

// end puts the closer where the last comma is.
func (r *rewriter) end(closer byte) {
	if last := len(r.out) - 1; r.out[last] == ',' {
		r.out[last] = closer
	} else {
		r.out = append(r.out, closer)
	}
}

// thin takes those members out of the object written last whose keys come
// again, and sorts the others if that is wanted. start is where the first one
// stands.
func (r *rewriter) thin(members []member, start int) {
	slices.SortFunc(members, func(m, o member) int {
		return cmp.Or(bytes.Compare(m.key, o.key), byPlace(m, o))
	})
	kept := members[:0]
	for i, m := range members {
		if i+1 == len(members) || !bytes.Equal(m.key, members[i+1].key) {
			kept = append(kept, m)
		}
	}
	if !r.sorted {
		slices.SortFunc(kept, byPlace)
	}
	if len(kept) == len(members) && slices.IsSortedFunc(kept, byPlace) {
		return
	}
	written := bytes.Clone(r.out[start:])
	r.out = r.out[:start]
	for _, m := range kept {
		r.out = append(r.out, written[m.start-start:m.end-start]...)
	}
}

func byPlace(m, o member) int { return cmp.Compare(m.start, o.start) }
