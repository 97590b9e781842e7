package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/memory"
	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/hub"
)

// trip is how long the store of far takes to answer.
const trip = 50 * time.Millisecond

// far is a node whose store is far away.
type far struct{ backplane.Node }

// The features that are asked for many things at a time.
func (n far) Presence() backplane.Presence       { return farPresence{n.Node.Presence()} }
func (n far) Rooms() backplane.Rooms             { return farRooms{n.Node.Rooms()} }
func (n far) Connections() backplane.Connections { return farConnections{n.Node.Connections()} }

type farPresence struct{ backplane.Presence }

func (p farPresence) Exit(ctx context.Context, room, connection string) (bool, error) {
	pass(trip)
	return p.Presence.Exit(ctx, room, connection)
}

type farRooms struct{ backplane.Rooms }

func (r farRooms) Leave(ctx context.Context, room, connection, reason string) (bool, error) {
	pass(trip)
	return r.Rooms.Leave(ctx, room, connection, reason)
}

type farConnections struct{ backplane.Connections }

func (c farConnections) Get(ctx context.Context, id string) (backplane.Connection, error) {
	pass(trip)
	return c.Connections.Get(ctx, id)
}

// TestManyRoundTripsAtOnce does to many what would take as many round trips one
// after the other.
func TestManyRoundTripsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const count, ttl = 160, 2 * time.Second
		f := fixture{
			hub: hub.New(hub.Limits{Outbox: 1 << 20}), store: memory.New(memory.Options{}),
			rules: &rules{exposure.NewIndex(exposure.Set{})}, seen: new(observer),
		}
		f.node = f.store.Node("n1")
		f.Engine = engine.New(engine.Options{
			Hub: f.hub, Node: far{f.node}, Rules: f.rules, Observer: f.seen, Log: slog.New(slog.DiscardHandler),
		})
		f.expose(tracked(ttl))
		f.run(t)
		var last client
		for range count {
			last = f.connect(t, hub.Info{User: "u", Subprotocol: modern.Subprotocol})
			f.join(t, "seen:x", last)
		}
		pass(ttl + count/2*trip) // they are silent, and half as many trips as there are of them
		if s, err := f.Present(ctx, "seen:x"); err != nil || len(s.Present) != 0 {
			t.Errorf("%d are present: %v", len(s.Present), err)
		}
		const rooms = 80
		for i := range rooms {
			f.join(t, fmt.Sprint("plain:", i), last)
		}
		asked := time.Now()
		if page, _, err := f.Connections(ctx, "u", engine.Paging{Limit: count}); err != nil || len(page) != count {
			t.Errorf("listed %d: %v", len(page), err)
		}
		if took := time.Since(asked); took > count/2*trip {
			t.Errorf("a list of %d took %v", count, took)
		}
		asked = time.Now()
		if left, err := f.LeaveAll(ctx, last.ID()); err != nil || len(left) != rooms+1 {
			t.Errorf("left %d: %v", len(left), err)
		}
		if took := time.Since(asked); took > rooms/2*trip {
			t.Errorf("leaving %d rooms took %v", rooms, took)
		}
	})
}
