package redis_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/backplanetest"
)

// server returns a client of the cluster's server.
func (c *cluster) server() *goredis.Client {
	client := goredis.NewClient(&goredis.Options{Addr: c.options.Addresses[0]})
	c.t.Cleanup(func() { _ = client.Close() })
	return client
}

// member makes a node that has a lease, for as long as a test may take.
func (c *cluster) member(id string) backplane.Node {
	c.t.Helper()
	n := c.Node(id)
	n.Attach(backplanetest.NewRecorder())
	lease := goredis.Z{Score: float64(time.Now().Add(time.Hour).UnixMilli()), Member: id}
	if err := c.server().ZAdd(c.t.Context(), "mesh:nodes", lease).Err(); err != nil {
		c.t.Fatal(err)
	}
	return n
}

// keys are all that there are, sorted.
func (c *cluster) keys() []string {
	c.t.Helper()
	keys, err := c.server().Keys(c.t.Context(), "*").Result()
	if err != nil {
		c.t.Fatal(err)
	}
	slices.Sort(keys)
	return keys
}

func ok(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// stays are the keys that outlive all connections and rooms, besides those of the
// nodes themselves.
var stays = regexp.MustCompile(`^mesh:(node.*|inbox.*|incarnations|claim:.*|presence-seq|room-seq:.*)$`)

// wantNothing fails unless the directory holds nothing but what stays, and of
// rooms nothing that stays for good.
func (c *cluster) wantNothing() {
	c.t.Helper()
	server := c.server()
	for _, key := range c.keys() {
		if !stays.MatchString(key) {
			c.t.Errorf("%q is left", key)
		}
		if !strings.HasPrefix(key, "mesh:room-seq:") {
			continue
		}
		left, err := server.PTTL(c.t.Context(), key).Result()
		if err != nil || left <= 0 || left > time.Minute {
			c.t.Errorf("%q stays for %v (%v)", key, left, err)
		}
	}
}

// storm does something at random to one of some connections.
func storm(ctx context.Context, n backplane.Node, id string) error {
	room := "room " + strconv.Itoa(rand.IntN(6))
	var err error
	switch rand.IntN(10) {
	case 0:
		_, _, err = n.Connections().Remove(ctx, id, "removed")
	case 1, 2:
		err = n.Connections().Add(ctx, backplane.Connection{ID: id, User: "u" + id[:1], Metadata: []byte(id)})
	case 3, 4:
		_, err = n.Rooms().Join(ctx, room, id, rand.IntN(2) == 0)
	case 5:
		_, err = n.Rooms().Leave(ctx, room, id, "left")
	case 6:
		_, err = n.Presence().Enter(ctx, room, id)
	case 7:
		_, err = n.Presence().SetState(ctx, room, id, []byte("typing"), time.Duration(rand.IntN(5))*time.Millisecond, false)
	case 8:
		_, _, err = n.Connections().SwapMetadata(ctx, id, []byte(id), nil)
	case 9:
		_, _, err = n.RoomMetadata().Swap(ctx, room, nil, []byte(room), 0)
		if rand.IntN(20) == 0 {
			_, err = n.Rooms().Clear(ctx, room, "cleared")
		}
	}
	if errors.Is(err, backplane.ErrNotFound) || errors.Is(err, backplane.ErrExists) {
		return nil
	}
	return err
}

func TestNothingIsLeftAfterAStorm(t *testing.T) {
	t.Parallel()
	c := alone(t, time.Minute)
	nodes := []backplane.Node{c.member("a"), c.member("b"), c.member("c")}
	ctx := t.Context()
	var storms sync.WaitGroup
	for worker := range 6 {
		storms.Go(func() {
			for range 1000 {
				if err := storm(ctx, nodes[worker%3], fmt.Sprintf("%d-%d", worker%2, rand.IntN(20))); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	storms.Wait()
	for i := range 40 {
		_, _, err := nodes[i%3].Connections().Remove(ctx, fmt.Sprintf("%d-%d", i/20, i%20), "removed")
		ok(t, err)
	}
	for i := range 6 {
		_, err := nodes[i%3].Rooms().Clear(ctx, "room "+strconv.Itoa(i), "cleared")
		ok(t, err)
	}
	c.wantNothing()
}

// What others do to the connections of a node that is no more goes nowhere.
func TestNothingIsToldToADeadNode(t *testing.T) {
	t.Parallel()
	c := alone(t, time.Minute)
	a, dead := c.member("a"), c.member("dead")
	ctx := t.Context()
	ok(t, dead.Connections().Add(ctx, backplane.Connection{ID: "1", User: "u"}))
	_, err := a.Rooms().Join(ctx, "r", "1", true)
	ok(t, err)
	server := c.server()
	ok(t, server.ZRem(ctx, "mesh:nodes", "dead").Err())
	ok(t, server.HDel(ctx, "mesh:inboxes", "dead").Err())
	_, _, err = a.Connections().SwapMetadata(ctx, "1", nil, []byte("{}"))
	ok(t, err)
	rooms, removed, err := a.Connections().Remove(ctx, "1", "died")
	if err != nil || !removed || !slices.Equal(rooms, []string{"r"}) {
		t.Errorf("removed: %v, from %q (%v)", removed, rooms, err)
	}
	if there, err := server.HExists(ctx, "mesh:inboxes", "dead").Result(); there || err != nil {
		t.Errorf("the dead has an inbox: %v (%v)", there, err)
	}
	c.wantNothing()
}

func TestNothingIsAddedWithoutALease(t *testing.T) {
	t.Parallel()
	c := alone(t, time.Minute)
	n := c.member("a")
	server := c.server()
	for name, lapse := range map[string]func() error{
		"a lease that has lapsed": func() error {
			return server.ZAdd(t.Context(), "mesh:nodes", goredis.Z{Score: float64(server.Time(t.Context()).Val().UnixMilli() - 1), Member: "a"}).Err()
		},
		"none": func() error { return server.ZRem(t.Context(), "mesh:nodes", "a").Err() },
	} {
		ok(t, lapse())
		if err := n.Connections().Add(t.Context(), backplane.Connection{ID: "1"}); !errors.Is(err, backplane.ErrUnavailable) {
			t.Errorf("with %s: %v", name, err)
		}
	}
	c.wantNothing()
}

// Without a node that runs, states end all the same, and it is told once.
func TestStatesEndWhenTheyAreLookedFor(t *testing.T) {
	t.Parallel()
	c := alone(t, time.Minute)
	n := c.member("a")
	ctx := t.Context()
	events := c.server().Subscribe(ctx, "mesh:presence:a", "mesh:presence:ab")
	t.Cleanup(func() { _ = events.Close() })
	// Put together, the names of the rooms and connections are the same.
	for _, at := range [][2]string{{"a", "bc"}, {"ab", "c"}} {
		ok(t, n.Connections().Add(ctx, backplane.Connection{ID: at[1]}))
		_, err := n.Rooms().Join(ctx, at[0], at[1], true)
		ok(t, err)
	}
	set := func(room, id string, ttl time.Duration) {
		t.Helper()
		if done, err := n.Presence().SetState(ctx, room, id, []byte("here"), ttl, true); !done || err != nil {
			t.Fatalf("set: %v, %v", done, err)
		}
	}
	states := func(room string) int {
		t.Helper()
		shot, err := n.Presence().Snapshot(ctx, room)
		ok(t, err)
		return len(shot.States)
	}
	set("a", "bc", time.Millisecond)
	set("ab", "c", time.Hour)
	<-time.After(5 * time.Millisecond)
	for range 2 {
		if got := [2]int{states("a"), states("ab")}; got != [2]int{0, 1} {
			t.Errorf("states: %v", got)
		}
	}
	set("a", "bc", 0)
	if got := states("a"); got != 1 {
		t.Errorf("states when it was set again: %d", got)
	}
	server := c.server()
	ok(t, server.Publish(ctx, "mesh:presence:a", "end").Err())
	for cleared := 0; ; {
		m, err := events.ReceiveMessage(ctx)
		ok(t, err)
		if m.Payload == "end" {
			if cleared != 1 {
				t.Errorf("told %d times", cleared)
			}
			return
		}
		if strings.HasSuffix(m.Payload, "\x00\x00\x00\x013\xff\xff\xff\xff") {
			cleared++
		}
	}
}

// A page is of what Redis can read without keeping others waiting.
func TestPagesAreBounded(t *testing.T) {
	t.Parallel()
	c := alone(t, time.Minute)
	n := c.member("a")
	ctx := t.Context()
	big := make([]byte, 100<<10)
	for i := range 30 {
		ok(t, n.Connections().Add(ctx, backplane.Connection{ID: strconv.Itoa(i), Metadata: big}))
		_, _, err := n.RoomMetadata().Swap(ctx, strconv.Itoa(i), nil, big, 0)
		ok(t, err)
	}
	server := c.server()
	ok(t, server.ZAdd(ctx, "mesh:conns", goredis.Z{Member: "10 is not there"}).Err())
	ok(t, server.ZAdd(ctx, "mesh:room-metas", goredis.Z{Member: "10 is not there"}).Err())
	for name, list := range map[string]func(cursor string) (got int, next string, err error){
		"connections": func(cursor string) (int, string, error) {
			page, next, err := n.Connections().List(ctx, cursor, 1<<30)
			return len(page), next, err
		},
		"rooms": func(cursor string) (int, string, error) {
			page, next, err := n.RoomMetadata().List(ctx, cursor, 1<<30)
			return len(page), next, err
		},
	} {
		all, cursor := 0, ""
		for {
			got, next, err := list(cursor)
			if ok(t, err); got > 12 {
				t.Errorf("%s: a page of %d", name, got)
			}
			if all += got; next == "" {
				break
			}
			cursor = next
		}
		if all != 30 {
			t.Errorf("%s: %d listed", name, all)
		}
	}
}

// Each method is one script, and thus one round trip.
func TestRoundTripsOfTheDirectory(t *testing.T) {
	t.Parallel()
	c := alone(t, time.Minute)
	n := c.member("a")
	server := c.server()
	ctx := t.Context()
	one := []byte("1")
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"add", func() error { return n.Connections().Add(ctx, backplane.Connection{ID: "1", User: "u", Metadata: one}) }},
		{"get", func() error { _, err := n.Connections().Get(ctx, "1"); return err }},
		{"list", func() error { _, _, err := n.Connections().List(ctx, "", 5); return err }},
		{"of user", func() error { _, err := n.Connections().OfUser(ctx, "u"); return err }},
		{"users", func() error { _, _, err := n.Connections().Users(ctx, "", 5); return err }},
		{"swap", func() error { _, _, err := n.Connections().SwapMetadata(ctx, "1", one, nil); return err }},
		{"join", func() error { _, err := n.Rooms().Join(ctx, "r", "1", false); return err }},
		{"join, present", func() error { _, err := n.Rooms().Join(ctx, "q", "1", true); return err }},
		{"enter", func() error { _, err := n.Presence().Enter(ctx, "r", "1"); return err }},
		{"state", func() error { _, err := n.Presence().SetState(ctx, "r", "1", one, 0, false); return err }},
		{"state that ends", func() error { _, err := n.Presence().SetState(ctx, "q", "1", one, time.Hour, false); return err }},
		{"snapshot", func() error { _, err := n.Presence().Snapshot(ctx, "r"); return err }},
		{"exit", func() error { _, err := n.Presence().Exit(ctx, "r", "1"); return err }},
		{"has", func() error { _, err := n.Rooms().Has(ctx, "r", "1"); return err }},
		{"members", func() error { _, err := n.Rooms().Members(ctx, "r"); return err }},
		{"rooms of", func() error { _, err := n.Rooms().Of(ctx, "1"); return err }},
		{"rooms", func() error { _, _, err := n.Rooms().List(ctx, "", 5); return err }},
		{"describe", func() error { _, _, err := n.RoomMetadata().Swap(ctx, "r", nil, one, 1000); return err }},
		{"description", func() error { _, err := n.RoomMetadata().Get(ctx, "r"); return err }},
		{"descriptions", func() error { _, _, err := n.RoomMetadata().List(ctx, "", 5); return err }},
		{"leave", func() error { _, err := n.Rooms().Leave(ctx, "r", "1", "left"); return err }},
		{"clear", func() error { _, err := n.Rooms().Clear(ctx, "r", "cleared"); return err }},
		{"remove, in one room", func() error { _, _, err := n.Connections().Remove(ctx, "1", "removed"); return err }},
	} {
		ok(t, server.ConfigResetStat(ctx).Err())
		ok(t, step.do())
		stats, err := server.Info(ctx, "commandstats").Result()
		ok(t, err)
		calls := make(map[string]int)
		total := 0
		for _, m := range regexp.MustCompile(`cmdstat_([a-z_|]+):calls=(\d+)`).FindAllStringSubmatch(stats, -1) {
			calls[m[1]], _ = strconv.Atoi(m[2])
			total += calls[m[1]]
		}
		// Those of the test, and the asking for a script that was not there yet.
		total -= calls["config|resetstat"] + calls["info"] + calls["hello"] + calls["evalsha"] + calls["eval"]
		if got := max(calls["evalsha"], calls["eval"]); got != 1 {
			t.Errorf("%s: %d scripts", step.name, got)
		}
		t.Logf("%-20s %d commands within", step.name, total)
	}
}
