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
			all := e.lapses.take()
			_ = ask(len(all), func(i int) error {
				e.lapse(ctx, all[i])
				return nil
			})
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
		*m = membership{present: true, ttl: ttl}
		e.arm(c)
	}
}

// mayBePresent watches over a client that has just become a member, whoever made
// it one: if that was another node, no one else does. The client is locked.
func (e *Engine) mayBePresent(c *client, room string) {
	if x := e.rules.Tracked(room); x != nil && x.TTL > 0 {
		m := c.rooms[room]
		m.perhaps, m.ttl = true, x.TTL
		e.arm(c)
	}
}

// lapseRetry is when the store is told again of the end of a presence that it did
// not take.
const lapseRetry = 5 * time.Second

// arm sets the client's timer to when the first of its presences may lapse, or is
// to be told again; the client is locked.
func (e *Engine) arm(c *client) {
	silent := e.silence(c)
	var next time.Duration
	armed := false
	for _, m := range c.rooms {
		in := lapseRetry
		switch {
		case m.owed:
		case (m.present && !m.lapsed || m.perhaps) && m.ttl > 0:
			in = max(0, m.ttl-silent)
		default:
			continue
		}
		if !armed || in < next {
			next, armed = in, true
		}
	}
	if armed {
		e.hub.After(&c.expiry, next)
	}
}

// lapse ends a client's presence where it has outlived its TTL: until its next
// sign of life.
func (e *Engine) lapse(ctx context.Context, c *client) {
	silent := e.silence(c)
	rooms := c.mark(func(m *membership) bool {
		over := (m.present || m.perhaps) && m.ttl > 0 && m.ttl <= silent
		if !over || m.lapsed && !m.owed {
			return false
		}
		m.lapsed, m.owed = m.present, false
		return true
	})
	for _, room := range rooms {
		exited, err := e.node.Presence().Exit(ctx, room, c.session.ID())
		if err != nil {
			e.failed("presence not ended", err, "connection", c.session.ID())
			c.owe(room, err)
			continue
		}
		c.was(room, exited)
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

// owe takes note that the store was not told of a lapse, if that is worth another
// try.
func (c *client) owe(room string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m := c.rooms[room]; m != nil && (m.lapsed || m.perhaps) {
		m.owed = isAway(err)
		m.perhaps = m.perhaps && m.owed
	}
}

// was takes note of whether a client was present where that was not known: who was
// not must not come back.
func (c *client) was(room string, present bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m := c.rooms[room]; m != nil && m.perhaps {
		m.perhaps, m.present, m.lapsed = false, present, present
	}
}

// mend makes a client present again in rooms where it came back, or joined
// anew, before its presence had ended: the end came later and won.
func (e *Engine) mend(ctx context.Context, c *client, rooms []string) {
	back := c.mark(func(m *membership) bool { return m.present && !m.lapsed })
	e.enter(ctx, c, slices.DeleteFunc(rooms, func(room string) bool { return !slices.Contains(back, room) }))
}

// enter makes a client present in rooms. Where the store is away, its next sign of
// life is another try.
func (e *Engine) enter(ctx context.Context, c *client, rooms []string) {
	for i, room := range rooms {
		_, err := e.node.Presence().Enter(ctx, room, c.session.ID())
		if err == nil {
			continue
		}
		e.failed("presence not renewed", err, "connection", c.session.ID())
		if isAway(err) {
			c.lapseAgain(rooms[i:])
			c.session.OnReturn(func() { e.comeBack(c) })
			return
		}
	}
}

// lapseAgain takes note that a client is still to return to rooms.
func (c *client) lapseAgain(rooms []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, room := range rooms {
		if m := c.rooms[room]; m != nil && m.present {
			m.lapsed = true
		}
	}
}

// comeBack makes a client present again where it has lapsed.
func (e *Engine) comeBack(c *client) {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	e.enter(ctx, c, c.mark(func(m *membership) bool {
		was := m.lapsed
		m.lapsed, m.owed = false, false
		return was
	}))
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
