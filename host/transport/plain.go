package transport

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// plainServer serves the requests that are no WebSocket handshake with
// net/http, on connections whose head has been read already. They close after
// one response: a later handshake on a kept connection would reach net/http
// and not the upgrader.
type plainServer struct {
	http  *http.Server
	queue *handed
	most  int64        // connections at a time
	open  atomic.Int64 // those that there are
}

// maxPlain bounds the connections for plain HTTP: whoever sends a body or reads an
// answer slowly is in no other account.
const maxPlain = maxHandshakes

func newPlainServer(handler http.Handler, o Options, log *slog.Logger) *plainServer {
	p := &plainServer{
		most:  maxPlain,
		queue: &handed{conns: make(chan net.Conn), done: make(chan struct{})},
		http: &http.Server{
			Handler:           closing{handler},
			ReadHeaderTimeout: o.HandshakeTimeout,
			ReadTimeout:       o.HandshakeTimeout,
			WriteTimeout:      time.Minute,
			MaxHeaderBytes:    o.HeaderSize,
			ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		},
	}
	p.http.SetKeepAlivesEnabled(false)
	return p
}

// closing says that the connection ends with the response, which net/http by
// itself does not tell a client that asks in HTTP/1.0 to keep it.
type closing struct{ http.Handler }

func (c closing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Connection", "close")
	c.Handler.ServeHTTP(w, r)
}

func (p *plainServer) serve() { _ = p.http.Serve(p.queue) }

// give hands over a connection with the bytes that were read from it, or closes it
// where there are too many.
func (p *plainServer) give(conn net.Conn, head []byte) {
	given := &replayed{Conn: conn, head: head, closed: func() { p.open.Add(-1) }}
	if p.open.Add(1) > p.most {
		_ = given.Close()
		return
	}
	select {
	case p.queue.conns <- given:
	case <-p.queue.done:
		_ = given.Close()
	}
}

func (p *plainServer) shutdown(ctx context.Context) {
	if err := p.http.Shutdown(ctx); err != nil {
		_ = p.http.Close()
	}
}

// handed is a listener whose connections are given to it.
type handed struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

// Accept implements net.Listener.
func (h *handed) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (h *handed) Close() error {
	h.once.Do(func() { close(h.done) })
	return nil
}

// Addr implements net.Listener; no one asks.
func (h *handed) Addr() net.Addr { return &net.TCPAddr{} }

// replayed is a connection that first reads what was already read from it.
type replayed struct {
	net.Conn
	head   []byte
	once   sync.Once
	closed func() // is called once it is
}

// Close implements net.Conn.
func (r *replayed) Close() error {
	defer r.once.Do(r.closed)
	return r.Conn.Close()
}

// Read implements net.Conn.
func (r *replayed) Read(p []byte) (int, error) {
	if len(r.head) > 0 {
		n := copy(p, r.head)
		r.head = r.head[n:]
		return n, nil
	}
	return r.Conn.Read(p)
}

// CloseWrite lets net/http end a response before it stops reading.
func (r *replayed) CloseWrite() error {
	if half, ok := r.Conn.(halfCloser); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

var _ halfCloser = (*replayed)(nil)

// isTemporary reports whether accepting may work again in a moment.
func isTemporary(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && (ne.Timeout() || isExhausted(err))
}
