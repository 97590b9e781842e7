package record

import (
	"slices"
	"strconv"

	"github.com/wI2L/jsondiff"
)

// gap is a part of a stretch: a[x:endX] is to become b[y:endY].
type gap struct{ x, endX, y, endY int }

func (g gap) cells() int { return (g.endX - g.x) * (g.endY - g.y) }

// mostCells is how large a table the library may need to align a gap, and
// cells of a differ how large those of a document together.
const mostCells = 1 << 14

// arrange makes s.b of s.a. What is between elements that are there once in
// each, and in the same order, is a gap; the library aligns those that are
// small, the others are compared index by index.
func (d *differ) arrange(s *stretch) {
	whole := gap{0, len(s.a), 0, len(s.b)}
	size := 0
	for _, list := range [][]span{s.a, s.b} {
		if len(list) > 0 {
			size += list[len(list)-1].end - list[0].start
		}
	}
	if whole.cells() <= 1 || d.broken() || !d.charge(size) {
		d.byIndex(s, whole)
		return
	}
	left, right := d.a.hashes(s.a), d.b.hashes(s.b)
	if whole.cells() <= mostCells {
		d.fill(s, whole, left, right)
		return
	}
	x, y := 0, 0
	for _, m := range landmarks(left, right) {
		if d.stop() {
			return
		}
		d.fill(s, gap{x, m.x, y, m.y}, left, right)
		d.pair(s, m.x, m.y)
		x, y = m.x+1, m.y+1
	}
	d.fill(s, gap{x, len(s.a), y, len(s.b)}, left, right)
}

// byIndex makes each element of a gap of that with the same index. Removals
// come from the end, where they move the fewest elements.
func (d *differ) byIndex(s *stretch, g gap) {
	for ; g.x < g.endX && g.y < g.endY && !d.stop(); g.x, g.y = g.x+1, g.y+1 {
		d.pair(s, g.x, g.y)
	}
	for ; g.y < g.endY && !d.stop(); g.y++ {
		d.insert(s, g.y)
	}
	for ; g.x < g.endX && !d.stop(); g.endX-- {
		d.drop(s, g.y+g.endX-g.x-1)
	}
}

// fill makes a gap's part of b of that of a.
func (d *differ) fill(s *stretch, g gap, left, right []uint64) {
	cells := g.cells()
	if cells <= 1 || cells > mostCells || cells > d.cells {
		d.byIndex(s, g)
		return
	}
	d.cells -= cells
	x, y := g.x, g.y
	for _, op := range difference(left[x:g.endX], right[y:g.endY]) {
		for ; y < g.y+op.index && !d.stop(); x, y = x+1, y+1 {
			d.pair(s, x, y)
		}
		if d.stop() {
			return
		}
		switch op.kind {
		case jsondiff.OperationRemove:
			d.drop(s, y)
			x++
		case jsondiff.OperationAdd:
			d.insert(s, y)
			y++
		default:
			d.pair(s, x, y)
			x, y = x+1, y+1
		}
	}
	for ; y < g.endY && !d.stop(); x, y = x+1, y+1 {
		d.pair(s, x, y)
	}
}

// operation is what happens to the element that stands at an index by then.
type operation struct {
	kind  string
	index int
}

// difference asks the library how to make a list of another by operations on
// single elements. Elements with one hash are the same; that they are is looked
// at again by whoever pairs them.
func difference(from, to []uint64) []operation {
	d := new(jsondiff.Differ).WithOpts(jsondiff.LCS())
	d.Compare(tokens(from), tokens(to))
	patch := d.Patch()
	operations := make([]operation, 0, len(patch))
	for _, op := range patch {
		index, _ := strconv.Atoi(op.Path[1:]) // the path of an element
		operations = append(operations, operation{op.Type, index})
	}
	return operations
}

// tokens makes values that the library knows of hashes.
func tokens(hashes []uint64) []any {
	values := make([]any, len(hashes))
	for i, h := range hashes {
		values[i] = float64(h >> 11) // exact
	}
	return values
}

// landmark is an element that is there once in each of two lists.
type landmark struct{ x, y int }

// landmarks returns the longest row of landmarks that are in the same order in
// both lists.
func landmarks(left, right []uint64) []landmark {
	return ascending(once(left, right))
}

// once returns the elements that are there once in each list, in the order of
// the first.
func once(left, right []uint64) []landmark {
	const several = -1
	places := make(map[uint64]int, len(right))
	for y, h := range right {
		if _, ok := places[h]; ok {
			y = several
		}
		places[h] = y
	}
	var found []landmark
	taken := make(map[uint64]int, len(places)) // index in found
	for x, h := range left {
		y, ok := places[h]
		if !ok || y == several {
			continue
		}
		if before, ok := taken[h]; ok {
			found[before].y = several
			continue
		}
		taken[h] = len(found)
		found = append(found, landmark{x, y})
	}
	return slices.DeleteFunc(found, func(m landmark) bool { return m.y == several })
}

// ascending returns a longest part of a list, which is in the order of x, that
// is in the order of y too: for each length the row that ends lowest is kept.
func ascending(list []landmark) []landmark {
	before := make([]int, len(list)) // the one before in the row that ends here
	var lowest []int                 // by length, the ends of rows
	for i, m := range list {
		n, _ := slices.BinarySearchFunc(lowest, m.y, func(end, y int) int { return list[end].y - y })
		before[i] = -1
		if n > 0 {
			before[i] = lowest[n-1]
		}
		if n == len(lowest) {
			lowest = append(lowest, i)
		} else {
			lowest[n] = i
		}
	}
	row := make([]landmark, len(lowest))
	if len(lowest) == 0 {
		return row
	}
	for i, n := lowest[len(lowest)-1], len(lowest)-1; n >= 0; n-- {
		row[n] = list[i]
		i = before[i]
	}
	return row
}
