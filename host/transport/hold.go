package transport

import (
	"net"
	"sync"
)

// hold knows why a connection is not read from. A client's silence is not held
// against it while its commands keep the server from reading, but it is while
// a write waits: a client that leaves its replies unread must not keep them,
// and its session, for ever.
type hold struct {
	mu      sync.Mutex
	crowded bool // as many commands as may be are in flight
	writing bool // a write is under way
}

// set changes one of the two and pauses liveness accordingly.
func (c *connection) set(what *bool, value bool) {
	h := &c.hold
	h.mu.Lock()
	defer h.mu.Unlock()
	before := h.crowded && !h.writing
	*what = value
	if paused := h.crowded && !h.writing; paused != before {
		c.session.PauseLiveness(paused)
	}
}

// Write implements hub.Wire.
func (c *connection) Write(frames [][]byte) error {
	c.set(&c.hold.writing, true)
	defer c.set(&c.hold.writing, false)
	if len(frames) == 1 {
		_, err := c.conn.Write(frames[0])
		return err
	}
	return writeAll(c.conn, frames)
}

// TryWrite implements hub.Wire. It never waits, so no client is held back by
// it.
func (c *connection) TryWrite(frames [][]byte) ([][]byte, error) { return c.sink.put(frames) }

// writeAll is apart from Write because it allocates.
func writeAll(conn net.Conn, frames net.Buffers) error {
	_, err := frames.WriteTo(conn)
	return err
}

// admit takes a command in. Reading stops while too many are in flight.
func (c *connection) admit(r request) verdict {
	v := c.lane.admit(r)
	for v == crowded {
		_ = c.session.Flush()
		c.set(&c.hold.crowded, true)
		c.lane.wait()
		c.set(&c.hold.crowded, false)
		v = c.lane.admit(r)
	}
	return v
}
