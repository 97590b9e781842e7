package transport_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/transport/transporttest"
)

// canned is a connection whose peer has sent everything it will, in pieces of
// a size, and keeps what it gets.
type canned struct {
	net.Conn // nil: only what is below is used
	mu       sync.Mutex
	in       []byte
	piece    int
	out      bytes.Buffer
	once     sync.Once
	closed   chan struct{}
}

func (c *canned) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.in) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.in[:min(c.piece, len(c.in))])
	c.in = c.in[n:]
	return n, nil
}

func (c *canned) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.Write(p)
}

func (c *canned) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

func (c *canned) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c *canned) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c *canned) SetDeadline(time.Time) error      { return nil }
func (c *canned) SetReadDeadline(time.Time) error  { return nil }
func (c *canned) SetWriteDeadline(time.Time) error { return nil }

// FuzzHandshake sends anything: it is answered, or the connection ends without
// an answer; and what is upgraded is an upgrade request to net/http as well,
// with one reading only.
func FuzzHandshake(f *testing.F) {
	upgrade := transporttest.Request
	for _, seed := range []string{
		"", "\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
		upgrade("/"), upgrade("/a?b", "Origin: http://x", "Sec-WebSocket-Protocol: mesh.v1"), upgrade("http://x/?y"),
		upgrade("/", "Sec-WebSocket-Protocol: mesh.v2"), upgrade("/", "X-A: 1", " Upgrade: websocket"), upgrade("/", "Host: y"),
		upgrade("/") + "early", upgrade("/", "X-A: 1\n\nGET / HTTP/1.1"), without("Host"), without("Upgrade"), lowerNames(upgrade("/")),
		swapped("Connection", "Connection: keep-alive, upgrade"), strings.ReplaceAll(upgrade("/"), "\r\n", "\n"),
		"\x16\x03\x01\x02\x00\x01\x00", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
	} {
		f.Add([]byte(seed), byte(1))
		f.Add([]byte(seed), byte(255))
	}
	l := &cans{conns: make(chan net.Conn), done: make(chan struct{})}
	serve(f, func(u *setup) { u.listener = l })
	f.Fuzz(func(t *testing.T, sent []byte, piece byte) {
		c := &canned{in: bytes.Clone(sent), piece: int(piece) + 1, closed: make(chan struct{})}
		l.conns <- c
		receive(t, c.closed)
		c.mu.Lock()
		defer c.mu.Unlock()
		checkAnswer(t, sent, c.out.Bytes())
	})
}

func checkAnswer(t *testing.T, sent, answer []byte) {
	t.Helper()
	if len(answer) == 0 {
		if bytes.Contains(sent, []byte("\r\n\r\n")) {
			t.Errorf("%q is not answered", sent)
		}
		return
	}
	r, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(answer)), nil)
	if err != nil {
		t.Fatalf("%q is answered %q: %v", sent, answer, err)
	}
	_ = r.Body.Close()
	if r.StatusCode != http.StatusSwitchingProtocols {
		return
	}
	// net/http keeps a target like "//x/y" and a Host that is empty, too.
	q, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(sent)))
	if err != nil {
		t.Fatalf("%q is upgraded; net/http says %v", sent, err)
	}
	h := q.Header
	if q.Method != http.MethodGet || !strings.EqualFold(strings.TrimSpace(h.Get("Upgrade")), "websocket") || len(h["Upgrade"]) != 1 ||
		len(h["Sec-Websocket-Key"]) != 1 || len(h["Sec-Websocket-Version"]) != 1 || h.Get("Sec-Websocket-Version") != "13" ||
		!strings.Contains(strings.ToLower(h.Get("Connection")), "upgrade") || len(h["Origin"]) > 1 {
		t.Errorf("%q is upgraded", sent)
	}
}

// cans is a listener of canned connections.
type cans struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (c *cans) Accept() (net.Conn, error) {
	select {
	case conn := <-c.conns:
		return conn, nil
	case <-c.done:
		return nil, net.ErrClosed
	}
}

func (c *cans) Close() error {
	c.once.Do(func() { close(c.done) })
	return nil
}

func (c *cans) Addr() net.Addr { return &net.TCPAddr{} }
