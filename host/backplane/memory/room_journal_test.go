package memory_test

import (
	"context"
	"maps"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/memory"
)

// describing writes a room's metadata, in place of what is expected.
func describing(n *memory.Node, room string, expected, value []byte) func(context.Context) error {
	return func(ctx context.Context) error {
		_, _, err := n.RoomMetadata().Swap(ctx, room, expected, value, 0)
		return err
	}
}

// roomReadings are all ways to see the metadata of a room.
func roomReadings(n *memory.Node, room string) calls {
	return calls{
		"get":  func(ctx context.Context) error { _, err := n.RoomMetadata().Get(ctx, room); return err },
		"list": func(ctx context.Context) error { _, _, err := n.RoomMetadata().List(ctx, "", 10); return err },
		"swap in vain": func(ctx context.Context) error {
			_, _, err := n.RoomMetadata().Swap(ctx, room, []byte("other"), nil, 0)
			return err
		},
	}
}

// Nothing is acknowledged or shown before it is kept.
func TestRoomMetadataIsKeptFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		n := open(t, l).Node("a")
		clearing := func(ctx context.Context) error { _, err := n.Rooms().Clear(ctx, "r", ""); return err }
		for _, change := range []func(context.Context) error{
			describing(n, "r", nil, []byte("1")), describing(n, "r", []byte("1"), nil), describing(n, "r", nil, []byte("2")), clearing,
		} {
			waits(t, "change", change)
			for what, reading := range roomReadings(n, "r") {
				waits(t, what, reading)
			}
			l.keepAll()
			for _, reading := range roomReadings(n, "r") {
				must(t, reading(ctx))
			}
		}
		// What changes nothing waits for nothing.
		must(t, describing(n, "r", nil, nil)(ctx))
		must(t, clearing(ctx))
		l.fail()
		fails(t, "swap", describing(n, "r", nil, []byte("3")))
		for what, reading := range roomReadings(n, "r") {
			fails(t, what, reading)
		}
	})
}

func listRooms(t *testing.T, n *memory.Node) map[string]string {
	t.Helper()
	page, next, err := n.RoomMetadata().List(ctx, "", 1000)
	must(t, err)
	if next != "" {
		t.Error("there is more")
	}
	all := make(map[string]string)
	for _, v := range page {
		all[v.Room] = string(v.Metadata)
	}
	return all
}

// Whatever was written, another store finds it as it was; members are gone.
func TestRoomMetadataIsLoaded(t *testing.T) {
	t.Parallel()
	l := newLedger().run(t)
	s := open(t, l)
	n := s.Node("a")
	must(t, n.Connections().Add(ctx, backplane.Connection{ID: "1"}))
	for i := range 1000 {
		room := strings.Repeat("\x00", i%2) + strconv.Itoa(rand.IntN(30))
		switch rand.IntN(6) {
		case 0:
			_, err := n.Rooms().Clear(ctx, room, "")
			must(t, err)
		case 1:
			_, err := n.Rooms().Join(ctx, room, "1", true)
			must(t, err)
		default:
			now, err := n.RoomMetadata().Get(ctx, room)
			must(t, err)
			value := []byte(strings.Repeat("x", rand.IntN(5)))
			if rand.IntN(3) == 0 {
				value = nil
			}
			must(t, describing(n, room, now, value)(ctx))
		}
		if i%100 != 99 {
			continue
		}
		after := l.crash()
		again := open(t, after)
		want := listRooms(t, n)
		if got := listRooms(t, again.Node("a")); !maps.Equal(got, want) {
			t.Fatalf("loaded %q\nwant   %q", got, want)
		}
		stats := again.Stats()
		if _, entries := after.count(memory.RoomTable); stats.RoomMetadata != s.Stats().RoomMetadata || stats.Rooms != len(want) || stats.Members != 0 || entries != len(want) {
			t.Errorf("loaded %+v of %d entries, want %+v", stats, entries, s.Stats())
		}
	}
}
