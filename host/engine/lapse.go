package engine

import (
	"context"
	"slices"
	"sync"
	"time"
)

// A member of a room with a TTL is present as long as its client shows signs of
// life. This node watches over its own clients: what happens to those of a
// node that dies is settled by its lease.

// lapses are the clients whose presence may have outlived its TTL. Each is in
// it once, so that it is bounded by the number of clients.
type lapses struct {
	mu    sync.Mutex
	due   map[*client]struct{}
	added chan struct{} // holds a value where due may not be empty
}

func (l *lapses) init() {
	l.due = make(map[*client]struct{})
	l.added = make(chan struct{}, 1)
}

func (l *lapses) add(c *client) {
	l.mu.Lock()
	l.due[c] = struct{}{}
	l.mu.Unlock()
	select {
	case l.added <- struct{}{}:
	default:
	}
}

func (l *lapses) take() []*client {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]*client, 0, len(l.due))
	for c := range l.due {
		all = append(all, c)
	}
	clear(l.due)
	return all
}

// watchPresence ends presence that has outlived its TTL, until ctx is done.
func (e *Engine) watchPresence(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.lapses.added:
			for _, c := range e.lapses.take() {
				e.lapse(ctx, c)
			}
		}
	}
}

// watch begins to watch over a client's presence in a room.
func (e *Engine) watch(connection, room string, ttl time.Duration) {
	c := e.clients.get(connection)
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if m := c.rooms[room]; m != nil {
		m.present, m.ttl, m.lapsed = true, ttl, false
		e.arm(c)
	}
}

// arm sets the client's timer to when the first of its presences may lapse; the
// client is locked.
func (e *Engine) arm(c *client) {
	var next time.Duration
	for _, m := range c.rooms {
		if m.present && !m.lapsed && m.ttl > 0 && (next == 0 || m.ttl < next) {
			next = m.ttl
		}
	}
	if next > 0 {
		e.hub.After(&c.expiry, max(0, next-e.silence(c)))
	}
}

// lapse ends a client's presence where it has outlived its TTL: until its next
// sign of life.
func (e *Engine) lapse(ctx context.Context, c *client) {
	silent := e.silence(c)
	rooms := c.mark(func(m *membership) bool {
		if m.present && !m.lapsed && m.ttl > 0 && m.ttl <= silent {
			m.lapsed = true
			return true
		}
		return false
	})
	for _, room := range rooms {
		if _, err := e.node.Presence().Exit(ctx, room, c.session.ID()); err != nil {
			e.log.Error("presence not ended", "connection", c.session.ID(), "error", err)
		}
	}
	if len(rooms) > 0 {
		c.session.OnReturn(func() { e.comeBack(c) })
		if e.silence(c) < silent { // it came back while it was being ended
			c.session.OnReturn(nil)
			e.comeBack(c)
		}
		e.mend(ctx, c, rooms)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.clients.get(c.session.ID()) == c {
		e.arm(c)
	}
}

// mend makes a client present again in rooms where it came back, or joined
// anew, before its presence had ended: the end came later and won.
func (e *Engine) mend(ctx context.Context, c *client, rooms []string) {
	back := c.mark(func(m *membership) bool { return m.present && !m.lapsed })
	for _, room := range rooms {
		if slices.Contains(back, room) {
			e.enter(ctx, c, room)
		}
	}
}

func (e *Engine) enter(ctx context.Context, c *client, room string) {
	if _, err := e.node.Presence().Enter(ctx, room, c.session.ID()); err != nil {
		e.log.Error("presence not renewed", "connection", c.session.ID(), "error", err)
	}
}

// comeBack makes a client present again where it has lapsed.
func (e *Engine) comeBack(c *client) {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	rooms := c.mark(func(m *membership) bool {
		was := m.lapsed
		m.lapsed = false
		return was
	})
	for _, room := range rooms {
		e.enter(ctx, c, room)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	e.arm(c)
}

// mark returns the rooms whose membership choose picks.
func (c *client) mark(choose func(*membership) bool) (rooms []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for room, m := range c.rooms {
		if choose(m) {
			rooms = append(rooms, room)
		}
	}
	return rooms
}

// silence returns how long ago the last sign of life was.
func (e *Engine) silence(c *client) time.Duration { return e.hub.Now() - c.session.LastSeen() }
