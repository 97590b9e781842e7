package redis

import (
	"bytes"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// own is what this node knows of its own connections: enough to register them
// anew where Redis has lost them, or has taken the node for dead. It is as large
// as they are.
type own struct {
	mu          sync.Mutex
	connections map[string]*owned
	// givenUp are ids of connections that are another node's now, or nobody's, of
	// which this node has sessions that are about to end.
	givenUp map[string]bool
}

// owned is a connection of this node.
type owned struct {
	about backplane.Connection
	rooms map[string]*stay // nil until the first
	// asOf is the number of the inbox's last frame that was known when all of it
	// was read from Redis: frames up to it tell of nothing new.
	asOf int64
}

// stay is a membership.
type stay struct {
	present bool
	state   []byte // nil for none
	// ends is when the state does, by the monotonic clock; zero: never.
	ends time.Time
}

func (o *own) init() {
	o.connections, o.givenUp = make(map[string]*owned), make(map[string]bool)
}

// add notes a connection that Redis has taken.
func (o *own) add(c backplane.Connection) {
	c.Metadata = bytes.Clone(c.Metadata)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.connections[c.ID] = &owned{about: c}
}

// remove forgets a connection. It comes before Redis is told: what is not here
// will go from there in the end, even if it cannot be told now.
func (o *own) remove(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.connections, id)
}

// giveUp forgets connections that are not registered anew.
func (o *own) giveUp(ids []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, id := range ids {
		if o.connections[id] != nil {
			delete(o.connections, id)
			o.givenUp[id] = true
		}
	}
}

// wasGivenUp reports, once, whether a connection that ends here was given up: it
// must not end where it is now.
func (o *own) wasGivenUp(id string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	was := o.givenUp[id]
	delete(o.givenUp, id)
	return was
}

// presence notes whether a connection is present in a room.
func (o *own) presence(room, id string, present bool) {
	o.update(room, id, func(s *stay) { s.setPresent(present) })
}

// state notes what state a connection is in, nil for none, and after what time
// it ends; 0: never.
func (o *own) state(room, id string, state []byte, expires time.Duration) {
	state = bytes.Clone(state)
	var ends time.Time
	if expires > 0 {
		ends = time.Now().Add(expires)
	}
	o.update(room, id, func(s *stay) { s.state, s.ends = state, ends })
}

// update changes a membership, if there is one.
func (o *own) update(room, id string, change func(*stay)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if c := o.connections[id]; c != nil && c.rooms[room] != nil {
		change(c.rooms[room])
	}
}

func (s *stay) setPresent(present bool) {
	s.present = present
	if !present {
		s.state = nil
	}
}

// member notes what a frame says of a membership, and reports whether that is
// news.
func (o *own) member(room, id string, joined bool, number int64) (isNew bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	c := o.connections[id]
	switch {
	case c == nil:
		return true
	case number <= c.asOf:
		return false
	case joined:
		c.join(room)
	default:
		delete(c.rooms, room)
	}
	return true
}

func (c *owned) join(room string) *stay {
	if c.rooms == nil {
		c.rooms = make(map[string]*stay)
	}
	if c.rooms[room] == nil {
		c.rooms[room] = new(stay)
	}
	return c.rooms[room]
}

// metadata notes what a frame says of metadata, and reports whether that is news.
func (o *own) metadata(id string, metadata []byte, number int64) (isNew bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	c := o.connections[id]
	if c == nil {
		return true
	}
	if number <= c.asOf {
		return false
	}
	c.about.Metadata = metadata
	return true
}

// all reports whether all of some ids are here.
func (o *own) all(ids []string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !slices.ContainsFunc(ids, func(id string) bool { return o.connections[id] == nil })
}

// absent returns those of some ids that are not here.
func (o *own) absent(ids []string) (gone []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, id := range ids {
		if o.connections[id] == nil {
			gone = append(gone, id)
		}
	}
	return gone
}

func (o *own) ids() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Collect(maps.Keys(o.connections))
}

func (o *own) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.connections)
}

// missing notes that Redis does not have a connection as of the frame of a number,
// which may be below those of before.
func (o *own) missing(id string, number int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if c := o.connections[id]; c != nil {
		c.asOf = number
	}
}

// difference is what a connection is not as it was thought to be.
type difference struct {
	metadata        []byte
	isOtherMetadata bool
	joined, left    []string
}

// correct notes what Redis has of a connection, as of the frame of a number, and
// returns how that differs from what was known.
func (o *own) correct(id string, number int64, metadata []byte, rooms map[string]bool) (d difference) {
	o.mu.Lock()
	defer o.mu.Unlock()
	c := o.connections[id]
	if c == nil {
		return d
	}
	c.asOf = number
	if known := c.about.Metadata; !bytes.Equal(known, metadata) || (known == nil) != (metadata == nil) {
		d.metadata, d.isOtherMetadata = metadata, true
		c.about.Metadata = metadata
	}
	for room := range c.rooms {
		if _, in := rooms[room]; !in {
			d.left = append(d.left, room)
			delete(c.rooms, room)
		}
	}
	for room, present := range rooms {
		if c.rooms[room] == nil {
			d.joined = append(d.joined, room)
		}
		c.join(room).setPresent(present)
	}
	return d
}
