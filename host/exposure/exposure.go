// Package exposure says what of the server clients can reach: which channels,
// whose presence, which rooms are guarded. Exposures come from the operator's
// configuration and from plugins, with one meaning; everything that no pattern
// matches stays closed (rooms: open).
package exposure

import (
	"slices"
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

// Set is everything that is exposed, in the order in which patterns are tried.
// It is immutable; its methods are safe for concurrent use.
type Set struct {
	Channels []Channel
	Presence []Presence
	Rooms    []Room
}

// With returns the set with another one behind it.
func (s Set) With(more Set) Set {
	return Set{
		Channels: append(s.Channels[:len(s.Channels):len(s.Channels)], more.Channels...),
		Presence: append(s.Presence[:len(s.Presence):len(s.Presence)], more.Presence...),
		Rooms:    append(s.Rooms[:len(s.Rooms):len(s.Rooms)], more.Rooms...),
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
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(guard string) bool { return guard == "" })
}

// Index answers which exposure of a Set a name falls under: the first that
// matches. It is safe for concurrent use.
type Index struct {
	Set
	channels, presence, rooms index
}

// NewIndex makes an index over a set, which must not change any more.
func NewIndex(s Set) *Index {
	return &Index{
		Set:      s,
		channels: newIndex(s.Channels, func(c *Channel) Pattern { return c.Pattern }),
		presence: newIndex(s.Presence, func(p *Presence) Pattern { return p.Pattern }),
		rooms:    newIndex(s.Rooms, func(r *Room) Pattern { return r.Pattern }),
	}
}

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
