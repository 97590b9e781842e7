package engine

import (
	"slices"
	"time"
)

// A table that no collection has any more is kept for a while, and up to date:
// to make another one all records must be read, and whoever subscribes anew, or
// comes back, should not cause that.
const (
	// keptFor is how long a table is kept.
	keptFor = 10 * time.Second
	// maxKept is how many tables of a family are; beyond that the oldest go.
	maxKept = 100
)

// keep keeps a selection that has become empty; the lock is held, here and below.
func (f *family) keep(s *selection) {
	s.emptied = time.Now()
	f.kept = append(f.kept, s)
	if len(f.kept) > maxKept {
		f.discard(1)
	}
}

// unkeep takes a selection back that is not empty any more.
func (f *family) unkeep(s *selection) {
	if i := slices.Index(f.kept, s); i >= 0 {
		f.kept = slices.Delete(f.kept, i, i+1)
	}
	s.emptied = time.Time{}
}

// discard takes out the oldest of those that are kept.
func (f *family) discard(n int) {
	for _, s := range f.kept[:n] {
		f.remove(s)
	}
	f.kept = slices.Delete(f.kept, 0, n)
}

// discardOld takes out what has been kept for long enough. It returns how long
// the next one is still to be kept, 0 where there is none, and whether nothing is
// left.
func (f *family) discardOld(now time.Time) (left time.Duration, empty bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for n < len(f.kept) && left == 0 {
		if left = max(0, f.kept[n].emptied.Add(keptFor).Sub(now)); left == 0 {
			n++
		}
	}
	f.discard(n)
	return left, len(f.selections) == 0
}

// expire takes a family out that has no selection left, and comes back to one
// that keeps some; the lock of collections is held.
func (x *collections) expire(f *family, now time.Time) {
	left, empty := f.discardOld(now)
	if empty && x.families[f.key] == f {
		delete(x.families, f.key)
		x.publish()
	}
	if left == 0 || f.expiring {
		return
	}
	f.expiring = true
	time.AfterFunc(left, func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		f.expiring = false
		x.expire(f, time.Now())
	})
}
