package memory

import (
	"context"
	"slices"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// presence implements backplane.Presence.
type presence struct{ store *Store }

// Enter implements backplane.Presence.
func (p presence) Enter(ctx context.Context, name, connection string) (entered bool, err error) {
	return p.change(ctx, name, connection, p.store.enter)
}

// Exit implements backplane.Presence.
func (p presence) Exit(ctx context.Context, name, connection string) (exited bool, err error) {
	return p.change(ctx, name, connection, p.store.exit)
}

// change does something to a member of a room, if there is such a one.
func (p presence) change(ctx context.Context, name, connection string, do func(*room, *member) bool) (changed bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	r := p.store.findRoom(name)
	if r == nil {
		return false, nil
	}
	defer r.mu.Unlock()
	m := r.members[connection]
	return m != nil && do(r, m), nil
}

// enter makes a member present and reports whether it was not; the room is
// locked.
func (s *Store) enter(r *room, m *member) bool {
	if m.present {
		return false
	}
	m.present = true
	r.counts.present.Add(1)
	s.publish(r, backplane.PresenceEvent{Connection: m.connection.about.ID, Change: backplane.Joined})
	return true
}

// exit ends presence, and the state with it, and reports whether the member
// was present; the room is locked.
func (s *Store) exit(r *room, m *member) bool {
	if !m.present {
		return false
	}
	s.setState(m, nil, 0)
	m.present = false
	r.counts.present.Add(-1)
	s.publish(r, backplane.PresenceEvent{Connection: m.connection.about.ID, Change: backplane.Left})
	return true
}

// SetState implements backplane.Presence.
func (p presence) SetState(ctx context.Context, name, connection string, state []byte, expireAfter time.Duration, silent bool) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	s := p.store
	r := s.findRoom(name)
	if r == nil {
		return false, nil
	}
	defer r.mu.Unlock()
	m := r.members[connection]
	if m == nil || !m.present {
		return false, nil
	}
	if state == nil {
		s.clearState(m)
		return true, nil
	}
	s.setState(m, owned(state), s.expiry(expireAfter))
	if !silent {
		s.publishState(m)
	}
	return true, nil
}

// clearState takes a member's state away and tells of it, where there is one;
// the room is locked.
func (s *Store) clearState(m *member) {
	if m.state != nil {
		s.setState(m, nil, 0)
		s.publishState(m)
	}
}

func (s *Store) publishState(m *member) {
	s.publish(m.room, backplane.PresenceEvent{
		Connection: m.connection.about.ID, Change: backplane.StateSet, State: m.state,
	})
}

// setState puts a state in place, or takes it away; the room is locked.
func (s *Store) setState(m *member, state []byte, expires int64) {
	switch {
	case m.state == nil && state != nil:
		m.room.counts.states.Add(1)
	case m.state != nil && state == nil:
		m.room.counts.states.Add(-1)
	}
	m.state = state
	if m.expires != expires {
		s.states.schedule(m, expires)
	}
}

// Snapshot implements backplane.Presence.
func (p presence) Snapshot(ctx context.Context, name string) (backplane.Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return backplane.Snapshot{}, err
	}
	s := p.store
	for {
		var shot backplane.Snapshot
		if s.readRoom(name, func(r *room) { shot = r.snapshot() }) {
			slices.Sort(shot.Present)
			return shot, nil
		}
		// Where there is no room its events so far are among all so far, and
		// its next one comes after the table has been unlocked.
		if s.rooms.missing(s.hash(name), name, func() { shot.Seq = s.seq.Load() }) {
			return shot, nil
		}
	}
}

// snapshot reads a room, unsorted; it is locked, for reading at least.
func (r *room) snapshot() backplane.Snapshot {
	shot := backplane.Snapshot{Seq: r.seq}
	for id, m := range r.members {
		if !m.present {
			continue
		}
		shot.Present = append(shot.Present, id)
		if m.state != nil {
			if shot.States == nil {
				shot.States = make(map[string][]byte)
			}
			shot.States[id] = m.state
		}
	}
	return shot
}
