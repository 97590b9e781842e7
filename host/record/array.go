package record

import "bytes"

// array compares two arrays: element by element for as long as they are the
// same. It returns their ends.
func (d *differ) array(i, j int) (int, int) {
	i, j = d.a.open(i), d.b.open(j)
	index := 0
	for !d.a.closed(i) && !d.b.closed(j) {
		mark := len(d.out)
		endA, endB := d.element(index, i, j)
		switch {
		case len(d.out) == mark && !d.stop():
		case d.probe || d.stop():
			return d.a.rest(endA), d.b.rest(endB)
		case d.alike(endA, endB):
			end := d.a.rest(endA)
			return end, len(d.b.b) - (len(d.a.b) - end)
		default:
			return d.align(index, mark, span{i, endA}, span{j, endB})
		}
		i, j = d.a.next(endA), d.b.next(endB)
		index++
	}
	if d.a.closed(i) && d.b.closed(j) {
		return d.a.close(i), d.b.close(j)
	}
	return d.align(index, len(d.out), span{i, i}, span{j, j})
}

// element compares two elements and returns their ends. index is where the
// first one stands by then.
func (d *differ) element(index, i, j int) (int, int) {
	if endA, endB, ok := d.same(i, j); ok {
		return endA, endB
	}
	n := d.down(index)
	i, j = d.value(i, j)
	d.up(n)
	return i, j
}

// span is where an element stands in its text.
type span struct{ start, end int }

// list puts an element, and those behind it, on the stack, and returns the end
// of the array. An empty span stands for where the first one would begin.
func (d *differ) list(t *text, first span) int {
	i := first.start
	if first.end > first.start {
		d.spans = append(d.spans, first)
		i = t.next(first.end)
	}
	for !t.closed(i) {
		end := t.skip(i)
		d.spans = append(d.spans, span{i, end})
		i = t.next(end)
	}
	d.charge(i - first.end)
	return t.close(i)
}

// align compares what is left of two arrays from an index on. The elements
// there, if both have one, differ; what makes the second of the first has been
// written already, from mark on.
func (d *differ) align(index, mark int, firstA, firstB span) (int, int) {
	base := len(d.spans)
	endA := d.list(&d.a, firstA)
	middle := len(d.spans)
	endB := d.list(&d.b, firstB)
	s := stretch{index: index, mark: mark, a: d.spans[base:middle], b: d.spans[middle:]}
	s.begun = len(s.a) == 0 || len(s.b) == 0
	for len(s.a) > 0 && len(s.b) > 0 && len(s.a)+len(s.b) > 2 && d.equal(s.a[len(s.a)-1], s.b[len(s.b)-1]) {
		s.a, s.b = s.a[:len(s.a)-1], s.b[:len(s.b)-1]
	}
	d.arrange(&s)
	d.spans = d.spans[:base]
	return endA, endB
}

// equal reports whether two elements are the same. Those that are not may be
// looked at again, in parts, and again within these.
func (d *differ) equal(a, b span) bool {
	left, right := d.a.b[a.start:a.end], d.b.b[b.start:b.end]
	return bytes.Equal(left, right) || d.charge(len(left)+len(right)) && Equal(left, right)
}

// stretch is the part of two arrays in which they differ.
type stretch struct {
	a, b []span
	// index is where it begins, in both.
	index int
	// mark is where the patch began to make the first element of b of that of
	// a. begun says that it is known whether this is right.
	mark  int
	begun bool
}

// begin settles, with the first step, what becomes of the first elements.
func (d *differ) begin(s *stretch, paired bool) (done bool) {
	if s.begun {
		return false
	}
	if s.begun = true; !paired {
		d.out = d.out[:s.mark]
	}
	return paired
}

// pair makes b[y] of a[x], where everything before is in place.
func (d *differ) pair(s *stretch, x, y int) {
	if !d.begin(s, x == 0 && y == 0) {
		d.element(s.index+y, s.a[x].start, s.b[y].start)
	}
}

// insert adds b[y], where everything before is in place.
func (d *differ) insert(s *stretch, y int) {
	d.begin(s, false)
	n := d.down(s.index + y)
	d.write(add, d.b.b[s.b[y].start:s.b[y].end])
	d.up(n)
}

// drop removes what stands where b[y] will, or so many places behind.
func (d *differ) drop(s *stretch, y int) {
	d.begin(s, false)
	n := d.down(s.index + y)
	d.write(remove, nil)
	d.up(n)
}
