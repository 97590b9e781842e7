package transporttest

import (
	"net"
	"os"
	"sync"
	"testing"
	"time"
)

// Pipes is a listener whose connections are pipes in memory, for tests in a
// synctest bubble.
type Pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

var _ net.Listener = (*Pipes)(nil)

// NewPipes makes a listener.
func NewPipes() *Pipes {
	return &Pipes{conns: make(chan net.Conn), done: make(chan struct{})}
}

// Connect returns a client whose other end the listener accepts. Whatever the
// server writes is taken from it at once, so that neither end waits for the
// other to read.
func (p *Pipes) Connect(tb testing.TB) *Client {
	tb.Helper()
	near, far := net.Pipe()
	select {
	case p.conns <- far:
	case <-p.done:
		tb.Fatal("the listener is closed")
	}
	return New(tb, pumped(tb, near))
}

// Raw is Connect for a client that reads only what it asks for.
func (p *Pipes) Raw(tb testing.TB) *Client {
	tb.Helper()
	near, far := net.Pipe()
	p.conns <- far
	return New(tb, near)
}

// Accept implements net.Listener.
func (p *Pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (p *Pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

// Addr implements net.Listener.
func (p *Pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes"} }

// pump reads a connection ahead of its user.
type pump struct {
	net.Conn
	mu       sync.Mutex
	more     sync.Cond
	waiting  []byte
	err      error
	deadline time.Time
}

func pumped(tb testing.TB, conn net.Conn) *pump {
	tb.Helper()
	p := &pump{Conn: conn}
	p.more.L = &p.mu
	var work sync.WaitGroup
	work.Go(p.run)
	tb.Cleanup(work.Wait) // after the client's own clean-up has closed conn
	return p
}

func (p *pump) run() {
	b := make([]byte, 4<<10)
	for {
		n, err := p.Conn.Read(b)
		p.mu.Lock()
		p.waiting, p.err = append(p.waiting, b[:n]...), err
		p.more.Broadcast()
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// Read implements net.Conn.
func (p *pump) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.waiting) == 0 {
		if p.err != nil {
			return 0, p.err
		}
		if !p.deadline.IsZero() && !time.Now().Before(p.deadline) {
			return 0, os.ErrDeadlineExceeded
		}
		p.more.Wait()
	}
	n := copy(b, p.waiting)
	p.waiting = p.waiting[n:]
	return n, nil
}

// SetReadDeadline implements net.Conn.
func (p *pump) SetReadDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deadline = t
	time.AfterFunc(time.Until(t), p.more.Broadcast)
	return nil
}
