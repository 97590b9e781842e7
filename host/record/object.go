package record

import (
	"bytes"
	"slices"

	"github.com/mesh-host/mesh-host/host/protocol"
)

// object compares two objects: side by side for as long as both have the same
// keys in the same order, which is how a document is written again with little
// changed; then by their keys. It returns their ends.
//
// Of a member that is there twice the last counts. What makes no difference is
// not looked at for that; the key of every difference is.
func (d *differ) object(i, j int) (int, int) {
	start, base := i, len(d.changed)
	i, j = d.a.open(i), d.b.open(j)
	for !d.a.closed(i) && !d.b.closed(j) {
		key, x := d.a.key(i)
		other, y := d.b.key(j)
		if !protocol.SameString(key, other) {
			break
		}
		d.recurs(base, key)
		mark := len(d.out)
		i, j = d.member(protocol.Unescape(key), x, y)
		if len(d.out) != mark || d.whole {
			d.differs(base, key)
		}
		switch {
		case d.stop():
			return d.closeObject(&d.a, i, base), d.closeObject(&d.b, j, base)
		case d.alike(i, j):
			end := d.closeObject(&d.a, i, base)
			return end, len(d.b.b) - (len(d.a.b) - end)
		}
		i, j = d.a.next(i), d.b.next(j)
	}
	d.alone(base)
	if !d.a.closed(i) || !d.b.closed(j) {
		return d.regroup(start, i, j, len(d.changed) > base)
	}
	return d.a.close(i), d.b.close(j)
}

// closeObject goes to the end of an object from the end of a value in it, past
// members that make no difference but by their keys.
func (d *differ) closeObject(t *text, i, base int) int {
	n := len(d.changed)
	for i = t.next(i); !t.closed(i); {
		key, value := t.key(i)
		d.recurs(base, key)
		i = t.next(t.skip(value))
	}
	d.alone(base)
	d.changed = d.changed[:n]
	return t.close(i)
}

// few is how many keys each further key of an object is compared with. Beyond,
// all are kept and sorted at the end.
const few = 8

// recurs takes note of a key that follows: were it among those that differ,
// their values would count no longer.
func (d *differ) recurs(base int, key []byte) {
	if len(d.changed)-base > few {
		d.changed = append(d.changed, key)
		return
	}
	for _, k := range d.changed[base:] {
		d.duplicate = d.duplicate || protocol.SameString(k, key)
	}
}

// differs takes note of a key whose values differ, after recurs.
func (d *differ) differs(base int, key []byte) {
	if len(d.changed)-base <= few {
		d.changed = append(d.changed, key)
	}
}

// alone ends what recurs has begun: none of the keys may be there twice.
func (d *differ) alone(base int) {
	if len(d.changed)-base <= few {
		return
	}
	keys := slices.Clone(d.changed[base:])
	for i, key := range keys {
		keys[i] = protocol.Unescape(key)
	}
	slices.SortFunc(keys, bytes.Compare)
	for i := range keys[1:] {
		d.duplicate = d.duplicate || bytes.Equal(keys[i], keys[i+1])
	}
}

// member compares two values of one key, which is unescaped, and returns their
// ends.
func (d *differ) member(key []byte, i, j int) (int, int) {
	if endA, endB, ok := d.same(i, j); ok {
		return endA, endB
	}
	n := len(d.path)
	if !d.into(key) {
		endA, endB := d.a.skip(i), d.b.skip(j)
		d.whole = d.whole || !Equal(d.a.b[i:endA], d.b.b[j:endB])
		return endA, endB
	}
	i, j = d.value(i, j)
	d.up(n)
	return i, j
}

// member is a member of an object, its key unescaped.
type member struct {
	key        []byte
	start, end int
}

// regroup compares what is left of two objects, from a position in each on at
// which their keys differ, by their keys. start is where the first one begins,
// changed whether values before differ.
func (d *differ) regroup(start, i, j int, changed bool) (int, int) {
	base, mark, before := len(d.members), len(d.out), i
	i = d.gather(&d.a, i)
	middle := len(d.members)
	j = d.gather(&d.b, j)
	left, right := d.members[base:middle], d.members[middle:]
	if sortMembers(left) && sortMembers(right) {
		d.merge(left, right)
	} else {
		d.duplicate = true
	}
	if changed || len(d.out) != mark || d.whole {
		d.overrides(start, before, left, right)
	}
	d.members = d.members[:base]
	return i, j
}

// gather puts the members from i on onto the stack and returns the object's
// end.
func (d *differ) gather(t *text, i int) int {
	start := i
	for !t.closed(i) {
		key, value := t.key(i)
		end := t.skip(value)
		d.members = append(d.members, member{protocol.Unescape(key), value, end})
		i = t.next(end)
	}
	d.charge(i - start)
	return t.close(i)
}

// sortMembers sorts by key and reports whether each is there once.
func sortMembers(members []member) bool {
	slices.SortFunc(members, func(m, o member) int { return bytes.Compare(m.key, o.key) })
	for i := 1; i < len(members); i++ {
		if bytes.Equal(members[i-1].key, members[i].key) {
			return false
		}
	}
	return true
}

// merge compares two lists of members in the order of their keys.
func (d *differ) merge(left, right []member) {
	for (len(left) > 0 || len(right) > 0) && !d.stop() {
		switch c := compareFirst(left, right); {
		case c < 0:
			d.operate(remove, left[0].key, nil)
			left = left[1:]
		case c > 0:
			d.operate(add, right[0].key, d.b.b[right[0].start:right[0].end])
			right = right[1:]
		default:
			d.member(left[0].key, left[0].start, right[0].start)
			left, right = left[1:], right[1:]
		}
	}
}

func compareFirst(left, right []member) int {
	switch {
	case len(right) == 0:
		return -1
	case len(left) == 0:
		return 1
	}
	return bytes.Compare(left[0].key, right[0].key)
}

// operate writes an operation on a member.
func (d *differ) operate(op string, key, value []byte) {
	n := len(d.path)
	if !d.into(key) {
		d.whole = true
		return
	}
	d.write(op, value)
	d.up(n)
}

// overrides looks through the first object, from start to where regroup began,
// for keys that come again there.
func (d *differ) overrides(start, end int, left, right []member) {
	if !d.charge(end - start) {
		return
	}
	for i := d.a.open(start); i < end; {
		key, value := d.a.key(i)
		key = protocol.Unescape(key)
		d.duplicate = d.duplicate || contains(left, key) || contains(right, key)
		i = d.a.next(d.a.skip(value))
	}
}

func contains(members []member, key []byte) bool {
	_, found := slices.BinarySearchFunc(members, key, func(m member, key []byte) int { return bytes.Compare(m.key, key) })
	return found
}
