package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/memory"
	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/hub/hubtest"
	"github.com/mesh-host/mesh-host/host/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var ctx = context.Background()

// fixture is an engine with all that it stands on.
type fixture struct {
	*engine.Engine
	hub   *hub.Hub
	store *memory.Store
	node  *memory.Node
	rules *rules
	seen  *observer
}

// newEngine makes an engine over an empty hub and a store in memory.
func newEngine(limits engine.Limits) (fixture, *hub.Hub) {
	f := fixture{
		hub: hub.New(hub.Limits{Outbox: 1 << 20}), store: memory.New(memory.Options{}),
		rules: &rules{exposure.NewIndex(exposure.Set{})}, seen: new(observer),
	}
	f.node = f.store.Node("n1")
	f.Engine = engine.New(engine.Options{
		Hub: f.hub, Node: f.node, Rules: f.rules, Observer: f.seen,
		Log: slog.New(slog.DiscardHandler), Limits: limits,
	})
	return f, f.hub
}

// rules are exposures that a test sets.
type rules struct{ *exposure.Index }

// Exposed implements engine.Rules.
func (r *rules) Exposed() exposure.Set { return r.Set }

// expose sets what clients can reach.
func (f fixture) expose(set exposure.Set) { f.rules.Index = exposure.NewIndex(set) }

func pattern(text string) exposure.Pattern {
	p, err := exposure.Parse(text)
	if err != nil {
		panic(err)
	}
	return p
}

// observer keeps what it is told.
type observer struct {
	mu     sync.Mutex
	events []string
}

// ObservesRooms implements engine.Observer.
func (*observer) ObservesRooms() bool { return true }

// RoomChanged implements engine.Observer.
func (o *observer) RoomChanged(_ context.Context, e engine.RoomEvent) {
	text := "leave"
	if e.Joined {
		text = "join"
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.events = append(o.events, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", text, e.Room, e.Metadata, e.Reason)))
}

// ObservesRecord implements engine.Observer.
func (*observer) ObservesRecord(id string) bool { return strings.HasPrefix(id, "seen:") }

// RecordChanged implements engine.Observer.
func (o *observer) RecordChanged(_ context.Context, e engine.RecordEvent) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.events = append(o.events, strings.TrimSpace(fmt.Sprintf("record %s %d %s %s %s", e.ID, e.Number, e.Value, e.Previous, e.User)))
}

func (o *observer) all() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.events)
}

// client is a connection and the socket behind it.
type client struct {
	*hub.Session
	wire *hubtest.Wire
	end  func()
}

// connect adds a session, until the end of the test or of the client.
func (f fixture) connect(tb testing.TB, info hub.Info) client {
	tb.Helper()
	wire := hubtest.NewWire(tb)
	s, err := f.hub.Register(wire, info)
	if err != nil {
		tb.Fatal(err)
	}
	if err := f.Open(ctx, s); err != nil {
		tb.Fatal(err)
	}
	if err := s.Uncork(nil); err != nil {
		tb.Fatal(err)
	}
	end := sync.OnceFunc(func() {
		s.End()
		f.Close(ctx, s)
	})
	tb.Cleanup(end)
	return client{s, wire, end}
}

// run runs the engine and its store until the end of the test.
func (f fixture) run(t *testing.T) {
	t.Helper()
	below, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { f.hub.Run(below) })
	running.Go(func() { f.node.Run(below) })
	running.Go(func() { f.Run(below) })
	t.Cleanup(func() {
		stop()
		running.Wait()
	})
}

// send is SendTo to a list of connections.
func (f fixture) send(to, exclude []string, command string, payload []byte) (int, error) {
	return f.SendTo(ctx, backplane.Audience{Scope: backplane.Listed, Names: to, Except: exclude}, command, payload)
}

// broadcast is SendTo to everyone.
func (f fixture) broadcast(exclude []string, command string, payload []byte) (int, error) {
	return f.SendTo(ctx, backplane.Audience{Scope: backplane.Everyone, Except: exclude}, command, payload)
}

// disconnect is Disconnect of one connection.
func (f fixture) disconnect(id string, code int64, reason string) (bool, error) {
	n, err := f.Disconnect(ctx, backplane.Audience{Scope: backplane.Listed, Names: []string{id}}, code, reason)
	return n > 0, err
}

// wantError fails unless err is a *protocol.Error with a code.
func wantError(t *testing.T, err error, code string) {
	t.Helper()
	if e := protocol.AsError(err); e == nil || e.Code != code || e.Message == "" {
		t.Errorf("got error %v, want %s", err, code)
	}
}

// equalJSON compares two JSON texts by value.
func equalJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	normal := func(text []byte) string {
		var v any
		if err := json.Unmarshal(text, &v); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		out, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	return normal(a) == normal(b)
}

// count returns how many events of a kind were observed.
func (o *observer) count(kind string) (n int) {
	for _, event := range o.all() {
		if strings.HasPrefix(event, kind) {
			n++
		}
	}
	return n
}

// drain waits until nothing waits for its hooks.
func (*observer) drain(t *testing.T, f fixture) {
	t.Helper()
	for range 10_000 {
		if f.WaitingHooks() == 0 {
			return
		}
		runtime.Gosched()
	}
	t.Fatal("hooks still wait")
}

// pass lets time go by, in a bubble.
func pass(d time.Duration) { <-time.After(d) }
