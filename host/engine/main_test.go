package engine_test

import (
	"context"
	"encoding/json"
	"testing"

	"go.uber.org/goleak"

	"github.com/mesh-host/mesh-host/host/backplane/memory"
	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/hub/hubtest"
	"github.com/mesh-host/mesh-host/host/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var ctx = context.Background()

// newEngine makes an engine over an empty hub and a store in memory.
func newEngine(limits engine.Limits) (*engine.Engine, *hub.Hub) {
	h := hub.New(hub.Limits{Outbox: 1 << 20})
	return engine.New(h, memory.New(), limits), h
}

// client is a connection and the socket behind it.
type client struct {
	*hub.Session
	wire *hubtest.Wire
}

// connect adds a session to a hub, until the end of the test.
func connect(tb testing.TB, h *hub.Hub, info hub.Info) client {
	tb.Helper()
	wire := hubtest.NewWire(tb)
	s, err := h.Register(wire, info)
	if err != nil {
		tb.Fatal(err)
	}
	if err := s.Uncork(nil); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.End() })
	return client{s, wire}
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
