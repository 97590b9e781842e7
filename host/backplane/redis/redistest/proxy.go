package redistest

import (
	"bytes"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Proxy is the network between a node and a server: TCP connections to Addr go
// on to the server, as long as it passes them. It is safe for concurrent use.
type Proxy struct {
	// Addr is "127.0.0.1:port".
	Addr string

	port    int
	to      string
	lag     atomic.Int64 // nanoseconds
	running sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	listener net.Listener  // nil while it refuses
	passing  chan struct{} // closed while it passes
	conns    map[net.Conn]struct{}
}

// StartProxy starts a proxy to an address, which ends with the test.
func StartProxy(tb testing.TB, to string) *Proxy {
	tb.Helper()
	port, err := freePort()
	if err != nil {
		tb.Fatal(err)
	}
	p := &Proxy{
		Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), port: port, to: to,
		passing: make(chan struct{}), conns: make(map[net.Conn]struct{}),
	}
	close(p.passing)
	if err := p.listen(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(p.Close)
	return p
}

// Cut has nothing pass, in no direction, and nobody told, as where a cable is
// out: connections stay open, new ones are accepted and silent. What is sent
// meanwhile arrives at Restore, late, as what TCP repeats does.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.passing:
		p.passing = make(chan struct{})
	default: // it is cut
	}
}

// Lag has whatever passes take longer, each time by another part of upTo. What is
// sent on one connection stays in its order; connections overtake each other.
func (p *Proxy) Lag(upTo time.Duration) { p.lag.Store(int64(upTo)) }

// Refuse ends all connections and has new ones refused, as where the server's
// process is gone.
func (p *Proxy) Refuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != nil {
		_ = p.listener.Close()
		p.listener = nil
	}
	p.drop()
}

// Drop ends all connections; new ones pass.
func (p *Proxy) Drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop()
}

// Restore takes Cut and Refuse back.
func (p *Proxy) Restore(tb testing.TB) {
	tb.Helper()
	if err := p.restore(); err != nil {
		tb.Fatal(err)
	}
}

// Close ends all connections and accepts no more.
func (p *Proxy) Close() {
	p.Refuse()
	p.mu.Lock()
	p.closed = true
	p.pass()
	p.mu.Unlock()
	p.running.Wait()
}

func (p *Proxy) restore() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pass()
	if p.listener != nil || p.closed {
		return nil
	}
	return p.listen()
}

// pass lets go on what waits. mu is held.
func (p *Proxy) pass() {
	select {
	case <-p.passing:
	default:
		close(p.passing)
	}
}

// drop ends all connections. mu is held.
func (p *Proxy) drop() {
	for conn := range p.conns {
		_ = conn.Close()
	}
	clear(p.conns)
}

// listen begins to accept. mu is held, or nobody else knows the proxy yet.
func (p *Proxy) listen() error {
	l, err := listen(p.port)
	if err != nil {
		return err
	}
	p.listener = l
	p.running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p.running.Go(func() { p.serve(l, conn) })
		}
	})
	return nil
}

// serve carries one connection, until either side ends it.
func (p *Proxy) serve(l net.Listener, near net.Conn) {
	defer func() { _ = near.Close() }()
	if !p.keep(l, near) {
		return
	}
	defer p.forget(near)
	p.wait()
	far, err := net.Dial("tcp", p.to)
	if err != nil {
		return
	}
	defer func() { _ = far.Close() }()
	if !p.keep(l, far) {
		return
	}
	defer p.forget(far)
	var back sync.WaitGroup
	back.Go(func() { p.copy(near, far) })
	p.copy(far, near)
	back.Wait()
}

// copy carries one direction. That it ends is news that passes as all else does.
func (p *Proxy) copy(to, from net.Conn) {
	under := make(chan passage, 64) // way: a window of up to 4 MiB
	p.running.Go(func() { p.arrive(to, from, under) })
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		due := time.Now()
		if lag := p.lag.Load(); lag > 0 {
			due = due.Add(time.Duration(rand.Int64N(lag))) //nolint:gosec // it guards nothing
		}
		under <- passage{bytes.Clone(buffer[:n]), due}
		if err != nil {
			close(under)
			return
		}
	}
}

// passage is what was sent at once, and when it is to arrive.
type passage struct {
	sent []byte
	due  time.Time
}

// arrive writes what is under way when it is due, in its order, until there is no
// more or the other side is gone.
func (p *Proxy) arrive(to, from net.Conn, under <-chan passage) {
	defer func() {
		_ = to.Close()
		_ = from.Close()
		for range under { // until copy has seen that it is over
		}
	}()
	for part := range under {
		time.Sleep(time.Until(part.due))
		p.wait()
		if _, err := to.Write(part.sent); err != nil {
			return
		}
	}
}

// wait waits until it passes.
func (p *Proxy) wait() {
	p.mu.Lock()
	passing := p.passing
	p.mu.Unlock()
	<-passing
}

// keep remembers a connection, unless its listener is none any more.
func (p *Proxy) keep(l net.Listener, conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != l {
		return false
	}
	p.conns[conn] = struct{}{}
	return true
}

func (p *Proxy) forget(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, conn)
}
