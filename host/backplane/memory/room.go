package memory

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// room is there as long as it has members or metadata.
type room struct {
	name   string
	hash   uint64
	counts *counts

	mu       sync.RWMutex
	gone     bool // no longer in the store: look the name up again
	members  map[string]*member
	metadata []byte
	seq      int64 // of its last event
}

// member is a connection in a room. It is guarded by the room's lock, save
// where it says otherwise.
type member struct {
	room       *room
	connection *connection
	present    bool
	state      []byte // nil for none

	// Where state expires; changed under the lock of states as well.
	expires int64 // by the store's clock; 0: never
	index   int   // in the queue of states; under the lock of states alone
}

// counts is what the rooms of a shard hold.
type counts struct {
	members, present, states atomic.Int64
	// described is the place in the journal of the last change of metadata.
	described atomic.Int64
	_         [32]byte // keep neighbours off one cache line
}

func (s *Store) countsOf(hash uint64) *counts { return &s.counts[hash%shardCount] }

// findRoom returns a room, locked, nil where there is none.
func (s *Store) findRoom(name string) *room {
	hash := s.hash(name)
	for {
		r := s.rooms.find(hash, name)
		if r == nil {
			return nil
		}
		r.mu.Lock()
		if !r.gone {
			return r
		}
		r.mu.Unlock()
	}
}

// openRoom returns a room, locked, and makes it where there is none. Who opens
// it closes it.
func (s *Store) openRoom(name string) *room {
	for {
		if r := s.findRoom(name); r != nil {
			return r
		}
		name = strings.Clone(name)
		hash := s.hash(name)
		r := &room{name: name, hash: hash, counts: s.countsOf(hash), members: make(map[string]*member)}
		r.mu.Lock()
		// Seq goes on where it was when there was no room.
		if s.rooms.add(hash, name, r, func() { r.seq = s.seq.Load() }) {
			return r
		}
	}
}

// closeRoom unlocks a room and forgets it if nothing is in it.
func (s *Store) closeRoom(r *room) {
	if len(r.members) == 0 && r.metadata == nil {
		r.gone = true
		s.rooms.remove(r.hash, r.name)
	}
	r.mu.Unlock()
}

// readRoom has a room read while nothing in it changes, and reports whether it
// is there.
func (s *Store) readRoom(name string, read func(*room)) bool {
	r := s.rooms.find(s.hash(name), name)
	if r == nil {
		return false
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	// One that is gone has nothing in it and reads as such.
	read(r)
	return !r.gone
}

// admit makes a connection a member, unless it is gone; the room is locked.
func (r *room) admit(c *connection) (m *member, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.removed {
		return nil, false
	}
	m = &member{room: r, connection: c, index: nowhere}
	r.members[c.about.ID] = m
	r.counts.members.Add(1)
	c.member(r.name, true, "")
	return m, true
}

// dismiss ends a membership, with presence and state; the room is locked.
func (s *Store) dismiss(r *room, m *member, reason string) {
	c := m.connection
	c.mu.Lock()
	delete(r.members, c.about.ID)
	r.counts.members.Add(-1)
	c.member(r.name, false, reason)
	c.mu.Unlock()
	s.exit(r, m)
}

// leave ends a connection's membership and reports whether there was one.
func (s *Store) leave(name string, c *connection, reason string) bool {
	r := s.findRoom(name)
	if r == nil {
		return false
	}
	defer s.closeRoom(r)
	m := r.members[c.about.ID]
	if m == nil || m.connection != c {
		return false
	}
	s.dismiss(r, m, reason)
	return true
}

// publish tells of a change of presence; the room is locked.
func (s *Store) publish(r *room, e backplane.PresenceEvent) {
	r.seq = s.seq.Add(1)
	e.Room, e.Seq, e.Time = r.name, r.seq, milliseconds()
	s.deliverPresence(r.hash, e)
}

// ids returns the members, sorted.
func (r *room) ids() []string { return slices.Sorted(maps.Keys(r.members)) }
