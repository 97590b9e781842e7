// Package exposure says what of the server clients can reach: which channels,
// whose presence, which rooms are guarded. Exposures come from the operator's
// configuration and from plugins, with one meaning; everything that no pattern
// matches stays closed (rooms: open).
package exposure

import (
	"slices"
	"strings"
	"time"

	"github.com/mesh-host/mesh-host/host/hub"
)

// The bounds of exposures.
const (
	// MaxHistory is the most messages of a channel that are kept.
	MaxHistory = 100_000
	// DefaultHistoryTTL is how long they are where nothing is said.
	DefaultHistoryTTL = 24 * time.Hour
	// MinTTL is the shortest time that presence or history can be given.
	MinTTL = time.Second
)

// Channel opens channels. A guard is named "<plugin>.<guard>"; "" lets
// everyone pass.
type Channel struct {
	Pattern Pattern
	// Guard is asked for a subscription and for reading the history.
	Guard string
	// Publish lets clients publish, PublishGuard says which.
	Publish      bool
	PublishGuard string
	// History is how many messages are kept, and HistoryTTL for how long.
	History      int
	HistoryTTL   time.Duration
	SlowConsumer hub.Policy
	// Source says where the exposure comes from: "config", or the plugin.
	Source string
}

// Presence has the presence of rooms tracked.
type Presence struct {
	Pattern Pattern
	// TTL is how long a member stays present without a sign of life; 0: as
	// long as it is connected.
	TTL time.Duration
	// Guard is asked whether a connection may be present, and see who is.
	Guard        string
	SlowConsumer hub.Policy
	Source       string
}

// Room puts guards on rooms.
type Room struct {
	Pattern Pattern
	// Guard is asked for joining.
	Guard string
	// MetadataGuard may let those read the room's metadata that are no members.
	MetadataGuard string
	Source        string
}

// Record opens records. One that is not Writable, or has a Guard, says who may
// read; a Writable one without Guard lets everyone read the records that no
// other one says it of.
type Record struct {
	Pattern Pattern
	// Guard is asked for a subscription, also to a collection that has the
	// record.
	Guard string
	// Writable lets clients write, WriteGuard says which.
	Writable   bool
	WriteGuard string
	// TTL is how long a record is kept after its last write; 0: for good. The
	// first pattern that matches decides on it and on SlowConsumer.
	TTL          time.Duration
	SlowConsumer hub.Policy
	Source       string
}

// Collection opens collections: sets of records that a client sees change.
type Collection struct {
	Pattern Pattern
	// Guard is asked for a subscription.
	Guard string
	// Resolver is the plugin's function that says which records a collection
	// has, "<plugin>.<number>"; "" for a declared one: those of Records that
	// pass Filter, in the order of Sort, the first Limit of them.
	Resolver string
	// Shared says that the resolver answers the same for every connection.
	Shared bool
	// Records are those on which the collection depends; a change of another
	// one does not change it. None: on all.
	Records []Pattern
	Filter  []Condition
	Sort    Sort
	// Limit is the most records, 1 to MaxCollection.
	Limit  int
	Source string
}

// The bounds of collections, in records.
const (
	DefaultCollection = 100
	MaxCollection     = 1000
)

// Condition is passed by a value that has one of Values at Path. What is missing
// is null there; an object, an array and a string of more than 1 KiB are equal to
// none of them, and numbers are equal whatever their spelling. A value that is a
// string may refer to what the pattern's expression has captured: $1, ${team}; $$
// is a dollar sign.
type Condition struct {
	// Path are names of members, from the outside in.
	Path []string
	// Values are JSON text.
	Values [][]byte
}

// Sort orders values by what they have at Path: null and missing first, then
// false, true, numbers, strings (by their first 1024 bytes), all else; equal ones
// by id. No Path sorts by id.
type Sort struct {
	Path       []string
	Descending bool
}

// String returns the condition's path as ParseCondition reads it.
func (c Condition) String() string { return pathText(c.Path) }

// String returns the order as ParseSort reads it.
func (s Sort) String() string {
	if s.Descending {
		return "-" + pathText(s.Path)
	}
	return pathText(s.Path)
}

var pathEscapes = strings.NewReplacer(`\`, `\\`, `.`, `\.`, `-`, `\-`)

func pathText(names []string) string {
	escaped := make([]string, len(names))
	for i, name := range names {
		escaped[i] = pathEscapes.Replace(name)
	}
	return strings.Join(escaped, ".")
}

// Set is everything that is exposed, in the order in which patterns are tried.
// It is immutable; its methods are safe for concurrent use.
type Set struct {
	Channels    []Channel
	Presence    []Presence
	Rooms       []Room
	Records     []Record
	Collections []Collection
}

// With returns the set with another one behind it.
func (s Set) With(more Set) Set {
	return Set{
		Channels:    append(s.Channels[:len(s.Channels):len(s.Channels)], more.Channels...),
		Presence:    append(s.Presence[:len(s.Presence):len(s.Presence)], more.Presence...),
		Rooms:       append(s.Rooms[:len(s.Rooms):len(s.Rooms)], more.Rooms...),
		Records:     append(s.Records[:len(s.Records):len(s.Records)], more.Records...),
		Collections: append(s.Collections[:len(s.Collections):len(s.Collections)], more.Collections...),
	}
}

// Guards returns the guards that the set names, sorted, each once.
func (s Set) Guards() []string {
	var all []string
	for _, c := range s.Channels {
		all = append(all, c.Guard, c.PublishGuard)
	}
	for _, p := range s.Presence {
		all = append(all, p.Guard)
	}
	for _, r := range s.Rooms {
		all = append(all, r.Guard, r.MetadataGuard)
	}
	for _, r := range s.Records {
		all = append(all, r.Guard, r.WriteGuard)
	}
	for _, c := range s.Collections {
		all = append(all, c.Guard)
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(guard string) bool { return guard == "" })
}

// Index answers which exposure of a Set a name falls under: the first that
// matches. It is safe for concurrent use.
type Index struct {
	Set
	channels, presence, rooms, collections index
	// records finds the first of all, readable of those that say who may read,
	// writable of the writable ones, both of them by place in readers and
	// writers.
	records, readable, writable index
	readers, writers            []*Record
}

// NewIndex makes an index over a set, which must not change any more.
func NewIndex(s Set) *Index {
	x := &Index{
		Set:         s,
		channels:    newIndex(s.Channels, func(c *Channel) Pattern { return c.Pattern }),
		presence:    newIndex(s.Presence, func(p *Presence) Pattern { return p.Pattern }),
		rooms:       newIndex(s.Rooms, func(r *Room) Pattern { return r.Pattern }),
		collections: newIndex(s.Collections, func(c *Collection) Pattern { return c.Pattern }),
		records:     newIndex(s.Records, func(r *Record) Pattern { return r.Pattern }),
	}
	for i := range s.Records {
		r := &s.Records[i]
		if !r.Writable || r.Guard != "" {
			x.readers = append(x.readers, r)
		}
		if r.Writable {
			x.writers = append(x.writers, r)
		}
	}
	of := func(r **Record) Pattern { return (*r).Pattern }
	x.readable, x.writable = newIndex(x.readers, of), newIndex(x.writers, of)
	return x
}

// Record returns the first exposure of a record, nil where it is closed.
func (x *Index) Record(id string) *Record { return at(x.Records, x.records.find(id)) }

// Readable returns the exposure whose guard says who may read a record, and
// whether anyone may. Where only a writable one opens it there is no guard to
// ask: nil, true.
func (x *Index) Readable(id string) (*Record, bool) {
	if i := x.readable.find(id); i >= 0 {
		return x.readers[i], true
	}
	return nil, x.Writable(id) != nil
}

// Writable returns the exposure that lets clients write a record, nil where
// they may not.
func (x *Index) Writable(id string) *Record {
	if i := x.writable.find(id); i >= 0 {
		return x.writers[i]
	}
	return nil
}

// Collection returns the exposure of a collection, nil where it is closed.
func (x *Index) Collection(id string) *Collection { return at(x.Collections, x.collections.find(id)) }

// Channel returns the exposure of a channel, nil where it is closed.
func (x *Index) Channel(name string) *Channel { return at(x.Channels, x.channels.find(name)) }

// Tracked returns the exposure of a room's presence, nil where it is not
// tracked.
func (x *Index) Tracked(room string) *Presence { return at(x.Presence, x.presence.find(room)) }

// Room returns the guards of a room, nil where it has none.
func (x *Index) Room(name string) *Room { return at(x.Rooms, x.rooms.find(name)) }

func at[T any](list []T, i int) *T {
	if i < 0 {
		return nil
	}
	return &list[i]
}

// ParsePolicy reads what happens to a slow consumer: "disconnect" (or ""),
// "drop" or "conflate".
func ParsePolicy(text string) (hub.Policy, bool) {
	if text == "" {
		return hub.Disconnect, true
	}
	for _, p := range []hub.Policy{hub.Disconnect, hub.Drop, hub.Conflate} {
		if p.String() == text {
			return p, true
		}
	}
	return hub.Disconnect, false
}
