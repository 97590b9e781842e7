package engine

import (
	"encoding/binary"
	"slices"
	"strconv"
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
	pace pace // of loading; whoever has the turn has it, too

	expiring bool // guarded by the lock of collections; see collections.expire

	mu         sync.Mutex
	selections map[string]*selection   // by what captures make of the filter
	byValue    map[string][]*selection // by the keys that the first captured condition asks for
	// known are the records that are in tables.
	known map[string]*knownRecord
	// kept are the selections that no collection has any more, the oldest first;
	// see collection_kept.go.
	kept []*selection
	// late, while records are loaded, holds the versions that have come into
	// being meanwhile: what is listed may be older.
	late map[string]backplane.Version
	// missed says that changes may have been lost since the load began.
	missed bool
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
	emptied        time.Time // while it is kept
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
func (f *family) matches(id string) bool { return exposure.AnyOf(f.records, id) }

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
	f.unkeep(s)
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

// leave takes a collection out of its selection. The last one leaves the table
// behind for those who come soon.
func (f *family) leave(c *collection, s *selection) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(s.collections, c)
	switch {
	case len(s.collections) > 0:
	case f.declared && !s.stale && !s.loading:
		f.keep(s)
	default:
		f.remove(s)
	}
}

// remove takes a selection out; the lock is held, here and below.
func (f *family) remove(s *selection) {
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
}

// clear empties a selection's table.
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
