package transport_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mesh-host/mesh-host/host/command"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/transport"
	"github.com/mesh-host/mesh-host/host/transport/transporttest"
)

// setup is what a test can change of the server it starts.
type setup struct {
	transport.Options
	limits   hub.Limits
	entries  command.Entries
	plain    http.Handler
	listener net.Listener // nil: TCP on the loopback
}

// server is a running transport with what it needs around it.
type server struct {
	*transport.Server
	*guests
	hub      *hub.Hub
	router   *command.Router
	address  string
	pipes    *transporttest.Pipes
	log      *logged
	shutdown func(context.Context)
}

// serve starts a server that answers echo and stops when the test ends, after
// its clients.
func serve(tb testing.TB, changes ...func(*setup)) *server {
	tb.Helper()
	u := &setup{
		Options: transport.Options{
			HandshakeTimeout: 5 * time.Second, HeaderSize: 16 << 10, MessageSize: 64 << 10, BadFrames: 16,
			CommandsInFlight: 16, ReplySize: 4 << 20,
			AllowOrigin: func(_, _ string) bool { return true },
		},
		limits:  hub.Limits{Outbox: 1 << 20, CloseTimeout: 2 * time.Second, MaxMissedPongs: 1},
		entries: command.Entries{Commands: []command.Command{{Name: "echo", Handler: command.HandlerFunc(echo)}}},
		plain:   http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = fmt.Fprintf(w, "plain %s %s", r.Method, r.URL) }),
	}
	s := &server{guests: newGuests(), log: &logged{}}
	u.entries.Observers = []command.Observer{s.guests}
	for _, change := range changes {
		change(u)
	}
	log := slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s.hub, s.router = hub.New(u.limits), command.NewRouter(log)
	s.router.Swap(command.NewTable(u.entries, nil))
	s.Server = transport.New(u.Options, s.hub, s.router, u.plain, log)
	s.run(tb, u.listener)
	return s
}

// run serves until the end of the test, or a call of shutdown.
func (s *server) run(tb testing.TB, l net.Listener) {
	tb.Helper()
	if l == nil {
		var err error
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			tb.Fatal(err)
		}
	}
	s.address = l.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() { s.hub.Run(ctx) })
	work.Go(func() {
		if err := s.Serve(l); err != nil {
			tb.Errorf("Serve: %v", err)
		}
	})
	var begun atomic.Bool
	ended := make(chan struct{}) // and no sync.Once, on which a bubble cannot wait
	s.shutdown = func(ctx context.Context) {
		if begun.CompareAndSwap(false, true) {
			_ = l.Close()
			s.Shutdown(ctx)
			stop()
			work.Wait()
			close(ended)
		}
		<-ended
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		s.shutdown(ctx)
		if n := s.hub.Len(); n != 0 {
			tb.Errorf("%d sessions are left", n)
		}
		s.check(tb)
	})
}

// dial opens a session; fields are further lines of the request.
func (s *server) dial(tb testing.TB, fields ...string) *transporttest.Client {
	tb.Helper()
	return transporttest.Dial(tb, s.address, fields...)
}

// bubble is a synctest bubble with a server on pipes in memory and one session
// of it.
type bubble struct {
	*testing.T
	s *server
	c *client
}

// inBubble runs a test in a bubble.
func inBubble(t *testing.T, test func(bubble), changes ...func(*setup)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		pipes := transporttest.NewPipes()
		s := serve(t, append(changes, func(u *setup) { u.listener = pipes })...)
		s.pipes = pipes
		test(bubble{t, s, s.pipe(t)})
	})
}

// pass waits in a bubble's time, of which there is plenty.
func pass(d time.Duration) { <-time.After(d) }

// pipe opens a session of a server in a bubble.
func (s *server) pipe(tb testing.TB) *client {
	tb.Helper()
	c := s.pipes.Connect(tb)
	c.Upgrade()
	return c
}

// with makes the server answer these commands instead of echo alone.
func with(commands ...command.Command) func(*setup) {
	return func(u *setup) { u.entries.Commands = append(u.entries.Commands, commands...) }
}

// handle is a serial command.
func handle(name string, fn command.HandlerFunc) command.Command {
	return command.Command{Name: name, Handler: fn}
}

// concurrently is a concurrent command.
func concurrently(name string, fn command.HandlerFunc) command.Command {
	return command.Command{Name: name, Concurrent: true, Handler: fn}
}

func echo(_ context.Context, c *command.Call) error {
	c.Reply(c.Payload)
	return nil
}

// guests is an observer that hands on who came and went, and why. Whoever came
// must go once.
type guests struct {
	came chan *hub.Session
	gone chan farewell

	mu      sync.Mutex
	present map[*hub.Session]bool
	faults  []string
}

type farewell struct {
	session *hub.Session
	cause   hub.Cause
}

func newGuests() *guests {
	return &guests{
		came: make(chan *hub.Session, 1<<14), gone: make(chan farewell, 1<<14),
		present: make(map[*hub.Session]bool),
	}
}

// Connected implements command.Observer.
func (g *guests) Connected(_ context.Context, s *hub.Session) {
	g.note(s, true)
	g.came <- s
}

// Disconnected implements command.Observer.
func (g *guests) Disconnected(_ context.Context, s *hub.Session, cause hub.Cause) {
	g.note(s, false)
	g.gone <- farewell{s, cause}
}

func (g *guests) note(s *hub.Session, comes bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if was, known := g.present[s]; was == comes || known == comes {
		g.faults = append(g.faults, fmt.Sprintf("session %s: comes %v, was there %v, known %v", s.ID(), comes, was, known))
	}
	g.present[s] = comes
}

// check reports who came or went twice, or never went.
func (g *guests) check(tb testing.TB) {
	tb.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, fault := range g.faults {
		tb.Error(fault)
	}
	for s, there := range g.present {
		if there {
			tb.Errorf("session %s never went", s.ID())
		}
	}
}

// guest waits for the next session.
func (g *guests) guest(tb testing.TB) *hub.Session {
	tb.Helper()
	return receive(tb, g.came)
}

// expectGone waits for the end of a session, which must have this code.
func (g *guests) expectGone(tb testing.TB, code int) hub.Cause {
	tb.Helper()
	f := receive(tb, g.gone)
	if f.cause.Code != code {
		tb.Errorf("the session ended with %+v, want %d", f.cause, code)
	}
	return f.cause
}

// receive waits for a value with a test's patience.
func receive[T any](tb testing.TB, c <-chan T) T {
	tb.Helper()
	timer := time.NewTimer(transporttest.Patience)
	defer timer.Stop()
	select {
	case v := <-c:
		return v
	case <-timer.C:
		tb.Fatal("waited in vain")
		panic("unreachable")
	}
}

// logged keeps what a server logs.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

var _ io.Writer = (*logged)(nil)

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// request is the text of a command with a payload, JSON text.
func request(id any, name, payload string) string {
	return fmt.Sprintf(`{"id":%v,"command":%q,"payload":%s}`, id, name, payload)
}

// said is an echo request for a text. Its reply is the same bytes.
func said(text string) string { return request(1, "echo", `"`+text+`"`) }

// saidLong is an echo request of an exact size in bytes, at least 39.
func saidLong(size int) string {
	return said(string(bytes.Repeat([]byte("*"), size-len(said("")))))
}
