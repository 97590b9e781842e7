package engine_test

import (
	"slices"
	"testing"
	"testing/synctest"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/hub/hubtest"
)

// closedWith returns with which code a client's connection was closed, 0 for not.
func closedWith(c client) int {
	frames := c.wire.Frames()
	i := slices.IndexFunc(frames, func(f hubtest.Frame) bool { return f.Op == hubtest.OpClose })
	if i < 0 {
		return 0
	}
	return frames[i].CloseCause().Code
}

// TestLost has those return who rely on what may have been lost, and no others.
func TestLost(t *testing.T) {
	t.Parallel()
	const channel, room, record, other, collection = 0, 1, 2, 3, 4
	for name, tt := range map[string]struct {
		topic  backplane.Topic
		closed []int
	}{
		"channel":                {backplane.Topic{Kind: backplane.Channel, Name: "x:1"}, []int{channel}},
		"presence":               {backplane.Topic{Kind: backplane.PresenceOf, Name: "x:1"}, []int{room}},
		"record":                 {backplane.Topic{Kind: backplane.RecordOf, Name: "x:1"}, []int{record}},
		"all records":            {backplane.Topic{Kind: backplane.AllRecords}, []int{collection}},
		"what no one follows":    {backplane.Topic{Kind: backplane.Channel, Name: "x:2"}, nil},
		"what there is not, yet": {backplane.Topic{Kind: 99, Name: "x:1"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := newLibrary(engine.Limits{}, declared(5))
				all := make([]client, 5)
				for i := range all {
					all[i] = l.connect(t, modern)
				}
				l.subscribe(t, all[channel], engine.Subscription{Channel: "x:1"})
				watched, err := l.Watch(ctx, all[room].Session, new(exposure.Presence), "x:1")
				if err != nil {
					t.Fatal(err)
				}
				watched.Release()
				l.follow(t, all[record], engine.RecordSubscription{Record: "x:1"})
				l.subscribe(t, all[other], engine.Subscription{Channel: "x:3"})
				l.collect(t, all[collection], "of:red")
				synctest.Wait()

				engine.Lose(l.Engine, tt.topic)
				synctest.Wait()
				for i, c := range all {
					want := 0
					if slices.Contains(tt.closed, i) {
						want = abi.CloseInsufficientState
					}
					if got := closedWith(c); got != want {
						t.Errorf("client %d is closed with %d, want %d", i, got, want)
					}
				}
				for _, c := range all {
					c.end()
				}
				l.nothingLeft(t)
			})
		})
	}
}

// TestLostRecordsAreReadAnew changes records without the node's knowledge: who
// subscribes later must not see its old table.
func TestLostRecordsAreReadAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(engine.Limits{}, declared(5))
		l.set(t, "r:1", `{"open":true,"team":"red"}`)
		c := l.connect(t, hub.Info{})
		seen, _ := l.collect(t, c, "of:red")
		settle()
		seen.see(t, 0, "r:1")

		l.deaf(t, func() { l.set(t, "r:2", `{"open":true,"team":"red"}`) })
		settle()
		if texts := c.wire.Texts(); len(texts) != 0 {
			t.Fatalf("the node was told: %q", texts)
		}
		engine.Lose(l.Engine, backplane.Topic{Kind: backplane.AllRecords})
		settle()
		if got := closedWith(c); got != abi.CloseInsufficientState {
			t.Errorf("the subscriber is closed with %d", got)
		}
		c.end()

		back := l.connect(t, hub.Info{})
		again, begun := l.collect(t, back, "of:red")
		settle()
		if got := idsOf(begun); !slices.Equal(got, []string{"r:1", "r:2"}) {
			t.Errorf("it begins with %q", got)
		}
		again.see(t, 0, "r:1", "r:2")
	})
}

// deaf has the node hear nothing of what changes meanwhile.
func (l library) deaf(t *testing.T, change func()) {
	t.Helper()
	all := backplane.Topic{Kind: backplane.AllRecords}
	must(t, l.node.Bus().Unsubscribe(ctx, all))
	change()
	must(t, l.node.Bus().Subscribe(ctx, all))
}
