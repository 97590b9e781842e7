//go:build linux

package main

import (
	"context"
	"net"
	"slices"
	"sync"
)

// fanFloor is the least that a broadcast can cost in Go: what one connection
// sends goes to all others, all frames of a read with one write for each. It
// knows no envelope, no topics, no bounds, and a slow reader holds up everyone.
type fanFloor struct {
	mu    sync.Mutex
	conns []net.Conn
}

func serveFanFloor(ctx context.Context, ready func(net.Addr)) error {
	return serveFloor(ctx, new(fanFloor).join, ready)
}

// join has a connection hear what others send, and them what it sends, until it
// ends.
func (f *fanFloor) join(conn net.Conn) {
	f.mu.Lock()
	f.conns = append(f.conns, conn)
	f.mu.Unlock()
	f.relay(conn)
	f.mu.Lock()
	f.conns = slices.DeleteFunc(f.conns, func(c net.Conn) bool { return c == conn })
	f.mu.Unlock()
}

// relay passes on what a connection sends until it ends.
func (f *fanFloor) relay(from net.Conn) {
	transform(from, func(out []byte) error {
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, c := range f.conns {
			if c != from {
				_, _ = c.Write(out) // one that is gone finds out by itself
			}
		}
		return nil
	})
}
