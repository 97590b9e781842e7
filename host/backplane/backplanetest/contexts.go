package backplanetest

import (
	"context"
	"errors"
	"testing"

	"github.com/mesh-host/mesh-host/host/backplane"
)

func runContexts(t *testing.T, b Backend) {
	t.Helper()
	b.run(t, tests{"a done context changes nothing": doneContexts})
}

func doneContexts(s *suite) {
	a, b := s.inRoom(true)
	a.state("r", "1", "here", 0, false)
	a.swap("1", "", "{}")
	a.describe("r", "", "{}")
	at := a.publish("c", "1", keep(5))
	version := a.write("record", "one")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for name, call := range calls(ctx, a) {
		if err := call(); !errors.Is(err, context.Canceled) {
			s.Errorf("%s: %v", name, err)
		}
	}
	want(s.T, "connections", s.readAll(b.listConnections, 10), []string{"1", "2"})
	want(s.T, "members", b.membersIn("r"), []string{"1", "2"})
	want(s.T, "rooms", b.roomsOf("1"), []string{"r"})
	is(s.T, "state", b.stateOf("1"), "here")
	is(s.T, "metadata", b.description("r"), "{}")
	is(s.T, "metadata of 1", b.swap("1", "{}", ""), true)
	is(s.T, "position", b.read("c", backplane.Query{}).Position, at)
	is(s.T, "position of what was not made", b.read("d", backplane.Query{}).Position, backplane.Position{})
	s.wantRecord([]*node{a, b}, "record", version, "one")
	wantEvents(s.T, s.events(a, b), "1 joined", "2 joined", "1 is here")
	is(s.T, "instructions", len(b.instructed(s.T, 0)), 0)
}

// calls are all methods, each with what it would have an effect with.
func calls(ctx context.Context, n *node) map[string]func() error {
	topic := backplane.Topic{Kind: backplane.Channel, Name: "c"}
	kept := n.recordNow("record")
	return map[string]func() error{
		"Publish": func() error { _, err := n.Channels().Publish(ctx, "c", nil, keep(5)); return err },
		"Read":    func() error { _, err := n.Channels().Read(ctx, "d", backplane.Query{Keep: keep(5)}); return err },

		"Add":          func() error { return n.Connections().Add(ctx, backplane.Connection{ID: "3"}) },
		"Remove":       func() error { _, _, err := n.Connections().Remove(ctx, "1", ""); return err },
		"Get":          func() error { _, err := n.Connections().Get(ctx, "1"); return err },
		"List":         func() error { _, _, err := n.Connections().List(ctx, "", 5); return err },
		"OfUser":       func() error { _, err := n.Connections().OfUser(ctx, "u"); return err },
		"Users":        func() error { _, _, err := n.Connections().Users(ctx, "", 5); return err },
		"SwapMetadata": func() error { _, _, err := n.Connections().SwapMetadata(ctx, "1", []byte("{}"), nil); return err },

		"Join":       func() error { _, err := n.Rooms().Join(ctx, "q", "1", true); return err },
		"Leave":      func() error { _, err := n.Rooms().Leave(ctx, "r", "1", ""); return err },
		"Clear":      func() error { _, err := n.Rooms().Clear(ctx, "r", ""); return err },
		"Has":        func() error { _, err := n.Rooms().Has(ctx, "r", "1"); return err },
		"Members":    func() error { _, err := n.Rooms().Members(ctx, "r"); return err },
		"Of":         func() error { _, err := n.Rooms().Of(ctx, "1"); return err },
		"Rooms.List": func() error { _, _, err := n.Rooms().List(ctx, "", 5); return err },

		"Enter":    func() error { _, err := n.Node.Presence().Enter(ctx, "r", "1"); return err },
		"Exit":     func() error { _, err := n.Node.Presence().Exit(ctx, "r", "1"); return err },
		"SetState": func() error { _, err := n.Node.Presence().SetState(ctx, "r", "1", nil, 0, false); return err },
		"Snapshot": func() error { _, err := n.Node.Presence().Snapshot(ctx, "r"); return err },

		"RoomMetadata.Get":  func() error { _, err := n.RoomMetadata().Get(ctx, "r"); return err },
		"RoomMetadata.Swap": func() error { _, _, err := n.RoomMetadata().Swap(ctx, "r", []byte("{}"), nil, 0); return err },
		"RoomMetadata.List": func() error { _, _, err := n.RoomMetadata().List(ctx, "", 5); return err },

		"Records.Get": func() error { _, err := n.Records().Get(ctx, "record"); return err },
		"Since":       func() error { _, _, _, err := n.Records().Since(ctx, "record", backplane.Version{}); return err },
		"Commit": func() error {
			_, _, err := n.Records().Commit(ctx, []backplane.RecordWrite{edit(kept, "two")}, 0)
			return err
		},
		"Records.List": func() error { _, _, err := n.Records().List(ctx, backplane.RecordQuery{Limit: 5}); return err },

		"Subscribe":   func() error { return n.Bus().Subscribe(ctx, topic) },
		"Unsubscribe": func() error { return n.Bus().Unsubscribe(ctx, topic) },
		"Instruct": func() error {
			_, err := n.Bus().Instruct(ctx, backplane.Audience{Scope: backplane.Everyone}, push("x"))
			return err
		},
	}
}
