package hub_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/hub/hubtest"
	"github.com/mesh-host/mesh-host/host/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// defaults are the limits of the documented configuration.
var defaults = hub.Limits{
	Outbox:          1 << 20,
	PingInterval:    30 * time.Second,
	LatencyInterval: 5 * time.Second,
	MaxMissedPongs:  1,
	CloseTimeout:    5 * time.Second,
}

// quiet are limits without liveness frames.
var quiet = hub.Limits{Outbox: 1 << 20, CloseTimeout: 5 * time.Second}

// running makes a hub whose timers run until the end of the test.
func running(tb testing.TB, limits hub.Limits) *hub.Hub {
	tb.Helper()
	h := hub.New(limits)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { h.Run(ctx) })
	tb.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return h
}

// register adds a session that is still corked; it ends with the test.
func register(tb testing.TB, h *hub.Hub, wire hub.Wire) *hub.Session {
	tb.Helper()
	s, err := h.Register(wire, hub.Info{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.End() })
	return s
}

// connect adds a session that is open.
func connect(tb testing.TB, h *hub.Hub) (*hub.Session, *hubtest.Wire) {
	tb.Helper()
	wire := hubtest.NewWire(tb)
	s := register(tb, h, wire)
	if err := s.Uncork(nil); err != nil {
		tb.Fatal(err)
	}
	return s, wire
}

func frame(name string, args ...any) []byte {
	return protocol.AppendPush(nil, fmt.Sprintf(name, args...), nil)
}

func message(name string, args ...any) string {
	return `{"command":"` + fmt.Sprintf(name, args...) + `","payload":null}`
}
