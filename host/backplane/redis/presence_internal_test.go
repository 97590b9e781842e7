package redis

import (
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/redis/redistest"
)

// listener counts what is told of presence.
type listener struct {
	backplane.Receiver
	events []backplane.PresenceEvent
	lost   []backplane.Topic
}

func (l *listener) Presence(e backplane.PresenceEvent)  { l.events = append(l.events, e) }
func (l *listener) Lost(t backplane.Topic)              { l.lost = append(l.lost, t) }
func (l *listener) Member(string, string, bool, string) {}

func mustDo(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// A room's events cannot be read again: one that was missed is known by the
// number of the last.
func TestPresenceResumes(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	server := redistest.Start(t)
	raw := goredis.NewClient(&goredis.Options{Addr: server.Addr})
	defer func() { _ = raw.Close() }()
	n, err := Open(ctx, "a", Options{Addresses: []string{server.Addr}})
	mustDo(t, err)
	defer func() { _ = n.Close() }()
	told := new(listener)
	n.Attach(told)
	mustDo(t, raw.ZAdd(ctx, "mesh:nodes", goredis.Z{Score: float64(time.Now().Add(time.Hour).UnixMilli()), Member: "a"}).Err())
	mustDo(t, n.Connections().Add(ctx, backplane.Connection{ID: "1"}))

	h := newPresenceHandler(n, "r")
	mustDo(t, begin(ctx, h))
	join := func() {
		t.Helper()
		_, err := n.Rooms().Join(ctx, "r", "1", true)
		mustDo(t, err)
	}
	end := func() {
		t.Helper()
		_, err := n.Rooms().Leave(ctx, "r", "1", "")
		mustDo(t, err)
	}
	for _, step := range []struct {
		name string
		do   func()
		away time.Duration
		lost bool
	}{
		{"nothing has ever happened", func() {}, time.Second, false},
		{"for too long to know", func() {}, time.Minute, true},
		{"someone has joined", join, time.Second, true},
		{"nothing happened", func() {}, time.Second, false},
		{"nothing happened, for long", func() {}, time.Hour, false},
		{"someone has left, and the room is gone", end, time.Second, true},
		{"someone came and went", func() { join(); end() }, time.Second, true},
		{"the room's end is forgotten", func() { mustDo(t, raw.Del(ctx, "mesh:room-seq:r").Err()) }, time.Second, true},
		{"it is there again, and silent", func() { _, err := n.Rooms().Join(ctx, "r", "1", false); mustDo(t, err) }, time.Second, false},
	} {
		told.lost = nil
		step.do()
		mustDo(t, resume(ctx, h, step.away))
		if lost := len(told.lost) > 0; lost != step.lost {
			t.Errorf("%s: lost: %v", step.name, lost)
		}
	}
}

// Others may publish under our prefix what no node has written.
func TestPresenceOfOthers(t *testing.T) {
	t.Parallel()
	n := new(Node)
	told := new(listener)
	n.Attach(told)
	h := newPresenceHandler(n, "r")
	event := func(seq, change string, state []byte) string {
		return string(appendFrame(nil, []byte(seq), []byte("1700000000000"), []byte("1"), []byte(change), state))
	}
	for _, text := range []string{
		"", "\x01", "{}", "\x01\x00\x00\x00\x09x", event("5", "0", nil), event("5", "4", nil), event("5", "x", nil),
		event("x", "1", nil), event("0", "1", nil), event("-1", "1", nil), event("5", "3", nil)[:30],
		event("5", "1", nil), event("5", "2", nil), event("4", "2", nil), event("6", "3", []byte{}), event("7", "3", nil),
	} {
		h.deliver(text)
	}
	if len(told.events) != 3 || len(told.lost) > 0 {
		t.Fatalf("told of %+v, %+v", told.events, told.lost)
	}
	first, second, third := told.events[0], told.events[1], told.events[2]
	if first.Seq != 5 || first.Change != backplane.Joined || first.Room != "r" || first.Connection != "1" || first.Time != 1700000000000 ||
		second.State == nil || third.State != nil {
		t.Errorf("told of %+v", told.events)
	}
}
