package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/memory"
	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/hub"
)

// distance is how long a store takes to answer, in nanoseconds; 0 is no time.
type distance struct{ trip atomic.Int64 }

func (d *distance) travel() {
	if trip := time.Duration(d.trip.Load()); trip > 0 {
		pass(trip)
	}
}

// far is a node whose store is at a distance.
type far struct {
	backplane.Node
	*distance
}

// The features that are asked for many things at a time.
func (n far) Presence() backplane.Presence { return farPresence{n.Node.Presence(), n.distance} }
func (n far) Rooms() backplane.Rooms       { return farRooms{n.Node.Rooms(), n.distance} }
func (n far) Records() backplane.Records   { return farRecords{n.Node.Records(), n.distance} }
func (n far) Connections() backplane.Connections {
	return farConnections{n.Node.Connections(), n.distance}
}

type farPresence struct {
	backplane.Presence
	*distance
}

func (p farPresence) Exit(ctx context.Context, room, connection string) (bool, error) {
	p.travel()
	return p.Presence.Exit(ctx, room, connection)
}

type farRooms struct {
	backplane.Rooms
	*distance
}

func (r farRooms) Leave(ctx context.Context, room, connection, reason string) (bool, error) {
	r.travel()
	return r.Rooms.Leave(ctx, room, connection, reason)
}

type farConnections struct {
	backplane.Connections
	*distance
}

func (c farConnections) Get(ctx context.Context, id string) (backplane.Connection, error) {
	c.travel()
	return c.Connections.Get(ctx, id)
}

type farRecords struct {
	backplane.Records
	*distance
}

func (r farRecords) Get(ctx context.Context, id string) (backplane.Record, error) {
	r.travel()
	return r.Records.Get(ctx, id)
}

// TestManyRoundTripsAtOnce does to many what would take as many round trips one
// after the other.
func TestManyRoundTripsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const count, ttl, trip = 160, 2 * time.Second, 50 * time.Millisecond
		away := new(distance)
		away.trip.Store(int64(trip))
		f := fixture{
			hub: hub.New(hub.Limits{Outbox: 1 << 20}), store: memory.New(memory.Options{}),
			rules: &rules{exposure.NewIndex(exposure.Set{})}, seen: new(observer),
		}
		f.node = f.store.Node("n1")
		f.Engine = engine.New(engine.Options{
			Hub: f.hub, Node: far{f.node, away}, Rules: f.rules, Observer: f.seen, Log: slog.New(slog.DiscardHandler),
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
