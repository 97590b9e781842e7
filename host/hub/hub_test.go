package hub_test

import (
	"encoding/json"
	"errors"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/hub/hubtest"
	"github.com/mesh-host/mesh-host/host/protocol"
)

func TestRegister(t *testing.T) {
	t.Parallel()
	h := hub.New(hub.Limits{Connections: 3, Outbox: 1000})
	seen := make(map[string]bool)
	var sessions []*hub.Session
	for range 3 {
		s := register(t, h, hubtest.NewWire(t))
		if !regexp.MustCompile(`^[A-Za-z0-9_-]{22}$`).MatchString(s.ID()) || seen[s.ID()] || h.Get(s.ID()) != s {
			t.Errorf("id %q", s.ID())
		}
		seen[s.ID()] = true
		sessions = append(sessions, s)
	}
	if _, err := h.Register(hubtest.NewWire(t), hub.Info{}); !errors.Is(err, hub.ErrFull) || h.Len() != 3 {
		t.Errorf("a session too many: %v, %d sessions", err, h.Len())
	}
	sessions[1].End()
	if h.Get(sessions[1].ID()) != nil || h.Len() != 2 {
		t.Error("an ended session is still there")
	}
	register(t, h, hubtest.NewWire(t))
	count := 0
	h.Each(func(*hub.Session) { count++ })
	if count != 3 || h.Len() != 3 {
		t.Errorf("%d sessions, Len %d", count, h.Len())
	}
	if h.Get("") != nil || h.Get("unknown") != nil {
		t.Error("Get finds what is not there")
	}
}

func TestCloseAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := running(t, quiet)
		var wires []*hubtest.Wire
		for range 100 {
			_, wire := connect(t, h)
			wires = append(wires, wire)
		}
		h.CloseAll(hub.Cause{Code: abi.CloseGoingAway})
		synctest.Wait()
		for _, wire := range wires {
			if frames := wire.Frames(); len(frames) != 1 || frames[0].CloseCause().Code != abi.CloseGoingAway {
				t.Errorf("got %v", frames)
			}
		}
		if _, err := h.Register(hubtest.NewWire(t), hub.Info{}); !errors.Is(err, hub.ErrDraining) || h.Len() != 100 {
			t.Errorf("register while draining: %v, %d sessions", err, h.Len())
		}
	})
}

// No session that was registered escapes CloseAll, and the count is right in
// the end.
func TestHammerRegisterAndCloseAll(t *testing.T) {
	t.Parallel()
	for range 20 {
		h := hub.New(hub.Limits{Connections: 30, Outbox: 1000, CloseTimeout: hub.Tick})
		var registered, refused atomic.Int32
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 50 {
					s, err := h.Register(hubtest.NewWire(t), hub.Info{})
					switch {
					case errors.Is(err, hub.ErrDraining):
						refused.Add(1)
						return
					case errors.Is(err, hub.ErrFull):
						continue
					}
					registered.Add(1)
					if registered.Load() > 100 {
						wg.Go(func() { h.CloseAll(hub.Cause{Code: abi.CloseGoingAway}) })
					}
					if registered.Load()%3 != 0 {
						s.End()
					}
				}
			})
		}
		wg.Wait()
		h.CloseAll(hub.Cause{Code: abi.CloseGoingAway})
		var left []*hub.Session
		h.Each(func(s *hub.Session) { left = append(left, s) })
		if len(left) != h.Len() || h.Len() > 30 {
			t.Errorf("%d sessions, Len %d", len(left), h.Len())
		}
		for _, s := range left {
			if s.Closing() == nil {
				t.Error("a session escaped CloseAll")
			}
			s.End()
		}
		if h.Len() != 0 {
			t.Errorf("%d sessions are left", h.Len())
		}
	}
}

func TestInfo(t *testing.T) {
	t.Parallel()
	h := hub.New(quiet)
	info := hub.Info{RemoteAddress: "192.0.2.1:5", Subprotocol: "mesh.v1", User: "ann", Metadata: json.RawMessage(`{"a":1}`)}
	s, err := h.Register(hubtest.NewWire(t), info)
	if err != nil {
		t.Fatal(err)
	}
	defer s.End()
	if s.RemoteAddress() != info.RemoteAddress || s.Subprotocol() != info.Subprotocol || s.User() != info.User || string(s.Metadata()) != `{"a":1}` {
		t.Errorf("got %q %q %q %s", s.RemoteAddress(), s.Subprotocol(), s.User(), s.Metadata())
	}
	if anonymous := register(t, h, hubtest.NewWire(t)); anonymous.Metadata() != nil || anonymous.User() != "" {
		t.Error("a session has what it was not given")
	}
}

func TestSetMetadata(t *testing.T) {
	t.Parallel()
	s := register(t, hub.New(quiet), hubtest.NewWire(t))
	for _, text := range []string{`{"a":1}`, `2`, ``} {
		var metadata json.RawMessage
		if text != "" {
			metadata = json.RawMessage(text)
		}
		if s.SetMetadata(metadata); string(s.Metadata()) != text || (s.Metadata() == nil) != (text == "") {
			t.Errorf("%q is set, %q is there", text, s.Metadata())
		}
	}
}

func TestDialectIsSettledOnce(t *testing.T) {
	t.Parallel()
	s := register(t, hub.New(quiet), hubtest.NewWire(t))
	for _, step := range []struct{ set, want protocol.Dialect }{
		{protocol.DialectUnknown, protocol.DialectUnknown},
		{protocol.DialectRT, protocol.DialectRT},
		{protocol.DialectMesh, protocol.DialectRT},
		{protocol.DialectUnknown, protocol.DialectRT},
	} {
		if s.SetDialect(step.set); s.Dialect() != step.want {
			t.Errorf("after %v it is %v, want %v", step.set, s.Dialect(), step.want)
		}
	}
}
