package protocol

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"slices"
)

// source is a text that is merged. Positions are indexes of bytes.
type source struct {
	text []byte
	// extents are those of the objects in objects that are long, in the order of
	// their starts: so that none is walked for each object around it.
	extents []extent
}

type extent struct{ start, end int }

// long is from how many bytes on the extent of an object is kept.
const long = 128

func (s *source) close() { s.text, s.extents = nil, s.extents[:0] }

// measure keeps the extents of the object at i and those in it, and returns its
// end. It recurses as deep as objects are in objects, less than MaxDepth.
func (s *source) measure(i int) (end int) {
	start, at := i, len(s.extents)
	s.extents = append(s.extents, extent{start: start})
	for i = s.first(i); s.text[i] != '}'; i = s.next(i) {
		if i = skipKeyIf(s.text, i, true); s.text[i] == '{' {
			i = s.measure(i)
		} else {
			i = skipValue(s.text, i, 1)
		}
	}
	if end = i + 1; end-start < long {
		s.extents = s.extents[:at]
	} else {
		s.extents[at].end = end
	}
	return end
}

// skip returns the end of the value at i.
func (s *source) skip(i int) int {
	if s.text[i] == '{' && len(s.extents) > 0 {
		at, ok := slices.BinarySearchFunc(s.extents, i, func(e extent, i int) int { return cmp.Compare(e.start, i) })
		if ok {
			return s.extents[at].end
		}
	}
	return skipValue(s.text, i, 1)
}

// first returns the first member of the object at i, or its closer.
func (s *source) first(i int) int { return skipSpace(s.text, i+1) }

// next goes on from the end of a value to the next member, or to the closer.
func (s *source) next(i int) int {
	if i = skipSpace(s.text, i); s.text[i] == ',' {
		return skipSpace(s.text, i+1)
	}
	return i
}

// member reads the member at i.
func (s *source) member(i int) member {
	p := member{key: i, colon: skipString(s.text, i), other: none}
	p.value = skipColon(s.text, p.colon)
	p.end = s.skip(p.value)
	p.hash = hashKey(s.name(&p))
	return p
}

// name returns a member's key as it is written between its quotes.
func (s *source) name(p *member) []byte { return s.text[p.key+1 : p.colon-1] }

var seed = maphash.MakeSeed()

// hashKey hashes what a key says.
func hashKey(key []byte) uint64 {
	if bytes.IndexByte(key, '\\') >= 0 {
		var short [64]byte
		key = appendUnescaped(short[:0], key)
	}
	return maphash.Bytes(seed, key)
}

// hashes is a set of hashes: a table with open addresses, 0 for a free one.
type hashes struct {
	slots, spare []uint64
	n            int
}

const fewestSlots = 64

func (h *hashes) size() int { return 8 * (cap(h.slots) + cap(h.spare)) }

// reset empties the set.
func (h *hashes) reset() {
	if h.n = 0; h.slots == nil {
		h.slots = make([]uint64, fewestSlots)
	}
	h.slots = h.slots[:fewestSlots]
	clear(h.slots)
}

// add reports whether a hash is new to the set.
func (h *hashes) add(hash uint64) bool {
	if h.n++; h.n > len(h.slots)/2 {
		h.grow()
	}
	return h.put(max(hash, 1))
}

func (h *hashes) put(hash uint64) bool {
	mask := uint64(len(h.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		switch h.slots[i] {
		case 0:
			h.slots[i] = hash
			return true
		case hash:
			return false
		}
	}
}

func (h *hashes) grow() {
	old, size := h.slots, 4*len(h.slots)
	if cap(h.spare) < size {
		h.spare = make([]uint64, size)
	}
	h.slots, h.spare = h.spare[:size], old
	clear(h.slots)
	for _, hash := range old {
		if hash != 0 {
			h.put(hash)
		}
	}
}
