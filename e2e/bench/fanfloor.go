//go:build linux

package main

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"

	"github.com/gobwas/ws"
)

// fanFloor is the least that a broadcast can cost in Go: what one connection
// sends goes to all others, all frames of a read with one write for each. It
// knows no envelope, no topics, no bounds, and a slow reader holds up everyone.
type fanFloor struct {
	listener net.Listener
	work     sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn
}

func serveFanFloor(ctx context.Context, ready func(net.Addr)) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	stopped := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stopped()
	ready(l.Addr())
	f := &fanFloor{listener: l}
	return f.serve()
}

// serve runs until its listener is closed; connections end when their clients
// end them.
func (f *fanFloor) serve() error {
	defer f.work.Wait()
	for {
		conn, err := f.listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			return err
		}
		f.work.Go(func() {
			if _, err := ws.Upgrade(conn); err == nil {
				f.mu.Lock()
				f.conns = append(f.conns, conn)
				f.mu.Unlock()
				f.relay(conn)
				f.mu.Lock()
				f.conns = slices.DeleteFunc(f.conns, func(c net.Conn) bool { return c == conn })
				f.mu.Unlock()
			}
			_ = conn.Close()
		})
	}
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
