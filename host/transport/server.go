// Package transport takes WebSocket connections from a listener to sessions
// and their frames to the command router: upgrade, read loop, frame parser,
// and the plain HTTP that shares the port.
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

	"github.com/mesh-host/mesh-host/host/command"
	"github.com/mesh-host/mesh-host/host/hub"
)

// Options are what a Server can be told. Every bound must be positive.
type Options struct {
	// HandshakeTimeout bounds everything from accept to the response.
	HandshakeTimeout time.Duration
	// HeaderSize is the most bytes of a request's head.
	HeaderSize int
	// AllowOrigin decides on the Origin header of a browser's handshake; host
	// is the Host header.
	AllowOrigin func(origin, host string) bool
	// RequiredAuth names plugins without which no handshake succeeds.
	RequiredAuth []string
	// MessageSize is the most bytes of a message over all its fragments.
	MessageSize int
	// BadFrames is how many frames that are no command a session may send.
	BadFrames int
	// CommandsInFlight is how many commands of a session may run or wait.
	CommandsInFlight int
	// MetadataSize is the most bytes of the metadata that an identity brings; 0
	// is no limit.
	MetadataSize int
	// ReplySize is the most bytes of a reply's payload.
	ReplySize int
	// Sessions keeps what belongs to sessions beyond their connection; nil:
	// nothing does.
	Sessions Sessions
	// AssignID lists the prefixes under which a client without subprotocol
	// gets its connection id: "mesh", "rt".
	AssignID []string
}

// Sessions takes sessions in and lets go of them. Both are called once for each
// session, Close after its connection has ended and after the last of its
// commands.
type Sessions interface {
	// Open is called before the client learns that it is connected; an error
	// refuses the handshake, and is logged unless it is EUNAVAILABLE.
	Open(ctx context.Context, s *hub.Session) error
	Close(ctx context.Context, s *hub.Session)
}

// Metrics are a Server's counters.
type Metrics struct {
	// Refused counts handshakes that were answered with a status other than
	// 101 or not at all; BadFrames frames that were no command.
	Refused, BadFrames uint64
}

type counters struct{ refused, badFrames atomic.Uint64 }

// Server serves WebSocket sessions and, for every other request, an HTTP
// handler, on one listener.
type Server struct {
	options Options
	hub     *hub.Hub
	router  *command.Router
	log     *slog.Logger
	plain   *plainServer
	metrics counters

	// base is the context of every command and hook; it ends when a shutdown
	// stops waiting.
	base context.Context
	stop context.CancelFunc

	mu          sync.Mutex
	handshakes  map[net.Conn]struct{} // under way
	connections map[*connection]struct{}
	draining    bool
	work        sync.WaitGroup // handshakes and connections
}

// New makes a server; plain answers the requests that are no WebSocket
// handshake.
func New(options Options, h *hub.Hub, router *command.Router, plain http.Handler, log *slog.Logger) *Server {
	base, stop := context.WithCancel(context.Background())
	return &Server{
		options: options, hub: h, router: router, log: log,
		plain:       newPlainServer(plain, options, log),
		base:        base,
		stop:        stop,
		handshakes:  make(map[net.Conn]struct{}),
		connections: make(map[*connection]struct{}),
	}
}

// Metrics returns the counters.
func (s *Server) Metrics() Metrics {
	return Metrics{Refused: s.metrics.refused.Load(), BadFrames: s.metrics.badFrames.Load()}
}

// Serve accepts connections until the listener is closed, by Shutdown or by
// its owner, and returns nil then.
func (s *Server) Serve(l net.Listener) error {
	if !s.servePlain() {
		return nil
	}
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			s.accept(conn)
		case errors.Is(err, net.ErrClosed):
			return nil
		case isTemporary(err):
			s.log.Warn("accept failed, trying again", "error", err)
			time.Sleep(acceptPause)
		default:
			return err
		}
	}
}

// servePlain starts to serve plain HTTP, unless the server is draining already.
func (s *Server) servePlain() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.draining {
		s.work.Go(s.plain.serve)
	}
	return !s.draining
}

// acceptPause is how long accepting rests when the process is out of file
// descriptors.
const acceptPause = 50 * time.Millisecond

// maxHandshakes bounds the handshakes under way, and with them what clients
// that have not said who they are can occupy.
const maxHandshakes = 4096

func (s *Server) accept(conn net.Conn) {
	deadline := time.Now().Add(s.options.HandshakeTimeout)
	_ = conn.SetDeadline(deadline)
	if !s.begin(conn) {
		s.metrics.refused.Add(1)
		_ = conn.Close()
		return
	}
	go func() {
		defer s.work.Done()
		defer s.settled(conn)
		s.handshake(conn, deadline)
	}()
}

// begin takes a connection into the account of the handshakes under way,
// unless there are too many or the server is draining.
func (s *Server) begin(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining || len(s.handshakes) >= maxHandshakes || s.crowded() {
		return false
	}
	s.handshakes[conn] = struct{}{}
	s.work.Add(1)
	return true
}

// crowded reports that so many connections are ending that no more are taken
// in: those that have left the hub may still wait for their hooks. The server
// is locked.
func (s *Server) crowded() bool {
	limit := s.hub.Limit()
	return limit > 0 && len(s.connections) >= limit+maxHandshakes
}

// settled takes a connection out of that account.
func (s *Server) settled(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.handshakes, conn)
}

// start begins a session's life on a goroutine of its own: the handshake has
// grown this one's stack. first is what leaves before anything else. It fails
// while the server is draining.
func (s *Server) start(c *connection, first []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		return false
	}
	delete(s.handshakes, c.conn)
	s.connections[c] = struct{}{}
	s.work.Add(1) // until forget, by whichever goroutine has the turn then
	go func() {
		_ = c.session.Uncork(first)
		s.router.Connected(s.base, c.session)
		c.grown = true // by a hook, maybe: see renew
		c.read()
	}()
	return true
}

func (s *Server) forget(c *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.connections, c)
	s.work.Done()
}

// Shutdown drains the sessions: the listener must be closed already. Commands
// in flight finish, then each session closes with 1001. When ctx ends first,
// what is left is cut off. It returns once every session has ended.
func (s *Server) Shutdown(ctx context.Context) {
	s.mu.Lock()
	s.draining = true
	for conn := range s.handshakes {
		_ = conn.SetReadDeadline(time.Unix(1, 0)) // whoever has not asked by now is not waited for
	}
	for c := range s.connections {
		c.drain()
	}
	s.mu.Unlock()
	s.plain.shutdown(ctx)
	done := make(chan struct{})
	go func() { s.work.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		s.cut()
		<-done
	}
	s.stop()
}

// cut ends everything that has not drained in time.
func (s *Server) cut() {
	s.mu.Lock()
	for conn := range s.handshakes {
		_ = conn.Close()
	}
	s.mu.Unlock()
	s.stop()
	s.each(func(c *connection) { c.session.Close(goingAway) })
	time.Sleep(cutPause)
	s.each(func(c *connection) { _ = c.conn.Close() })
}

// cutPause is how long the close frames of cut have to leave.
const cutPause = 50 * time.Millisecond

func (s *Server) each(fn func(*connection)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.connections {
		fn(c)
	}
}
