package redis

import (
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/redis/redistest"
)

// registered opens a node that has a lease for as long as the test takes, and a
// connection, beside a client for its server.
func registered(t *testing.T) (*Node, *goredis.Client) {
	t.Helper()
	ctx := t.Context()
	server := redistest.Start(t)
	raw := goredis.NewClient(&goredis.Options{Addr: server.Addr})
	t.Cleanup(func() { _ = raw.Close() })
	n := opened(t, Options{Addresses: []string{server.Addr}, Lease: time.Hour})
	n.Attach(new(listener))
	mustDo(t, n.Connections().Add(ctx, backplane.Connection{ID: "1"}))
	return n, raw
}

// Where the numbers of presence are gone, those that follow are above all that
// anyone has seen: else they would be passed over as old.
func TestNumbersOfPresenceNeverGoBack(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	n, raw := registered(t)
	h := newPresenceHandler(n, "r").(*presenceHandler)
	_, err := n.Rooms().Join(ctx, "r", "1", true)
	mustDo(t, err)
	mustDo(t, begin(ctx, h))
	seen := h.seq
	mustDo(t, raw.Del(ctx, "mesh:presence-seq", "mesh:room-seq:r").Err())
	_, err = n.Presence().Exit(ctx, "r", "1")
	mustDo(t, err)
	if next := must[int64](t)(h.last(ctx)); seen == 0 || next <= seen {
		t.Errorf("after %d comes %d", seen, next)
	}
}

// The number of a room's last event goes some time after the room, and not while
// there is one again, though nobody in it is present.
func TestNumberOfARoomStaysWithIt(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	n, raw := registered(t)
	join := func(present bool) {
		t.Helper()
		_, err := n.Rooms().Join(ctx, "r", "1", present)
		mustDo(t, err)
	}
	left := func() time.Duration {
		t.Helper()
		return must[time.Duration](t)(raw.TTL(ctx, "mesh:room-seq:r").Result())
	}
	join(true)
	if left() != -1 {
		t.Errorf("it goes in %v while someone is in the room", left())
	}
	_, err := n.Rooms().Leave(ctx, "r", "1", "")
	mustDo(t, err)
	if left() <= roomMemory || left() > time.Minute {
		t.Errorf("it goes in %v after the room", left())
	}
	join(false)
	if left() != -1 {
		t.Errorf("it goes in %v while someone is in the room again", left())
	}
}

// Of those who look for dead nodes at the same time, one cleans up after each.
func TestDeadNodeIsClaimed(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	n, raw := registered(t)
	mustDo(t, raw.ZAdd(ctx, "mesh:nodes", goredis.Z{Score: 1, Member: "dead"}).Err())
	mustDo(t, raw.SAdd(ctx, "mesh:conns-of:dead", "2").Err())
	own := must[float64](t)(raw.ZScore(ctx, "mesh:nodes", "node").Result())
	buryAs := func(lease float64) []reply {
		t.Helper()
		return must[reply](t)(n.call(ctx, buryScript, time.Hour.Milliseconds(), n.id, int64(lease))).list(2)
	}
	bury := func() string { return buryAs(own)[1].text() }
	for _, other := range []float64{0, own - 1} { // who is not sure, or has asked long ago, finds nobody
		if all := buryAs(other); all[0].yes() || all[1].there() {
			t.Errorf("with another lease: %v", all)
		}
	}
	// Where the server's clock is set all have lapsed, and nobody has died.
	mustDo(t, raw.ZAdd(ctx, "mesh:nodes", goredis.Z{Score: 2, Member: "node"}).Err())
	if all := buryAs(2); !all[0].yes() || all[1].there() {
		t.Errorf("with a lease that has lapsed: %v", all)
	}
	mustDo(t, raw.ZAdd(ctx, "mesh:nodes", goredis.Z{Score: own, Member: "node"}).Err())
	if found := bury(); found != "dead" {
		t.Fatalf("found %q", found)
	}
	if again := bury(); again != "" {
		t.Errorf("%q was claimed twice", again)
	}
	mustDo(t, raw.ZAdd(ctx, "mesh:dying", goredis.Z{Score: 1, Member: "dead"}).Err())
	if found := bury(); found != "dead" {
		t.Errorf("found %q, and who has claimed it does not go on", found)
	}
}
