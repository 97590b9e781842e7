package memory

import "github.com/mesh-host/mesh-host/host/backplane"

// patchLog is a record's newest patches, oldest first. An empty one holds
// nothing, for most records are many and small.
type patchLog struct{ ring *patchRing }

// patchRing is a ring that grows as it is filled.
type patchRing struct {
	patches [][]byte
	head, n int32
	size    int // bytes of all
}

// count returns how many patches there are, and size their bytes.
func (l *patchLog) count() int {
	if l.ring == nil {
		return 0
	}
	return int(l.ring.n)
}

func (l *patchLog) size() int {
	if l.ring == nil {
		return 0
	}
	return l.ring.size
}

// fit says what a write makes of the log: how many of its patches stay, whether
// the write's own is added, and how many bytes all have then. There are no gaps
// in the log, so a write whose patch is not added leaves it empty.
func (l *patchLog) fit(w *backplane.RecordWrite) (stay int, added bool, size int) {
	if w.Value == nil || w.Patch == nil || w.Log <= 0 || len(w.Patch) > w.LogSize {
		return 0, false, 0
	}
	n := l.count()
	stay, size = n, l.size()+len(w.Patch)
	for stay > 0 && (stay >= w.Log || size > w.LogSize) {
		size -= len(*l.at(n - stay))
		stay--
	}
	return stay, true, size
}

// at returns the i-th oldest patch.
func (l *patchLog) at(i int) *[]byte {
	i += int(l.ring.head)
	if i >= len(l.ring.patches) {
		i -= len(l.ring.patches)
	}
	return &l.ring.patches[i]
}

// push adds a patch, as one of at most so many.
func (l *patchLog) push(patch []byte, most int) {
	if l.ring == nil {
		l.ring = new(patchRing)
	}
	if n := l.count(); n == len(l.ring.patches) {
		l.resize(min(max(1, 2*n), max(most, n+1)))
	}
	l.ring.n++
	*l.at(l.count() - 1) = patch
	l.ring.size += len(patch)
}

// pop removes the oldest patch.
func (l *patchLog) pop() {
	oldest := l.at(0)
	l.ring.size -= len(*oldest)
	*oldest = nil
	if l.ring.head++; int(l.ring.head) == len(l.ring.patches) {
		l.ring.head = 0
	}
	l.ring.n--
}

// shrink gives back the room that is not needed.
func (l *patchLog) shrink() {
	switch n := l.count(); {
	case n == 0:
		l.ring = nil
	case n <= len(l.ring.patches)/4:
		l.resize(2 * n)
	}
}

// resize moves the patches to a ring of another size.
func (l *patchLog) resize(size int) {
	moved := make([][]byte, size)
	for i := range l.count() {
		moved[i] = *l.at(i)
	}
	l.ring.patches, l.ring.head = moved, 0
}

// since returns the patches that lead from a version to the record's, if the
// log has them.
func (r *record) since(from backplane.Version) (patches []backplane.RecordPatch, ok bool) {
	missed := r.number - from.Number
	if from.Epoch != r.epoch || missed < 0 || missed > int64(r.log.count()) {
		return nil, false
	}
	if missed == 0 {
		return nil, true
	}
	patches = make([]backplane.RecordPatch, missed)
	for i := range patches {
		patches[i] = backplane.RecordPatch{
			Number: from.Number + int64(i) + 1,
			Patch:  *r.log.at(r.log.count() - len(patches) + i),
		}
	}
	return patches, true
}
