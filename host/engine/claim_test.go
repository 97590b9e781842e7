package engine_test

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane/memory"
	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/hub"
)

// TestClaim: of all nodes one gets what is due, and nobody what is due later until
// that one is done, or its hold has passed.
func TestClaim(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memory.New(memory.Options{})
		node := func(id string) *engine.Engine {
			return engine.New(engine.Options{Hub: hub.New(hub.Limits{Outbox: 1 << 20}), Node: store.Node(id), Log: slog.New(slog.DiscardHandler)})
		}
		a, b := node("a"), node("b")
		const hold = 10 * time.Second
		due := time.Now()
		claim := func(e *engine.Engine, due time.Time, want bool) (done func()) {
			t.Helper()
			done, ours, err := e.Claim(t.Context(), "p.s", due, hold)
			if err != nil || ours != want {
				t.Fatalf("%t, %v, want %t", ours, err, want)
			}
			return done
		}
		done := claim(a, due, true)
		claim(b, due, false)
		claim(b, due.Add(time.Second), false) // it runs
		done()
		claim(b, due, false) // it has run
		claim(b, due.Add(time.Second), true)
		<-time.After(hold - time.Second)
		claim(a, due.Add(hold), false)
		<-time.After(time.Second) // b has died, or so it seems
		claim(a, due.Add(hold), true)
		if _, ours, err := b.Claim(t.Context(), "p.other", due, hold); err != nil || !ours {
			t.Errorf("another one: %t, %v", ours, err)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if _, ours, err := b.Claim(ended, "p.s", due.Add(time.Hour), hold); err == nil || ours {
			t.Errorf("with a context that has ended: %t, %v", ours, err)
		}
	})
}

// TestClaimRace: many at once get what is due once.
func TestClaimRace(t *testing.T) {
	t.Parallel()
	store := memory.New(memory.Options{})
	var nodes []*engine.Engine
	for _, id := range []string{"a", "b", "c", "d"} {
		nodes = append(nodes, engine.New(engine.Options{Hub: hub.New(hub.Limits{Outbox: 1 << 20}), Node: store.Node(id), Log: slog.New(slog.DiscardHandler)}))
	}
	begin := time.Now()
	for round := range 100 {
		var all sync.WaitGroup
		var won atomic.Int32
		for _, e := range nodes {
			all.Go(func() {
				done, ours, err := e.Claim(t.Context(), "p.s", begin.Add(time.Duration(round)*time.Second), time.Minute)
				if err != nil {
					t.Error(err)
				}
				if ours {
					won.Add(1)
					done()
				}
			})
		}
		all.Wait()
		if n := won.Load(); n != 1 {
			t.Fatalf("round %d: %d nodes have claimed it", round, n)
		}
	}
}
