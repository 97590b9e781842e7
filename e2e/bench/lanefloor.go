//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
)

// laneFloor is a fanFloor for listeners of two kinds: each joins a lane with its
// first frame, which is sent back. The frames of those who have joined none go
// to the lanes in turn.
type laneFloor struct {
	mu    sync.Mutex
	lanes [][]net.Conn
}

func serveLaneFloor(ctx context.Context, ready func(net.Addr)) error {
	return serveFloor(ctx, new(laneFloor).serve, ready)
}

// laneBuffer has room for all that is usually on its way, in bytes: a server that
// read less would write more often.
const laneBuffer = 256 << 10

// joinLane is what a listener sends, and is answered.
func joinLane(lane int) string { return fmt.Sprintf(`{"id":1,"lane":%d,"success":true}`, lane) }

var joinsLane = []byte(`{"id":1,"lane":`)

// serve is a connection until it ends.
func (f *laneFloor) serve(conn net.Conn) {
	c := &laneConn{floor: f, conn: conn}
	frames(conn, laneBuffer, maxFrame, c.take, c.flush)
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.lanes {
		f.lanes[i] = slices.DeleteFunc(f.lanes[i], func(other net.Conn) bool { return other == conn })
	}
}

// join adds a connection to a lane.
func (f *laneFloor) join(conn net.Conn, lane int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.lanes) <= lane {
		f.lanes = append(f.lanes, nil)
	}
	f.lanes[lane] = append(f.lanes[lane], conn)
}

// count returns how many lanes there are, one at least.
func (f *laneFloor) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return max(1, len(f.lanes))
}

// laneConn is one connection of a laneFloor.
type laneConn struct {
	floor *laneFloor
	conn  net.Conn
	turn  int      // of the lane that gets the next frame
	outs  [][]byte // frames for each lane
}

func (c *laneConn) take(text []byte) {
	if rest, ok := bytes.CutPrefix(text, joinsLane); ok {
		c.floor.join(c.conn, int(rest[0]-'0')&1)
		_, _ = c.conn.Write(append(appendHead(nil, 0, len(text)), text...))
		return
	}
	for n := c.floor.count(); len(c.outs) < n; {
		c.outs = append(c.outs, nil)
	}
	out := &c.outs[c.turn%len(c.outs)]
	*out = append(appendHead(*out, 0, len(text)), text...)
	c.turn++
}

// flush sends all that a read has brought.
func (c *laneConn) flush() error {
	c.floor.mu.Lock()
	defer c.floor.mu.Unlock()
	for lane, out := range c.outs {
		if len(out) == 0 {
			continue
		}
		for _, conn := range c.floor.lanes[lane] {
			_, _ = conn.Write(out) // one that is gone finds out by itself
		}
		c.outs[lane] = out[:0]
	}
	return nil
}
