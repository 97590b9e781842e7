package memory

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// connection is an entry of the directory.
type connection struct {
	node *Node
	hash uint64 // of its id

	mu      sync.Mutex
	removed bool // from here on it joins nothing
	about   backplane.Connection
	rooms   map[string]struct{} // nil until the first
}

// connections implements backplane.Connections for a node.
type connections struct{ node *Node }

// Add implements backplane.Connections.
func (c connections) Add(ctx context.Context, about backplane.Connection) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	n := c.node
	n.mu.RLock()
	defer n.mu.RUnlock()
	if n.dead {
		return backplane.ErrUnavailable
	}
	about.Node = n.id
	about.Metadata = ownedOrNil(about.Metadata)
	if !n.store.connect(&connection{node: n, hash: n.store.hash(about.ID), about: about}) {
		return backplane.ErrExists
	}
	return nil
}

// connect enters a connection into the directory, unless its id is taken. It
// is locked until it is complete, so that no Remove sees half of it.
func (s *Store) connect(c *connection) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !s.connections.add(c.hash, c.about.ID, c, nil) {
		return false
	}
	if user := c.about.User; user != "" {
		s.users.add(s.hash(user), user, c.about.ID)
	}
	return true
}

// Remove implements backplane.Connections.
func (c connections) Remove(ctx context.Context, id, reason string) (rooms []string, removed bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	if found := c.node.store.connection(id); found != nil {
		rooms, removed = c.node.store.disconnect(found, reason)
	}
	return rooms, removed, nil
}

// disconnect ends a connection and returns the rooms that it left thereby, and
// false where another caller does it. Marked as removed it can join no more,
// so what it is in can only become less; its id is free again once nothing
// speaks of it any more.
func (s *Store) disconnect(c *connection, reason string) (left []string, removed bool) {
	c.mu.Lock()
	if c.removed {
		c.mu.Unlock()
		return nil, false
	}
	c.removed = true
	rooms := slices.Sorted(maps.Keys(c.rooms))
	c.mu.Unlock()
	left = rooms[:0]
	for _, room := range rooms {
		if s.leave(room, c, reason) {
			left = append(left, room)
		}
	}
	if user := c.about.User; user != "" {
		s.users.remove(s.hash(user), user, c.about.ID)
	}
	s.connections.remove(c.hash, c.about.ID)
	return left, true
}

// connection returns what is in the directory under an id, removed or not.
func (s *Store) connection(id string) *connection {
	return s.connections.find(s.hash(id), id)
}

// read returns what the directory says, unless the connection is gone.
func (c *connection) read() (backplane.Connection, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.about, !c.removed
}

// Get implements backplane.Connections.
func (c connections) Get(ctx context.Context, id string) (backplane.Connection, error) {
	if err := ctx.Err(); err != nil {
		return backplane.Connection{}, err
	}
	if found := c.node.store.connection(id); found != nil {
		if about, ok := found.read(); ok {
			return about, nil
		}
	}
	return backplane.Connection{}, backplane.ErrNotFound
}

// List implements backplane.Connections.
func (c connections) List(ctx context.Context, cursor string, limit int) (page []backplane.Connection, next string, err error) {
	return list(ctx, &c.node.store.connections, cursor, limit, func(_ string, found *connection) (backplane.Connection, bool) {
		return found.read()
	})
}

// OfUser implements backplane.Connections.
func (c connections) OfUser(ctx context.Context, user string) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return c.node.store.users.of(c.node.store.hash(user), user), nil
}

// Users implements backplane.Connections.
func (c connections) Users(ctx context.Context, cursor string, limit int) (page []string, next string, err error) {
	return list(ctx, &c.node.store.users.table, cursor, limit, func(user string, _ ids) (string, bool) {
		return user, true
	})
}

// SwapMetadata implements backplane.Connections.
func (c connections) SwapMetadata(ctx context.Context, id string, expected, value []byte) (swapped bool, current []byte, err error) {
	if err := ctx.Err(); err != nil {
		return false, nil, err
	}
	found := c.node.store.connection(id)
	if found == nil {
		return false, nil, backplane.ErrNotFound
	}
	found.mu.Lock()
	defer found.mu.Unlock()
	if found.removed {
		return false, nil, backplane.ErrNotFound
	}
	if current := found.about.Metadata; !same(current, expected) {
		return false, current, nil
	}
	if value == nil && expected == nil {
		return true, nil, nil
	}
	found.about.Metadata = ownedOrNil(value)
	if r := found.node.receiver.Load(); r != nil {
		(*r).Metadata(found.about.ID, found.about.Metadata)
	}
	return true, nil, nil
}

// same compares two values byte for byte; nil is none.
func same(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }

// member tells the connection's node that it has joined a room or left it, and
// notes it; the room is locked and the connection is.
func (c *connection) member(room string, joined bool, reason string) {
	switch {
	case !joined:
		delete(c.rooms, room)
	case c.rooms == nil:
		c.rooms = map[string]struct{}{room: {}}
	default:
		c.rooms[room] = struct{}{}
	}
	if r := c.node.receiver.Load(); r != nil {
		(*r).Member(room, c.about.ID, joined, reason)
	}
}

// ids is a set of connection ids.
type ids map[string]struct{}

// users is which connections a user has. A user is there while it has one.
type users struct{ table[ids] }

func (u *users) add(hash uint64, user, id string) {
	s := u.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entries[user] == nil {
		s.entries[strings.Clone(user)] = make(ids, 1)
	}
	s.entries[user][id] = struct{}{}
}

func (u *users) remove(hash uint64, user, id string) {
	s := u.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.entries[user], id)
	if len(s.entries[user]) == 0 {
		delete(s.entries, user)
	}
}

func (u *users) of(hash uint64, user string) []string {
	s := u.shard(hash)
	s.mu.RLock()
	of := slices.Collect(maps.Keys(s.entries[user]))
	s.mu.RUnlock()
	slices.Sort(of)
	return of
}
