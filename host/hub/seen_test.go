package hub_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/hub/hubtest"
)

// watched runs a hub and a session of it in a bubble; advance lets time pass
// until so many seconds after the start.
func watched(t *testing.T, test func(h *hub.Hub, s *hub.Session, advance func(second float64))) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h, start := running(t, quiet), time.Now()
		synctest.Wait()
		test(h, register(t, h, hubtest.NewWire(t)), func(second float64) {
			<-time.After(time.Until(start.Add(time.Duration(second * float64(time.Second)))))
			synctest.Wait()
		})
	})
}

func TestLastSeen(t *testing.T) {
	t.Parallel()
	watched(t, func(h *hub.Hub, s *hub.Session, advance func(float64)) {
		near := func(what string, got, want time.Duration) {
			t.Helper()
			if got < want-hub.Tick || got > want {
				t.Errorf("%s is %v, want %v", what, got, want)
			}
		}
		near("the first sign", s.LastSeen(), 0)
		advance(100)
		near("now", h.Now(), 100*time.Second)
		near("the first sign", s.LastSeen(), 0)
		s.Alive()
		advance(200)
		near("the second sign", s.LastSeen(), 100*time.Second)
		s.PauseLiveness(true)
		advance(300)
		near("a paused session", s.LastSeen(), 300*time.Second)
		s.PauseLiveness(false)
		advance(400)
		near("the end of the pause", s.LastSeen(), 300*time.Second)
	})
}

func TestOnReturn(t *testing.T) {
	t.Parallel()
	s := register(t, hub.New(quiet), hubtest.NewWire(t))
	calls := ""
	note := func(what string) func() { return func() { calls += what } }
	s.Alive()
	s.OnReturn(note("a"))
	s.OnReturn(note("b"))
	s.PauseLiveness(true) // a sign of life, and no return
	s.PauseLiveness(false)
	if calls != "" {
		t.Errorf("called %q before anything came", calls)
	}
	s.Alive()
	s.Alive()
	s.OnReturn(note("c"))
	s.OnReturn(nil)
	s.Alive()
	s.OnReturn(func() { s.OnReturn(note("d")) }) // from within: for the next one
	s.Alive()
	if calls != "b" {
		t.Errorf("called %q", calls)
	}
	s.Alive()
	s.Alive()
	if calls != "bd" {
		t.Errorf("called %q", calls)
	}
}

func TestAfter(t *testing.T) {
	t.Parallel()
	watched(t, func(h *hub.Hub, _ *hub.Session, advance func(float64)) {
		var fired [3]float64
		var timers [3]hub.Timer
		for i := range timers {
			timers[i].Fire = func() { fired[i] = h.Now().Seconds() }
			h.After(&timers[i], time.Duration(i+1)*time.Second)
		}
		advance(0.5)
		h.Stop(&timers[1])
		h.After(&timers[2], 10*time.Second)
		advance(20)
		for i, want := range []float64{1, 0, 10.5} {
			if fired[i] < want || fired[i] > want+2*hub.Tick.Seconds() {
				t.Errorf("timer %d fired at %v s, want %v", i, fired[i], want)
			}
		}
	})
}

func TestConnectedAt(t *testing.T) {
	t.Parallel()
	before := time.Now()
	s := register(t, hub.New(quiet), hubtest.NewWire(t))
	if at := s.ConnectedAt(); at.Before(before.Round(0)) || at.After(time.Now().Round(0)) {
		t.Errorf("connected at %v", at)
	}
}

func BenchmarkAlive(b *testing.B) {
	_, sessions := sinks(b, 1)
	b.ReportAllocs()
	for b.Loop() {
		sessions[0].Alive()
	}
}
