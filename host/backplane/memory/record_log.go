package memory

import "github.com/mesh-host/mesh-host/host/backplane"

// patchLog is a record's newest patches, oldest first: a ring that grows as it
// is filled, and holds nothing while it is empty.
type patchLog struct {
	patches [][]byte
	head, n int
	size    int // bytes of all
}

const minLog = 4

// fit says what a write makes of the log: how many of its patches stay, whether
// the write's own is added, and how many bytes all have then. There are no gaps
// in the log, so a write whose patch is not added leaves it empty.
func (l *patchLog) fit(w *backplane.RecordWrite) (stay int, added bool, size int) {
	if w.Value == nil || w.Patch == nil || w.Log <= 0 || len(w.Patch) > w.LogSize {
		return 0, false, 0
	}
	stay, size = l.n, l.size+len(w.Patch)
	for stay > 0 && (stay >= w.Log || size > w.LogSize) {
		size -= len(*l.at(l.n - stay))
		stay--
	}
	return stay, true, size
}

// at returns the i-th oldest patch.
func (l *patchLog) at(i int) *[]byte {
	i += l.head
	if i >= len(l.patches) {
		i -= len(l.patches)
	}
	return &l.patches[i]
}

// push adds a patch, as one of at most so many.
func (l *patchLog) push(patch []byte, most int) {
	if l.n == len(l.patches) {
		l.resize(min(max(minLog, 2*l.n), max(most, l.n+1)))
	}
	l.n++
	*l.at(l.n - 1) = patch
	l.size += len(patch)
}

// pop removes the oldest patch.
func (l *patchLog) pop() {
	oldest := l.at(0)
	l.size -= len(*oldest)
	*oldest = nil
	if l.head++; l.head == len(l.patches) {
		l.head = 0
	}
	l.n--
}

// shrink gives back the room that is not needed.
func (l *patchLog) shrink() {
	switch {
	case l.n == 0:
		*l = patchLog{}
	case l.n <= len(l.patches)/4:
		l.resize(max(minLog, 2*l.n))
	}
}

// resize moves the patches to a ring of another size.
func (l *patchLog) resize(size int) {
	if size == len(l.patches) {
		return
	}
	moved := make([][]byte, size)
	for i := range l.n {
		moved[i] = *l.at(i)
	}
	l.patches, l.head = moved, 0
}

// since returns the patches that lead from a version to the record's, if the
// log has them.
func (r *record) since(from backplane.Version) (patches []backplane.RecordPatch, ok bool) {
	missed := r.number - from.Number
	if from.Epoch != r.epoch || missed < 0 || missed > int64(r.log.n) {
		return nil, false
	}
	if missed == 0 {
		return nil, true
	}
	patches = make([]backplane.RecordPatch, missed)
	for i := range patches {
		patches[i] = backplane.RecordPatch{
			Number: from.Number + int64(i) + 1,
			Patch:  *r.log.at(r.log.n - len(patches) + i),
		}
	}
	return patches, true
}
