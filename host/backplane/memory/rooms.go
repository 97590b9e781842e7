package memory

import (
	"context"
	"maps"
	"slices"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// rooms implements backplane.Rooms.
type rooms struct{ store *Store }

// Join implements backplane.Rooms.
func (r rooms) Join(ctx context.Context, name, connection string, present bool) (joined bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	s := r.store
	c := s.connection(connection)
	if c == nil {
		return false, backplane.ErrNotFound
	}
	in := s.openRoom(name)
	defer s.closeRoom(in)
	m := in.members[connection]
	switch {
	case m == nil:
		if m, joined = in.admit(c); !joined {
			return false, backplane.ErrNotFound
		}
	case m.connection.isRemoved():
		return false, backplane.ErrNotFound // and its leave follows
	}
	if present {
		s.enter(in, m)
	}
	return joined, nil
}

func (c *connection) isRemoved() bool {
	_, there := c.read()
	return !there
}

// Leave implements backplane.Rooms.
func (r rooms) Leave(ctx context.Context, name, connection, reason string) (left bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	c := r.store.connection(connection)
	return c != nil && r.store.leave(name, c, reason), nil
}

// Clear implements backplane.Rooms.
func (r rooms) Clear(ctx context.Context, name, reason string) (members []string, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s := r.store
	members = s.clearRoom(name, reason)
	if err := s.kept(ctx, s.countsOf(s.hash(name)).described.Load()); err != nil {
		return nil, err
	}
	return members, nil
}

func (s *Store) clearRoom(name, reason string) (members []string) {
	in := s.findRoom(name)
	if in == nil {
		return nil
	}
	defer s.closeRoom(in)
	members = in.ids()
	for _, id := range members {
		s.dismiss(in, in.members[id], reason)
	}
	s.describe(in, nil)
	return members
}

// Has implements backplane.Rooms.
func (r rooms) Has(ctx context.Context, name, connection string) (has bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	r.store.readRoom(name, func(in *room) { has = in.members[connection] != nil })
	return has, nil
}

// Members implements backplane.Rooms.
func (r rooms) Members(ctx context.Context, name string) (members []string, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r.store.readRoom(name, func(in *room) { members = slices.Collect(maps.Keys(in.members)) })
	slices.Sort(members)
	return members, nil
}

// Of implements backplane.Rooms.
func (r rooms) Of(ctx context.Context, connection string) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c := r.store.connection(connection)
	if c == nil {
		return nil, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.removed {
		return nil, nil
	}
	return slices.Sorted(maps.Keys(c.rooms)), nil
}

// List implements backplane.Rooms.
func (r rooms) List(ctx context.Context, cursor string, limit int) (page []string, next string, err error) {
	return list(ctx, &r.store.rooms, cursor, limit, func(name string, in *room) (string, bool) {
		in.mu.RLock()
		defer in.mu.RUnlock()
		return name, len(in.members) > 0
	})
}
