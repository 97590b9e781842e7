package engine

import (
	"strings"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/exposure"
)

// look is what a family sees in a value.
type look struct {
	passes bool // all fixed conditions
	value  []byte
	order  []byte
	found  [][]byte
}

// lookRoom is room for a look, so that most need no other.
type lookRoom struct {
	found        [exposure.MaxConditions + 1][]byte
	value, order [64]byte
}

// at looks at a record's value, nil for none.
func (f *family) at(room *lookRoom, value []byte) (l look) {
	if value == nil {
		return l
	}
	l.found = append(room.found[:0], make([][]byte, f.places)...)
	f.fields.find(value, l.found)
	for i := range f.fixed {
		c := &f.fixed[i]
		if key, exact := appendKey(room.value[:0], l.found[c.place]); !exact || !c.passedBy(key) {
			return l
		}
	}
	l.passes = true
	if len(f.captured) > 0 {
		l.value, l.passes = appendKey(room.value[:0], l.found[f.captured[0].place])
	}
	if f.sorted && l.passes {
		l.order, _ = appendKey(room.order[:0], l.found[0])
	}
	return l
}

// passedBy asks the conditions that are a selection's own.
func (s *selection) passedBy(l *look) bool {
	var room [64]byte
	for i := range s.conditions {
		c := &s.conditions[i]
		if key, exact := appendKey(room[:0], l.found[c.place]); !exact || !c.passedBy(key) {
			return false
		}
	}
	return true
}

// changed takes note of a change, and has the collections that it concerns
// resolved again. It is called within the change.
func (f *family) changed(c *backplane.RecordChange) {
	if !f.declared {
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, s := range f.selections {
			s.family.touch(s)
		}
		return
	}
	var room lookRoom
	l := f.at(&room, c.Value)
	f.mu.Lock()
	defer f.mu.Unlock()
	k := f.known[c.ID]
	switch {
	case k != nil && !k.older(c.Version):
		return
	case f.late != nil:
		f.late[strings.Clone(c.ID)] = c.Version
	case f.same(k, c.Version, &l):
		return
	}
	f.move(k, c.ID, c.Version, &l)
}

// older reports whether a version is after that of the tables. Those of another
// epoch come later.
func (k *knownRecord) older(v backplane.Version) bool {
	return k.version.Epoch != v.Epoch || k.version.Number < v.Number
}

// same reports whether a record that is known stays where it is: what usually
// becomes of one that changes.
func (f *family) same(k *knownRecord, v backplane.Version, l *look) bool {
	if k == nil || !l.passes || len(f.captured) > 1 || k.value != string(l.value) || f.sorted && k.key != string(l.order) {
		return false
	}
	k.version = v
	return true
}

// move takes a record out of the tables where it was and puts it into those
// where it is now, and has those collections resolved again whose records are
// others now.
func (f *family) move(k *knownRecord, id string, v backplane.Version, l *look) {
	var before, after []*selection
	if k != nil {
		id, before = k.id, f.byValue[k.value]
		k.holders++ // until it is done
		f.takeOut(k.entry, before)
	}
	if l.passes {
		after = f.byValue[string(l.value)]
		k = f.putIn(k, id, v, l, after)
	}
	for _, s := range before {
		s.settle()
	}
	for _, s := range after {
		s.settle()
	}
	if k != nil {
		f.unhold(k.id)
	}
}

func (f *family) takeOut(e entry, from []*selection) {
	for _, s := range from {
		var removed bool
		if removed, s.wasFirst = s.table.remove(e); removed {
			f.known[e.id].holders--
		}
	}
}

// putIn puts a record into the tables of selections that it passes. What it
// returns is held once more.
func (f *family) putIn(k *knownRecord, id string, v backplane.Version, l *look, into []*selection) *knownRecord {
	if len(into) == 0 {
		return k
	}
	if k == nil {
		id = strings.Clone(id)
		k = &knownRecord{entry: entry{id: id}, holders: 1}
		f.known[id] = k
	}
	k.version = v
	if k.value != string(l.value) {
		k.value = string(l.value)
	}
	switch {
	case !f.sorted:
		k.key = k.id
	case k.key != string(l.order):
		k.key = string(l.order)
	}
	for _, s := range into {
		if !s.passedBy(l) {
			continue
		}
		added, first, dropped := s.table.insert(k.entry)
		s.isFirst = first
		if added {
			k.holders++
		}
		if dropped != "" {
			f.unhold(dropped)
		}
	}
	return k
}

// settle ends what a change has done to a table.
func (s *selection) settle() {
	changed := s.wasFirst != s.isFirst
	s.wasFirst, s.isFirst = false, false
	switch {
	case s.loading: // whoever loads it will see
	case s.stale: // what has been tried did not work
		s.family.touch(s)
	case s.table.short():
		s.stale = true
		s.family.touch(s)
	case changed:
		s.family.touch(s)
	}
}

// wait lets a selection's collections wait until changes have stopped coming,
// but not for long. The zero value waits for nothing.
type wait struct{ since, last time.Time }

// How long after the last change collections are resolved again, and how long
// after the first one at most.
const (
	collectionQuiet   = 50 * time.Millisecond
	collectionPatient = 200 * time.Millisecond
)

// begin takes note of a change and reports whether it is the first.
func (w *wait) begin(now time.Time) (first bool) {
	first = w.since.IsZero()
	if first {
		w.since = now
	}
	w.last = now
	return first
}

// left returns how long there is to wait; 0 ends the waiting.
func (w *wait) left(now time.Time) time.Duration {
	due := w.last.Add(collectionQuiet)
	if latest := w.since.Add(collectionPatient); latest.Before(due) {
		due = latest
	}
	if left := due.Sub(now); left > 0 {
		return left
	}
	*w = wait{}
	return 0
}
