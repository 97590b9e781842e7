package outbound_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/operation"
	"github.com/mesh-host/mesh-host/host/outbound"
)

// raw serves connections by hand, until the test ends, and returns its origin.
func raw(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var (
		wait  sync.WaitGroup
		mu    sync.Mutex
		conns []net.Conn
	)
	wait.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
			wait.Go(func() { serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, c := range conns {
			_ = c.Close()
		}
		mu.Unlock()
		wait.Wait()
	})
	return "http://" + l.Addr().String()
}

// answer writes the same to whoever asks, and keeps the connection.
func answer(text string) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = c.Read(make([]byte, 64<<10))
		_, _ = io.WriteString(c, text)
		_, _ = io.Copy(io.Discard, c)
	}
}

// A server that switches protocols is given the connection by net/http: nothing
// would end the reading of it.
func TestSwitchOfProtocols(t *testing.T) {
	t.Parallel()
	at := raw(t, answer("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"))
	p := newPlugin(t, origins(t, at), outbound.Policy{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		p.refused(t, abi.HTTPFetchRequest{URL: at, Timeout: 200}, abi.CodeUnavailable, "protocol")
	}()
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Fatal("the request does not end with its timeout")
	}
}

// What HEAD is told of a body is not its length.
func TestHeadOfSomethingLarge(t *testing.T) {
	t.Parallel()
	at := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "1000000") })
	a, err := newPlugin(t, origins(t, at), outbound.Policy{}).ask(t.Context(), abi.HTTPFetchRequest{URL: at, Method: "HEAD"})
	if err != nil || len(a.Body) != 0 || !strings.Contains(strings.Join(a.Headers, " "), "content-length 1000000") {
		t.Errorf("%+v, %v", a, err)
	}
}

// The request is the guest's memory, which is freed, or another call's, as soon
// as the host call has returned: net/http may still be sending the body then.
func TestBodyIsNotReadLater(t *testing.T) {
	t.Parallel()
	guest := []byte("body")
	r, err := outbound.NewRequest(t.Context(), &abi.HTTPFetchRequest{URL: "http://a.example", Method: "POST", Body: guest}, 10)
	if err != nil {
		t.Fatal(err)
	}
	copy(guest, "!!!!")
	again, err := r.GetBody() // for a redirect
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []io.Reader{r.Body, again} {
		if sent, err := io.ReadAll(body); err != nil || string(sent) != "body" {
			t.Errorf("%q is sent, %v", sent, err)
		}
	}
}

// shared is a context as an instance is: its values are another call's once the
// host call has returned. It is cancelled when it is asked for the n-th time.
type shared struct {
	context.Context
	cancel      context.CancelFunc
	asked, late atomic.Int64
	n           int64
	over        atomic.Bool
}

// Value implements context.Context.
func (s *shared) Value(key any) any {
	if s.over.Load() {
		s.late.Add(1)
	}
	if s.asked.Add(1) == s.n {
		s.cancel()
		<-time.After(10 * time.Millisecond) // whoever does not ask for us returns
	}
	return s.Context.Value(key)
}

// net/http goes on connecting for a request that has ended; it must not look at
// the guest's context, which then is another call's.
func TestContextIsNotUsedLater(t *testing.T) {
	t.Parallel()
	local := strings.Replace(raw(t, answer("")), "127.0.0.1", "localhost", 1)
	p := newPlugin(t, origins(t, local), outbound.Policy{Networks: loopback})
	for n := range int64(20) {
		ctx, cancel := context.WithCancel(t.Context())
		s := &shared{Context: ctx, cancel: cancel, n: n + 1}
		_, err := p.fetch.Flat(s, operation.Caller{Plugin: "shop", Origins: p.origins}, (&abi.HTTPFetchRequest{URL: local, Timeout: 30}).Append(nil), nil)
		s.over.Store(true)
		if err == nil {
			t.Error("an answer")
		}
		<-time.After(30 * time.Millisecond)
		cancel()
		if late := s.late.Load(); late > 0 {
			t.Fatalf("the context was asked %d times after the call", late)
		}
	}
}

// Connecting goes on after a request has ended, and a wildcard is for any number
// of hosts: what a plugin holds open is bounded all the same.
func TestOpenConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	const bound = 256
	var open, most atomic.Int64
	var all []string
	for range bound/32 + 4 {
		all = append(all, strings.Replace(raw(t, func(c net.Conn) {
			n := open.Add(1)
			for old := most.Load(); n > old; old = most.Load() {
				if most.CompareAndSwap(old, n) {
					break
				}
			}
			_, _ = io.Copy(io.Discard, c) // there is never a handshake
			open.Add(-1)
		}), "http:", "https:", 1))
	}
	p := newPlugin(t, origins(t, all...), outbound.Policy{})
	var wait sync.WaitGroup
	for _, at := range all {
		for range 32 {
			wait.Go(func() {
				_, _ = p.ask(t.Context(), abi.HTTPFetchRequest{URL: at, Timeout: 1})
			})
		}
	}
	wait.Wait()
	for end := time.Now().Add(500 * time.Millisecond); time.Now().Before(end) && most.Load() <= bound; {
		<-time.After(10 * time.Millisecond)
	}
	if n := most.Load(); n > bound || n == 0 {
		t.Errorf("%d connections at once, of requests that have ended", n)
	}
	if _, err := p.ask(t.Context(), abi.HTTPFetchRequest{URL: all[0], Timeout: 100}); err == nil {
		t.Error("an answer")
	}
}

// Whatever a server sends, the request ends in time, with an answer within the
// bounds or an error that tells nothing of this machine's network.
func TestHostileAnswers(t *testing.T) {
	t.Parallel()
	const ok = "HTTP/1.1 200 OK\r\n"
	forever := func(head, more string) func(net.Conn) {
		return func(c net.Conn) {
			_, _ = c.Read(make([]byte, 64<<10))
			_, err := io.WriteString(c, head)
			for err == nil {
				_, err = io.WriteString(c, more)
			}
		}
	}
	for name, serve := range map[string]func(net.Conn){
		"nothing":             func(c net.Conn) { _ = c.Close() },
		"rubbish":             answer("\x00\xff\x1b[2J\r\n\r\n"),
		"another protocol":    answer("220 smtp.example.com ESMTP\r\n"),
		"hints without end":   forever("", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"),
		"continue":            forever("", "HTTP/1.1 100 Continue\r\n\r\n"),
		"headers without end": forever(ok, "X: y\r\n"),
		"header without end":  forever(ok+"X: ", "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"),
		"folded":              answer(ok + "X: a\r\n b\r\nContent-Length: 0\r\n\r\n"),
		"two lengths":         answer(ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
		"negative length":     answer(ok + "Content-Length: -1\r\n\r\nab"),
		"huge length":         answer(ok + "Content-Length: 99999999999999999999\r\n\r\nab"),
		"length and chunks":   answer(ok + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
		"bad chunk":           answer(ok + "Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
		"huge chunk":          answer(ok + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx"),
		"chunks without end":  forever(ok+"Transfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"),
		"extensions":          forever(ok+"Transfer-Encoding: chunked\r\n\r\n", "1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=b\r\nx\r\n"),
		"trailers":            answer(ok + "Trailer: X\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\n\r\n"),
		"unknown encoding":    answer(ok + "Content-Encoding: zstd\r\nContent-Length: 2\r\n\r\nab"),
		"not gzip":            answer(ok + "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\nab"),
		"no end":              forever(ok+"\r\n", strings.Repeat("x", 1000)),
		"nowhere":             answer("HTTP/1.1 302 Found\r\nLocation: http://[::1\r\nContent-Length: 0\r\n\r\n"),
		"no location":         answer("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"),
		"status":              answer("HTTP/1.1 999 \x1b[2J\r\nContent-Length: 0\r\n\r\n"),
		"reset": func(c net.Conn) {
			_, _ = c.Read(make([]byte, 10))
			_ = c.(*net.TCPConn).SetLinger(0)
			_ = c.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := raw(t, serve)
			p := newPlugin(t, origins(t, at), outbound.Policy{})
			start := time.Now()
			a, err := p.ask(t.Context(), abi.HTTPFetchRequest{URL: at, Timeout: 500})
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("it takes %v", took)
			}
			if len(a.Body) > 64<<10 || len(strings.Join(a.Headers, "")) > 64<<10 {
				t.Errorf("an answer of %d bytes", len(a.Body))
			}
			if err != nil && (strings.Contains(err.Error(), "127.0.0.1") || strings.ContainsFunc(err.Error(), unicode.IsControl) || len(err.Error()) > 300) {
				t.Errorf("the error says %q", err)
			}
		})
	}
}
