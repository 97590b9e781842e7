package meter

// tangle estimates what the compiler does for a body beyond what is in proportion
// to its size, in units of 0.1 to 0.6 µs (measured with wazero 1.12).
func (s *scan) tangle() int {
	const usual = 512 // joints, which are in proportion
	return s.heads*(s.heads+s.locals*s.deepest) +
		max(0, s.joints-usual)*s.joints/16 +
		s.web.tangle(s.joints+4*s.heads)
}

// web is what a body's joints pass on. For each local whose value is needed behind
// a joint, and each operand of a branch, the compiler has a parameter there, and it
// looks at every one of them for each other.
type web struct {
	seen     []int // when each local was set or read last: base and the joints until then
	base     int   // more than all of the function before
	crossed  []int // the base of the function in which a local was needed behind a joint
	crossing int   // how many locals are
	carried  int   // four times the operands of the branches, squared
}

// paramPairs is how many pairs of parameters the compiler looks at in a unit.
const paramPairs = 128

// next returns the web of the next function. What was noted of locals stays and
// is told by the base, since few bytes declare many locals.
func (w *web) next(joints int) web {
	return web{seen: w.seen, crossed: w.crossed, base: w.base + joints + 2}
}

func (w *web) declare(locals int) {
	if more := locals - len(w.seen); more > 0 {
		w.seen = append(w.seen, make([]int, more)...)
		w.crossed = append(w.crossed, make([]int, more)...)
	}
}

// local notes that a local is read or set behind so many joints.
func (w *web) local(l uint32, joints int, read bool) {
	if int(l) >= len(w.seen) {
		return // there is no such local
	}
	now := w.base + joints
	if read && joints > 0 && w.seen[l] != now && w.crossed[l] != w.base {
		w.crossed[l] = w.base
		w.crossing++
	}
	w.seen[l] = now
}

// carry notes a branch, or a block, of so many operands.
func (w *web) carry(operands int) { w.carried += 4 * operands * operands }

func (w *web) tangle(joints int) int {
	return (joints*w.crossing*w.crossing + w.carried) / paramPairs
}
