package engine

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// family is what the collections of one exposure have in common: on which
// records they depend, and which of them a change of one concerns. Those that
// differ in nothing that matters to it share a selection.
type family struct {
	key      string // what the exposure says
	pattern  exposure.Pattern
	records  []exposure.Pattern
	declared bool
	limit    int
	// touch has the collections of a selection resolved again soon; it is
	// called with the lock held.
	touch func(*selection)
	// What follows is for declared collections. Values are looked at where
	// fields say. fixed conditions are the same for all; of those that refer to
	// captures the first one finds the selections, the others are asked of each.
	fields     fields
	places     int
	fixed      []condition
	captured   []captured
	sorted     bool // by a member, not by id
	descending bool

	// turn is a lock that can be waited for with a context: it is held while
	// records are loaded.
	turn chan struct{}

	mu         sync.Mutex
	selections map[string]*selection   // by what captures make of the filter
	byValue    map[string][]*selection // by the keys that the first captured condition asks for
	// known are the records that are in tables.
	known map[string]*knownRecord
	// late, while records are loaded, holds the versions that have come into
	// being meanwhile: what is listed may be older.
	late map[string]backplane.Version
}

// condition is passed by a value whose key at a place is one of keys.
type condition struct {
	place int
	keys  []string
}

func (c *condition) passedBy(key []byte) bool {
	for _, k := range c.keys {
		if k == string(key) {
			return true
		}
	}
	return false
}

// captured is a condition that refers to captures: templates make texts of them,
// keys are its other values.
type captured struct {
	condition
	templates []exposure.Template
}

// knownRecord is a record as the tables have it: all have the same order.
type knownRecord struct {
	entry
	value   string // what the first captured condition has found, "" without one
	version backplane.Version
	holders int // how many tables have it
}

// selection is collections that have the same records: those of a declared one
// are in its table.
type selection struct {
	family      *family
	key         string
	keys        []string    // for byValue
	conditions  []condition // the other captured ones
	collections map[*collection]struct{}
	table       table
	// stale says that the table must be loaded, loading that it is being.
	stale, loading bool
	// wasFirst and isFirst are for one change only.
	wasFirst, isFirst bool
	wait              wait
}

// familyKey returns what of an exposure decides which records its collections
// have: two generations of plugins say the same of most of them.
func familyKey(x *exposure.Collection) string {
	b := strconv.AppendQuote(nil, x.Resolver)
	b = strconv.AppendQuote(b, x.Pattern.String())
	b = strconv.AppendInt(b, int64(x.Limit), 10)
	b = strconv.AppendBool(strconv.AppendBool(b, x.Shared), x.Sort.Descending)
	for _, p := range x.Records {
		b = strconv.AppendQuote(b, p.String())
	}
	b = appendQuoted(append(b, '|'), x.Sort.Path)
	for _, c := range x.Filter {
		b = appendQuoted(append(b, '|'), c.Path)
		for _, v := range c.Values {
			b = strconv.AppendQuote(append(b, '='), string(v))
		}
	}
	return string(b)
}

func appendQuoted(b []byte, texts []string) []byte {
	for _, text := range texts {
		b = strconv.AppendQuote(b, text)
	}
	return b
}

func newFamily(key string, x *exposure.Collection, touch func(*selection)) *family {
	f := &family{
		key: key, touch: touch, pattern: x.Pattern, records: x.Records, declared: x.Resolver == "", limit: limitOf(x),
		sorted: len(x.Sort.Path) > 0, descending: x.Sort.Descending,
		turn:       make(chan struct{}, 1),
		selections: make(map[string]*selection), byValue: make(map[string][]*selection),
		known: make(map[string]*knownRecord),
	}
	if f.sorted {
		f.fields, f.places = f.fields.add(x.Sort.Path, 0), 1
	}
	for _, c := range x.Filter {
		f.addCondition(c)
	}
	return f
}

// addCondition adds a condition. Two may look at one place.
func (f *family) addCondition(c exposure.Condition) {
	made := captured{condition: condition{place: f.fields.placeOf(c.Path)}}
	if made.place < 0 {
		made.place = f.places
		f.fields, f.places = f.fields.add(c.Path, f.places), f.places+1
	}
	for _, v := range c.Values {
		text, isText := protocol.Text(v)
		t, err := f.pattern.Template(text)
		switch {
		case isText && err == nil && !t.Constant():
			made.templates = append(made.templates, t)
		case isText && err == nil:
			made.addText(t.Expand(nil))
		default:
			made.addKey(appendKey(nil, v))
		}
	}
	if len(made.templates) > 0 {
		f.captured = append(f.captured, made)
	} else {
		f.fixed = append(f.fixed, made.condition)
	}
}

// addKey adds a key, unless it is there already or is equal to nothing.
func (c *condition) addKey(key []byte, exact bool) {
	if exact && !c.passedBy(key) {
		c.keys = append(c.keys, string(key))
	}
}

func (c *condition) addText(text string) {
	if len(text) <= maxKey {
		c.addKey(append([]byte{keyString}, text...), true)
	}
}

// expand returns what a condition asks for in a collection.
func (c *captured) expand(groups []string) condition {
	made := condition{place: c.place, keys: slices.Clip(c.keys)}
	for _, t := range c.templates {
		made.addText(t.Expand(groups))
	}
	return made
}

// matches reports whether the collections depend on a record.
func (f *family) matches(id string) bool {
	for _, p := range f.records {
		if p.Match(id) {
			return true
		}
	}
	return len(f.records) == 0
}

// join makes a collection one of a selection.
func (f *family) join(c *collection) *selection {
	made := f.selectionOf(c.id)
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.selections[made.key]
	if s == nil {
		s = made
		f.selections[s.key] = s
		for _, key := range s.keys {
			f.byValue[key] = append(f.byValue[key], s)
		}
	}
	s.collections[c] = struct{}{}
	return s
}

func (f *family) selectionOf(id string) *selection {
	s := &selection{
		family: f, collections: make(map[*collection]struct{}), keys: []string{""}, stale: f.declared,
		table: table{limit: f.limit, descending: f.descending},
	}
	if len(f.captured) == 0 {
		return s
	}
	groups, _ := f.pattern.Captures(id)
	var b []byte
	for i := range f.captured {
		c := f.captured[i].expand(groups)
		if i == 0 {
			s.keys = c.keys
		} else {
			s.conditions = append(s.conditions, c)
		}
		b = binary.AppendUvarint(b, uint64(len(c.keys)))
		for _, key := range c.keys {
			b = append(binary.AppendUvarint(b, uint64(len(key))), key...)
		}
	}
	s.key = string(b)
	return s
}

// leave takes a collection out of its selection, and reports whether the family
// has no more.
func (f *family) leave(c *collection, s *selection) (empty bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(s.collections, c)
	if len(s.collections) > 0 {
		return false
	}
	f.clear(s)
	delete(f.selections, s.key)
	for _, key := range s.keys {
		left := f.byValue[key]
		if i := slices.Index(left, s); i >= 0 {
			left = slices.Delete(left, i, i+1)
		}
		if f.byValue[key] = left; len(left) == 0 {
			delete(f.byValue, key)
		}
	}
	return len(f.selections) == 0
}

// clear empties a selection's table; the lock is held, here and below.
func (f *family) clear(s *selection) {
	for _, e := range s.table.entries {
		f.unhold(e.id)
	}
	s.table.entries, s.table.over = nil, false
}

func (f *family) unhold(id string) {
	if k := f.known[id]; k != nil {
		if k.holders--; k.holders == 0 {
			delete(f.known, id)
		}
	}
}

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
