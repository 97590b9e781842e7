package record

import (
	"bytes"
	"math"
	"strconv"
	"sync"

	"github.com/mesh-host/mesh-host/host/protocol"
)

// differ walks two values side by side and writes down what makes the second
// of the first.
type differ struct {
	a, b text
	// tail is how many bytes both end with.
	tail int
	// path is the pointer to where the walk is, as it stands in JSON.
	path []byte
	// out is the patch up to now, and room how long it may get: beyond, it is
	// shorter to replace one of the containers that the walk is in.
	out  []byte
	room int
	// depth is in how many containers the walk is.
	depth int
	// probe looks only for whether there is a difference: any byte in out is
	// one, and the walk ends.
	probe bool
	// whole says that the innermost container is replaced whatever its size.
	whole bool
	// duplicate says that a member which makes a difference may be there twice,
	// so that the outcome cannot be trusted.
	duplicate bool
	// effort is what may still be spent, in bytes, on looking at the same bytes
	// again, and cells on aligning arrays. Documents that are made to be
	// costly, and nothing else, come to their ends.
	effort, cells int

	// Stacks, each container on the way has its part of them.
	changed [][]byte
	members []member
	spans   []span
}

// differs keeps stacks warm.
var differs = sync.Pool{New: func() any { return new(differ) }}

func borrow(probe bool) *differ {
	d := differs.Get().(*differ)
	d.probe = probe
	return d
}

// giveBack keeps nothing of the texts, and stacks only if they are small.
func (d *differ) giveBack() {
	*d = differ{path: emptied(d.path), out: emptied(d.out), changed: emptied(d.changed), members: emptied(d.members), spans: emptied(d.spans)}
	differs.Put(d)
}

func emptied[T any](stack []T) []T {
	const most = 4 << 10
	if cap(stack) > most {
		return nil
	}
	clear(stack[:cap(stack)])
	return stack[:0]
}

// compare walks two values. Where a member that makes a difference may be there
// twice it begins again, with each once; and a probe that would take too long
// with all keys in order, so that it need not look for them.
func (d *differ) compare(a, b []byte) {
	if d.walk(a, b); d.duplicate || d.probe && d.effort < 0 {
		d.walk(unique(a, d.probe), unique(b, d.probe))
	}
}

func (d *differ) walk(a, b []byte) {
	d.a, d.b = text{b: a}, text{b: b}
	d.tail = commonTail(a, b)
	d.out, d.room, d.duplicate = d.out[:0], math.MaxInt, false
	d.effort, d.cells = 16*(len(a)+len(b))+1<<16, 1<<18
	if d.probe {
		d.room = 0
	} else {
		d.out = append(d.out, '[')
	}
	d.value(0, 0)
}

// broken reports whether a text turned out to be no JSON.
func (d *differ) broken() bool { return d.a.broken || d.b.broken }

// value compares the values at two positions and returns their ends.
func (d *differ) value(i, j int) (int, int) {
	c := d.a.at(i)
	if container := c == '{' || c == '['; container && c == d.b.at(j) {
		if d.depth == protocol.MaxDepth {
			return d.a.bad(), d.b.bad()
		}
		f := d.enter(j)
		if c == '{' {
			i, j = d.object(i, j)
		} else {
			i, j = d.array(i, j)
		}
		d.leave(f, j)
		return i, j
	}
	endA, endB := d.a.skip(i), d.b.skip(j)
	if !d.broken() && !sameScalar(d.a.b[i:endA], d.b.b[j:endB]) {
		d.write(replace, d.b.b[j:endB])
	}
	return endA, endB
}

// sameScalar reports whether two values, not both arrays nor both objects, are
// the same.
func sameScalar(a, b []byte) bool {
	switch {
	case bytes.Equal(a, b):
		return true
	case a[0] == '"' && b[0] == '"':
		return protocol.SameString(a[1:len(a)-1], b[1:len(b)-1])
	}
	return isNumber(a[0]) && isNumber(b[0]) && sameNumber(a, b)
}

func isNumber(c byte) bool { return c == '-' || c-'0' <= 9 }

// frame is what leave needs to know of enter.
type frame struct {
	start, mark, room, changed int
}

// enter begins a container. What its operations may add up to is only known
// at its end; but they never need more than the rest of the document does.
func (d *differ) enter(j int) frame {
	f := frame{start: j, mark: len(d.out), room: d.room, changed: len(d.changed)}
	d.room = min(d.room, f.mark+d.cost(len(d.b.b)-j))
	d.depth++
	return f
}

// leave ends a container at j: if its operations are longer than its
// replacement, or incomplete, they give way to it.
func (d *differ) leave(f frame, j int) {
	d.depth--
	d.room, d.changed = f.room, d.changed[:f.changed]
	size := len(d.out) - f.mark
	if f.mark > 1 {
		size-- // the comma
	}
	if !d.probe && (d.whole || size > d.cost(j-f.start)) {
		d.out = d.out[:f.mark]
		d.write(replace, d.b.b[f.start:j])
	}
	d.whole = false
}

// cost is how long the replacement of a value of n bytes is here.
func (d *differ) cost(n int) int { return operationSize + len(d.path) + n }

// stop reports whether it is pointless to go on in this container.
func (d *differ) stop() bool {
	d.whole = d.whole || len(d.out) > d.room || d.effort < 0
	return d.whole
}

// same passes over values that are the same byte for byte, if they are not
// long: one that is would be walked through once more for each container that
// it is in. It reads one text only.
func (d *differ) same(i, j int) (endA, endB int, ok bool) {
	const window = 4 << 10
	whole := min(len(d.a.b), i+window)
	endA = protocol.SkipValue(d.a.b[:whole], i)
	if endA < 0 || endA == whole && whole < len(d.a.b) {
		return 0, 0, false
	}
	endB = j + endA - i
	if endB > len(d.b.b) || !bytes.Equal(d.a.b[i:endA], d.b.b[j:endB]) {
		return 0, 0, false
	}
	// 12 begins like 123.
	return endA, endB, !isNumber(d.b.b[j]) || numberEnds(d.b.at(endB))
}

func numberEnds(c byte) bool { return !isNumber(c) && c != '.' && c|0x20 != 'e' }

// alike reports whether both texts are the same from here on: what was the
// same up to now and is walked in the same way stays so.
func (d *differ) alike(i, j int) bool {
	left := len(d.a.b) - i
	return left <= d.tail && left == len(d.b.b)-j
}

// charge spends effort and reports whether there was enough.
func (d *differ) charge(n int) bool {
	d.effort -= n
	return d.effort >= 0
}

// commonTail counts the bytes that both texts end with.
func commonTail(a, b []byte) int {
	const stride = 256
	n := 0
	for n+stride <= min(len(a), len(b)) && bytes.Equal(a[len(a)-n-stride:len(a)-n], b[len(b)-n-stride:len(b)-n]) {
		n += stride
	}
	for n < min(len(a), len(b)) && a[len(a)-n-1] == b[len(b)-n-1] {
		n++
	}
	return n
}

// The operations of patches.
const (
	add     = "add"
	remove  = "remove"
	replace = "replace"
	// operationSize is a replacement's length without its path and value.
	operationSize = len(`{"op":"replace","path":"","value":}`)
)

// write adds an operation at the path of the walk.
func (d *differ) write(op string, value []byte) {
	if d.probe {
		d.out = append(d.out, 1)
		return
	}
	if len(d.out) > 1 {
		d.out = append(d.out, ',')
	}
	d.out = appendOperation(d.out, op, d.path, value)
}

// appendOperation adds an operation to a patch; a remove has no value.
func appendOperation(dst []byte, op string, path, value []byte) []byte {
	dst = append(append(dst, `{"op":"`...), op...)
	dst = append(append(dst, `","path":"`...), path...)
	dst = append(dst, '"')
	if op != remove {
		dst = append(append(dst, `,"value":`...), value...)
	}
	return append(dst, '}')
}

// down adds an array's index to the path and returns what up needs to take it
// away.
func (d *differ) down(index int) int {
	n := len(d.path)
	d.path = strconv.AppendInt(append(d.path, '/'), int64(index), 10)
	return n
}

func (d *differ) up(n int) { d.path = d.path[:n] }
