package record

import "github.com/mesh-host/mesh-host/host/protocol"

// text is JSON text under a walk. A position is the index of a byte and never
// past the end. Where the text is no JSON the walk goes to its end and broken
// is set, so that nobody needs to ask at every step.
type text struct {
	b      []byte
	broken bool
}

// at returns the byte at a position, 0 at the end.
func (t *text) at(i int) byte {
	if i < len(t.b) {
		return t.b[i]
	}
	return 0
}

func (t *text) bad() int {
	t.broken = true
	return len(t.b)
}

// skip returns the end of the value at i.
func (t *text) skip(i int) int {
	if end := protocol.SkipValue(t.b, i); end >= 0 {
		return end
	}
	return t.bad()
}

// open enters the array or object at i: it returns the position of its first
// child, or of its closer.
func (t *text) open(i int) int { return protocol.SkipSpace(t.b, i+1) }

// next goes on from the end of a child to the next one, or to the closer.
func (t *text) next(i int) int {
	if i = protocol.SkipSpace(t.b, i); t.at(i) == ',' {
		return protocol.SkipSpace(t.b, i+1)
	}
	return i
}

// closed reports whether there is no child at i.
func (t *text) closed(i int) bool {
	c := t.at(i)
	return c == '}' || c == ']' || c == 0
}

// close returns the end of an array or object from its closer.
func (t *text) close(i int) int {
	if i >= len(t.b) {
		return t.bad()
	}
	return i + 1
}

// key reads the key at i, as it is written between its quotes, and goes on to
// the value.
func (t *text) key(i int) (key []byte, value int) {
	if t.at(i) != '"' {
		return nil, t.bad()
	}
	end := t.skip(i)
	if t.broken {
		return nil, end
	}
	value = protocol.SkipSpace(t.b, end)
	if t.at(value) != ':' {
		return nil, t.bad()
	}
	return t.b[i+1 : end-1], protocol.SkipSpace(t.b, value+1)
}

// rest returns the end of an array from the end of one of its elements.
func (t *text) rest(i int) int {
	for i = t.next(i); !t.closed(i); {
		i = t.next(t.skip(i))
	}
	return t.close(i)
}
