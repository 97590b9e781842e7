//go:build linux

package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane/redis/redistest"
)

// With MESH_E2E_NODES=3 each host of the tests is three nodes on a Redis of
// their own, and each connection of a client goes to the next of them. What a
// test asks of a host then holds for all nodes as one server. With MESH_E2E_LAG=50ms
// beside it the network to Redis takes up to so much longer each time, so that
// nodes hear of things at different times: tests that count on haste fail.

// nodesOfHost is how many nodes a host is.
func nodesOfHost(t *testing.T) int {
	t.Helper()
	text := os.Getenv("MESH_E2E_NODES")
	if text == "" {
		return 1
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 9 {
		t.Fatalf("MESH_E2E_NODES is %q, not a number from 1 to 9", text)
	}
	return n
}

// spread starts further nodes beside the first, and gives the host an address
// at which clients reach all of them in turn.
func (h *host) spread(t *testing.T, nodes int, s setup) {
	t.Helper()
	addresses := []string{h.address}
	for i := range nodes - 1 {
		other := &host{process: launchInto(t, serveCommand(t, h.folder, s.named(i+1)), h.log), exit: h.exit}
		t.Cleanup(func() { other.finish(t) })
		other.address, other.admin = other.ready(t)
		addresses = append(addresses, other.address)
		h.others = append(h.others, other)
	}
	h.address = spreadOver(t, addresses)
}

// named gives a node the name that it has among the nodes of a host.
func (s setup) named(i int) setup {
	s.env = append(slices.Clone(s.env), "MESH_NODE_NAME="+nameOf(i))
	return s
}

// onRedis has a setup's hosts share a Redis that ends with the test.
func (s setup) onRedis(t *testing.T) setup {
	t.Helper()
	address := redistest.Start(t).Addr
	if text := os.Getenv("MESH_E2E_LAG"); text != "" {
		lag, err := time.ParseDuration(text)
		if err != nil || lag < 0 {
			t.Fatalf("MESH_E2E_LAG is %q, not a duration like 50ms", text)
		}
		network := redistest.StartProxy(t, address)
		network.Lag(lag)
		address = network.Addr
	}
	s.env = append([]string{"MESH_REDIS_URL=redis://" + address}, s.env...)
	return s
}

// spreadOver listens and hands each connection on to the next of some addresses.
func spreadOver(t *testing.T, addresses []string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &handOver{addresses: addresses}
	b.running.Go(func() { b.accept(l) })
	t.Cleanup(func() {
		_ = l.Close()
		b.closeAll()
		b.running.Wait()
	})
	return l.Addr().String()
}

type handOver struct {
	addresses []string
	next      atomic.Uint64
	running   sync.WaitGroup

	mu     sync.Mutex
	closed bool
	open   []net.Conn
}

func (b *handOver) accept(l net.Listener) {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		if !b.keep(client) {
			return
		}
		to := b.addresses[b.next.Add(1)%uint64(len(b.addresses))]
		b.running.Go(func() { b.carry(client, to) })
	}
}

// keep notes a connection, to be closed at the end.
func (b *handOver) keep(c net.Conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		_ = c.Close()
		return false
	}
	b.open = append(b.open, c)
	return true
}

func (b *handOver) closeAll() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for _, c := range b.open {
		_ = c.Close()
	}
}

func (b *handOver) carry(client net.Conn, address string) {
	defer client.Close()
	server, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", address)
	if err != nil || !b.keep(server) {
		return
	}
	defer server.Close()
	var both sync.WaitGroup
	pipe := func(to, from net.Conn) {
		_, err := io.Copy(to, from)
		// An end is passed on; an error is, as a reset would be.
		if half, ok := to.(*net.TCPConn); ok && err == nil {
			err = half.CloseWrite()
		}
		if err != nil && !errors.Is(err, net.ErrClosed) {
			_ = to.Close()
		}
	}
	both.Go(func() { pipe(server, client) })
	pipe(client, server)
	both.Wait()
}

// all are the host's nodes, itself the first.
func (h *host) all() []*host { return append([]*host{h}, h.others...) }

// String tells a host from others.
func (h *host) String() string { return fmt.Sprintf("%s (%d nodes)", h.address, 1+len(h.others)) }
