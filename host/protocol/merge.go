package protocol

import (
	"bytes"
	"sync"
)

// Merge lays the members of patch over those of base: shallowly, or, with
// deep, object into object (arrays and everything else replace). Key order is
// base's, then patch's, and keys stay as they are written there; of a member
// that is there twice the last value counts, in the place of the first. Both
// are valid JSON; where either is no object the result is patch. The result
// shares no memory with its arguments. However deep the change, each byte of
// base is looked at about twice.
func Merge(base, patch []byte, deep bool) []byte {
	if !IsObject(base) || !IsObject(patch) {
		return bytes.Clone(patch)
	}
	m := mergers.Get().(*merger)
	m.under.text, m.over.text, m.deep = base, patch, deep
	m.dst = make([]byte, 0, len(base)+len(patch))
	start, over := skipSpace(base, 0), skipSpace(patch, 0)
	if deep && bytes.IndexByte(patch[over+1:], '{') >= 0 {
		m.under.measure(start)
		m.over.measure(over)
	}
	m.objects(start, over)
	merged := m.dst
	m.release()
	return merged
}

var mergers = sync.Pool{New: func() any { return new(merger) }}

// merger merges objects of two texts into dst.
type merger struct {
	under, over source
	deep        bool
	dst         []byte
	// stack has, for each object that is open, the members of patch and then
	// those of base.
	stack []member
	seen  hashes
}

// maxKept is how much memory a merger may hold on to, in bytes.
const maxKept = 2 << 20

func (m *merger) release() {
	m.under.close()
	m.over.close()
	m.dst, m.stack = nil, m.stack[:0]
	const perMember, perExtent = 56, 16
	if cap(m.stack)*perMember+(cap(m.under.extents)+cap(m.over.extents))*perExtent+m.seen.size() <= maxKept {
		mergers.Put(m)
	}
}

// member is where a member stands in its text: "key" from key to colon, the
// value from value to end. One of base may have others after it that are copied
// with it.
type member struct {
	hash                   uint64
	key, colon, value, end int
	// other is the place in the stack of the member of patch that goes over one
	// of base, none for nothing. One of patch has its own where base has it too.
	other int
}

const none = -1

// objects adds the object at i in base, with that at j in patch laid over it.
func (m *merger) objects(i, j int) {
	over := m.members(&m.over, j)
	m.place(i, &over)
	end := len(m.stack)
	m.dst = append(m.dst, '{')
	for k := over.end; k < end; k++ {
		p := m.stack[k]
		m.key(m.under.text, &p)
		if p.other == none {
			m.dst = append(m.dst, m.under.text[p.value:p.end]...)
		} else {
			m.value(p.value, &m.stack[p.other])
		}
	}
	for k := over.start; k < over.end; k++ {
		if p := &m.stack[k]; p.other == none {
			m.key(m.over.text, p)
			m.dst = append(m.dst, m.over.text[p.value:p.end]...)
		}
	}
	m.dst = append(m.dst, '}')
	m.stack = m.stack[:over.start]
}

func (m *merger) key(text []byte, p *member) {
	if m.dst[len(m.dst)-1] != '{' {
		m.dst = append(m.dst, ',')
	}
	m.dst = append(append(m.dst, text[p.key:p.colon]...), ':')
}

// value adds what a member of patch makes of the value at i in base.
func (m *merger) value(i int, over *member) {
	if j := over.value; m.deep && m.under.text[i] == '{' && m.over.text[j] == '{' {
		m.objects(i, j)
	} else {
		m.dst = append(m.dst, m.over.text[j:over.end]...)
	}
}

// place puts the members of the object at i in base onto the stack, those in
// one piece that the patch leaves alone and that have no space between them.
func (m *merger) place(i int, over *index) {
	start := len(m.stack)
	m.seen.reset()
	for at := m.under.first(i); m.under.text[at] != '}'; {
		p := m.under.member(at)
		if !m.seen.add(p.hash) {
			m.stack = m.stack[:start]
			m.placeOnce(i, over)
			return
		}
		m.cover(&p, over)
		if last := len(m.stack) - 1; last >= start && m.stack[last].other == none && p.other == none && p.follows(m.stack[last].end) {
			m.stack[last].end = p.end
		} else {
			m.stack = append(m.stack, p)
		}
		at = m.under.next(p.end)
	}
}

// follows reports whether only a comma is between end and a member that has no
// space in it.
func (p *member) follows(end int) bool { return p.key == end+1 && p.value == p.colon+1 }

// placeOnce is place for an object that may have members twice.
func (m *merger) placeOnce(i int, over *index) {
	x := m.members(&m.under, i)
	for k := x.start; k < x.end; k++ {
		m.cover(&m.stack[k], over)
	}
}

// cover finds the member of patch that goes over one of base.
func (m *merger) cover(p *member, over *index) {
	if p.other = m.find(over, &m.over, p.hash, m.under.name(p)); p.other != none {
		m.stack[p.other].other = p.other
	}
}

// index finds the members of an object, from start to end of the stack.
type index struct {
	start, end int
	// byHash has the places of the first members of each hash where there are
	// more than few.
	byHash map[uint64]int
}

// few is how many members are looked through one by one.
const few = 8

// members puts the members of the object at i onto the stack, each once.
func (m *merger) members(s *source, i int) index {
	x := index{start: len(m.stack), end: len(m.stack)}
	for i = s.first(i); s.text[i] != '}'; {
		p := s.member(i)
		if at := m.find(&x, s, p.hash, s.name(&p)); at != none {
			m.stack[at].value, m.stack[at].end = p.value, p.end
		} else {
			m.stack = append(m.stack, p)
			m.enter(&x)
		}
		i = s.next(p.end)
	}
	return x
}

// enter makes the last member of the stack one of the index.
func (m *merger) enter(x *index) {
	x.end++
	if x.end-x.start <= few {
		return
	}
	from := x.end - 1
	if x.byHash == nil {
		x.byHash, from = make(map[uint64]int, 4*few), x.start
	}
	for k := from; k < x.end; k++ {
		if _, ok := x.byHash[m.stack[k].hash]; !ok {
			x.byHash[m.stack[k].hash] = k
		}
	}
}

// find returns the place of the member of a key, or none. s is the text of the
// index's members.
func (m *merger) find(x *index, s *source, hash uint64, key []byte) int {
	from := x.start
	if x.byHash != nil {
		at, ok := x.byHash[hash]
		if !ok {
			return none
		}
		from = at
	}
	for k := from; k < x.end; k++ {
		if p := &m.stack[k]; p.hash == hash && SameString(s.name(p), key) {
			return k
		}
	}
	return none
}
