package redis_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/redis"
	"github.com/mesh-host/mesh-host/host/backplane/redis/redistest"
)

// briefLease is that of nodes that die in tests.
const briefLease = time.Second

// peer is a node, what it hears, and its life.
type peer struct {
	*redis.Node
	*ears
	t    *testing.T
	stop func() // ends what it runs, and waits for that
}

// idle makes a node that does not run.
func (c *cluster) idle(id string) *peer {
	c.t.Helper()
	p := &peer{Node: c.Node(id).(*redis.Node), ears: newEars(), t: c.t, stop: func() {}}
	p.Attach(p.ears)
	return p
}

// runs makes a node that runs until it is stopped.
func (c *cluster) runs(id string) *peer {
	c.t.Helper()
	p := c.idle(id)
	p.start(p.Run)
	return p
}

func (p *peer) start(run func(context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { run(ctx) })
	p.stop = func() {
		cancel()
		running.Wait()
	}
	p.t.Cleanup(p.stop)
}

func (p *peer) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// watch subscribes to the presence of room r.
func (p *peer) watch() {
	p.t.Helper()
	p.must(p.Bus().Subscribe(context.Background(), backplane.Topic{Kind: backplane.PresenceOf, Name: "r"}))
}

// populate adds connections with all that one can have, in room r and in another.
func (p *peer) populate(ids []string) {
	p.t.Helper()
	ctx := context.Background()
	for _, id := range ids {
		p.must(p.Connections().Add(ctx, backplane.Connection{ID: id, User: "u", ConnectedAt: time.UnixMilli(1), Metadata: []byte("{}")}))
		for _, room := range []string{"r", "plain"} {
			_, err := p.Rooms().Join(ctx, room, id, room == "r")
			p.must(err)
		}
		_, err := p.Node.Presence().SetState(ctx, "r", id, []byte("here"), time.Hour, true)
		p.must(err)
	}
}

// hasAll fails unless connections are there, with all that populate gave them.
func (p *peer) hasAll(node string, ids []string) {
	p.t.Helper()
	ctx := context.Background()
	shot, err := p.Node.Presence().Snapshot(ctx, "r")
	p.must(err)
	ofUser, err := p.Connections().OfUser(ctx, "u")
	p.must(err)
	if len(shot.Present) != len(ids) || len(ofUser) != len(ids) {
		p.t.Errorf("%d are present and %d the user's, want %d", len(shot.Present), len(ofUser), len(ids))
	}
	for _, id := range ids {
		about, err := p.Connections().Get(ctx, id)
		if err != nil || about.Node != node || about.User != "u" || string(about.Metadata) != "{}" || !about.ConnectedAt.Equal(time.UnixMilli(1)) {
			p.t.Errorf("%s is %+v: %v", id, about, err)
		}
		rooms, err := p.Rooms().Of(ctx, id)
		if err != nil || strings.Join(rooms, " ") != "plain r" || string(shot.States[id]) != "here" {
			p.t.Errorf("%s is in %v, with state %q: %v", id, rooms, shot.States[id], err)
		}
	}
}

// until waits until something is so.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	late := time.After(20 * time.Second)
	for !is() {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-late:
			t.Fatalf("waiting for %s", what)
		}
	}
}

// raw is a client of the cluster's server.
func (c *cluster) raw() *goredis.Client {
	client := goredis.NewClient(&goredis.Options{Addr: c.options.Addresses[0]})
	c.t.Cleanup(func() { _ = client.Close() })
	return client
}

// wantNothingOf fails if Redis has anything left of a node.
func (c *cluster) wantNothingOf(node string, ids []string) {
	c.t.Helper()
	ctx, r := context.Background(), c.raw()
	for _, table := range []string{"inboxes", "incarnations", "instructed"} {
		if there, err := r.HExists(ctx, "mesh:"+table, node).Result(); err != nil || there {
			c.t.Errorf("%s has the node: %v", table, err)
		}
	}
	for _, table := range []string{"nodes", "dying"} {
		if err := r.ZScore(ctx, "mesh:"+table, node).Err(); !errors.Is(err, goredis.Nil) {
			c.t.Errorf("%s has the node: %v", table, err)
		}
	}
	keys, err := r.Keys(ctx, "*").Result()
	if err != nil {
		c.t.Error(err)
	}
	for _, key := range keys {
		if strings.HasSuffix(key, ":"+node) && key != "mesh:buried:"+node { // which goes by itself
			c.t.Errorf("%s is left", key)
		}
		for _, id := range ids {
			if strings.HasSuffix(key, ":"+id) {
				c.t.Errorf("%s is left", key)
			}
		}
	}
}

func numbered(prefix string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprint(prefix, 1000+i)
	}
	return all
}

func lines(format string, ids []string) []string {
	all := make([]string, len(ids))
	for i, id := range ids {
		all[i] = fmt.Sprintf(format, id)
	}
	return all
}

func TestDeadNodeIsBuriedOnce(t *testing.T) {
	t.Parallel()
	c := alone(t, 3*briefLease)
	survivors := []*peer{c.runs("a"), c.runs("b"), c.runs("c")}
	for _, p := range survivors {
		p.watch()
	}
	dead, ids := c.idle("dead"), numbered("c", 600)
	dead.start(dead.Live)
	dead.populate(ids)
	dead.stop()
	died := time.Now()
	for _, p := range survivors {
		p.await(t, "presence c1599 left", 1)
	}
	until(t, "the end", func() bool { return len(survivors[0].heard("presence")) == 2*len(ids) })
	took := time.Since(died)
	t.Logf("600 connections were gone %v after their node had died; its lease was %v", took, 3*briefLease)
	if took > 4*briefLease {
		t.Errorf("noticed after %v", took)
	}
	wanted := append(lines("presence %s joined ", ids), lines("presence %s left ", ids)...)
	for _, p := range survivors {
		p.each(t, "presence", wanted)
	}
	c.wantNothingOf("dead", ids)
}

func TestPausedNodeRegistersAnew(t *testing.T) {
	t.Parallel()
	c := alone(t, briefLease)
	other := c.runs("other")
	other.watch()
	paused, ids := c.idle("paused"), numbered("c", 120)
	paused.start(paused.Live)
	paused.populate(ids)
	paused.stop()
	paused.await(t, "member", 2*len(ids))
	other.await(t, "presence", 2*len(ids)) // joined, and left
	c.wantNothingOf("paused", ids)
	paused.start(paused.Run)
	wanted := append(lines("presence %s joined ", ids), lines("presence %s joined ", ids)...)
	wanted = append(wanted, lines("presence %s left ", ids)...)
	wanted = append(wanted, lines("presence %s is here", ids)...)
	other.each(t, "presence", wanted)
	other.hasAll("paused", ids)
	if told := paused.heard(""); len(told) != 2*len(ids) {
		t.Errorf("the node was told of its own return: %q", told[2*len(ids):])
	}
	// It is one among the others again.
	_, err := other.Rooms().Leave(context.Background(), "r", ids[0], "left")
	other.must(err)
	paused.await(t, "member r "+ids[0]+" false left", 1)
	paused.stop()
	c.wantNothingOf("paused", ids)
}

// What others have done to the connections of a node that is cut off, before it was
// taken for dead, is not undone by its return: nobody knows any more what that was.
func TestNodeCutOffUndoesNothing(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	proxy := redistest.StartProxy(t, s.Addr)
	c := &cluster{t, redis.Options{Addresses: []string{s.Addr}, Lease: 3 * briefLease}}
	other := c.runs("other")
	c.options.Addresses = []string{proxy.Addr}
	cut := c.runs("cut")
	cut.populate([]string{"1", "2"})
	proxy.Refuse()
	ctx := context.Background()
	left, err := other.Rooms().Leave(ctx, "r", "1", "thrown out")
	if other.must(err); !left {
		t.Fatal("it was taken for dead too soon")
	}
	until(t, "its burial", func() bool {
		_, err := other.Connections().Get(ctx, "2")
		return err != nil
	})
	proxy.Restore(t)
	cut.await(t, "close 4102", 1)
	until(t, "its return", func() bool { return cut.Reachable() == nil })
	if members, err := other.Rooms().Members(ctx, "r"); err != nil || len(members) > 0 {
		t.Errorf("members are %q: %v", members, err)
	}
	cut.populate([]string{"3"}) // it goes on with those that come
	other.hasAll("cut", []string{"3"})
}

// Until a node that was taken for dead has registered its connections anew, nothing
// is said of them that will not be so then.
func TestNothingIsSaidOfWhatComesBack(t *testing.T) {
	t.Parallel()
	c := alone(t, time.Minute)
	n := c.idle("a")
	n.populate([]string{"1"})
	ctx := context.Background()
	n.must(c.raw().FlushAll(ctx).Err())
	_ = n.Renew(ctx) // it notices
	joined := func(id string) error { _, err := n.Rooms().Join(ctx, "other", id, true); return err }
	swapped := func(id string) error {
		_, _, err := n.Connections().SwapMetadata(ctx, id, []byte("{}"), nil)
		return err
	}
	left := func(id string) error { _, err := n.Rooms().Leave(ctx, "r", id, ""); return err }
	entered := func(id string) error { _, err := n.Node.Presence().Enter(ctx, "plain", id); return err }
	exited := func(id string) error { _, err := n.Node.Presence().Exit(ctx, "r", id); return err }
	set := func(id string) error {
		_, err := n.Node.Presence().SetState(ctx, "r", id, nil, 0, false)
		return err
	}
	for i, do := range []func(id string) error{joined, swapped, left, entered, exited, set} {
		if err := do("1"); !errors.Is(err, backplane.ErrUnavailable) {
			t.Errorf("%d: of one that comes back: %v", i, err)
		}
		if err := do("2"); errors.Is(err, backplane.ErrUnavailable) {
			t.Errorf("%d: of one that nobody knows: %v", i, err)
		}
	}
	n.start(n.Run)
	until(t, "its return", func() bool { return left("1") == nil })
	if has, err := n.Rooms().Has(ctx, "r", "1"); err != nil || has {
		t.Errorf("it has not left: %v", err)
	}
}

// Where Redis was away from all nodes for longer than a lease, none has died.
func TestNobodyDiesWhileRedisIsAway(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	c := &cluster{t, redis.Options{Addresses: []string{s.Addr}, Lease: 2 * briefLease, Timeout: 300 * time.Millisecond}}
	names := []string{"a", "b", "c", "d", "e", "f"}
	nodes := make([]*peer, len(names))
	for i, name := range names {
		nodes[i] = c.runs(name)
		nodes[i].watch()
		nodes[i].populate([]string{"of " + name})
	}
	s.Pause(t)
	<-time.After(c.options.Lease * 3 / 2)
	s.Resume(t)
	for _, n := range nodes {
		until(t, "its return", func() bool { return n.Reachable() == nil })
	}
	<-time.After(c.options.Lease)
	for i, n := range nodes {
		for _, line := range n.heard("presence") {
			if strings.HasSuffix(line, " left ") {
				t.Errorf("%s heard %q", names[i], line)
			}
		}
		if about, err := nodes[0].Connections().Get(context.Background(), "of "+names[i]); err != nil || about.Node != names[i] {
			t.Errorf("%+v: %v", about, err)
		}
	}
}

func TestPausedNodeLosesWhatOthersHaveTaken(t *testing.T) {
	t.Parallel()
	c := alone(t, briefLease)
	other := c.runs("other")
	paused := c.idle("paused")
	paused.start(paused.Live)
	paused.populate([]string{"1", "2"})
	paused.stop()
	until(t, "its burial", func() bool {
		_, err := other.Connections().Get(context.Background(), "1")
		return err != nil
	})
	other.must(other.Connections().Add(context.Background(), backplane.Connection{ID: "1"}))
	paused.start(paused.Run)
	paused.await(t, `close 4102 ["1"]`, 1)
	until(t, "the other connection", func() bool {
		about, err := other.Connections().Get(context.Background(), "2")
		return err == nil && about.Node == "paused"
	})
	// The session that is closed takes nothing with it that is the other's.
	_, removed, err := paused.Connections().Remove(context.Background(), "1", "")
	if paused.must(err); removed {
		t.Error("the other's connection was removed")
	}
	about, err := other.Connections().Get(context.Background(), "1")
	if other.must(err); about.Node != "other" {
		t.Errorf("1 is %+v", about)
	}
}

func TestOneNameOneNode(t *testing.T) {
	t.Parallel()
	c := alone(t, briefLease)
	other, first := c.runs("other"), c.idle("same")
	first.start(first.Live)
	_, err := redis.Open(context.Background(), "same", c.options)
	if err == nil || !strings.Contains(err.Error(), "node.name") {
		t.Errorf("a second one opened: %v", err)
	}
	first.populate([]string{"1"})
	first.stop() // as a process does that has crashed
	began := time.Now()
	second := c.runs("same")
	if waited := time.Since(began); waited > 2*briefLease {
		t.Errorf("it took over after %v", waited)
	}
	if about, err := other.Connections().Get(context.Background(), "1"); err == nil {
		t.Errorf("what the first had is there: %+v", about)
	}
	second.populate([]string{"2"})
	other.hasAll("same", []string{"2"})
	second.await(t, "member", 2)
	// The first was only paused: its sessions end, those of the second stay.
	first.start(first.Run)
	first.await(t, "close 4102", 1)
	other.hasAll("same", []string{"2"})
	second.stop()
	until(t, "its return", func() bool {
		about, err := other.Connections().Get(context.Background(), "1")
		return err == nil && about.Node == "same"
	})
}

// Where who cleans up dies as well, another goes on.
func TestBurialGoesOn(t *testing.T) {
	t.Parallel()
	c := alone(t, time.Minute)
	a, dead, ids := c.idle("a"), c.idle("dead"), numbered("c", 60)
	a.watch()
	dead.populate(ids)
	ctx, raw := context.Background(), c.raw()
	a.must(raw.ZRem(ctx, "mesh:nodes", "dead").Err())
	a.must(raw.HDel(ctx, "mesh:incarnations", "dead").Err())
	const claim = 500 * time.Millisecond
	began := time.Now()
	ends := raw.Time(ctx).Val().Add(claim).UnixMilli() // by the server's clock
	a.must(raw.ZAdd(ctx, "mesh:dying", goredis.Z{Score: float64(ends), Member: "dead"}).Err())
	a.start(a.Run)
	c.runs("b")
	c.runs("c")
	a.await(t, "presence", 2*len(ids))
	if time.Since(began) < claim {
		t.Error("the claim of who cleans up was not respected")
	}
	a.each(t, "presence", append(lines("presence %s joined ", ids), lines("presence %s left ", ids)...))
	until(t, "the end", func() bool { return raw.ZCard(ctx, "mesh:dying").Val() == 0 })
	c.wantNothingOf("dead", ids)
}

// Redis is killed and comes back without anything.
func TestRedisRestartsEmpty(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	c := &cluster{t, redis.Options{Addresses: []string{s.Addr}, Lease: 5 * briefLease}}
	a, b := c.runs("a"), c.runs("b")
	ids := numbered("c", 120)
	a.populate(ids)
	s.Kill()
	ctx := context.Background()
	a.reach = 1
	reached, err := a.Bus().Instruct(ctx, backplane.Audience{Scope: backplane.Listed, Names: ids[:1]}, push("x", nil))
	if err != nil || reached != 1 {
		t.Errorf("reached %d of its own: %v", reached, err)
	}
	if _, err = b.Bus().Instruct(ctx, backplane.Audience{Scope: backplane.Listed, Names: ids[:1]}, push("x", nil)); !errors.Is(err, backplane.ErrUnavailable) {
		t.Errorf("an instruction to another node: %v", err)
	}
	_, _, err = a.Connections().Remove(ctx, ids[119], "left")
	if !errors.Is(err, backplane.ErrUnavailable) {
		t.Errorf("removing: %v", err)
	}
	s.Restart(t)
	until(t, "all to be back", func() bool {
		of, err := b.Connections().OfUser(ctx, "u")
		return err == nil && len(of) == 119
	})
	b.hasAll("a", ids[:119])
	until(t, "instructions to go through", func() bool {
		reached, err := b.Bus().Instruct(ctx, backplane.Audience{Scope: backplane.InRoom, Names: []string{"r"}}, push("y", nil))
		return err == nil && reached == 119
	})
	a.await(t, "push y", 1)
	if told := append(a.heard("close"), a.heard("member")[240:]...); len(told) != 0 {
		t.Errorf("heard %q", told)
	}
}

func TestRedisForgetsEverything(t *testing.T) {
	t.Parallel()
	c := alone(t, 5*briefLease)
	a, b := c.runs("a"), c.runs("b")
	b.watch()
	ids := numbered("c", 120)
	a.populate(ids)
	if err := c.raw().FlushAll(context.Background()).Err(); err != nil {
		t.Fatal(err)
	}
	// Joined, joined again, and the state; unless the node, which is forgotten as
	// well, is told meanwhile that it may have missed some of it.
	until(t, "all of it, or that it was lost", func() bool {
		return len(b.heard("presence")) == 3*len(ids) || len(b.heard("lost r")) > 0
	})
	until(t, "all to be back", func() bool {
		of, err := b.Connections().OfUser(context.Background(), "u")
		return err == nil && len(of) == len(ids)
	})
	b.hasAll("a", ids)
	if told := a.heard(""); len(told) != 2*len(ids) {
		t.Errorf("the node was told of its own return: %q", told[2*len(ids):])
	}
	reached, err := b.Bus().Instruct(context.Background(), backplane.Audience{Scope: backplane.Listed, Names: ids}, push("x", nil))
	if b.must(err); reached != len(ids) {
		t.Errorf("reached %d", reached)
	}
	a.await(t, "push x to 120 names", 1)
}

func push(command string, payload []byte) backplane.Instruction {
	return backplane.Instruction{Push: &backplane.Push{Command: command, Payload: payload}}
}

// What is missed while the inbox is cut off is made up for, or known to be lost.
func TestInboxIsCutOff(t *testing.T) {
	t.Parallel()
	c := alone(t, briefLease)
	a, b := c.runs("a"), c.runs("b")
	ctx, raw := context.Background(), c.raw()
	a.must(a.Connections().Add(ctx, backplane.Connection{ID: "1"}))
	for i := range 5 {
		a.must(raw.ClientKillByFilter(ctx, "TYPE", "pubsub").Err())
		_, err := b.Rooms().Join(ctx, fmt.Sprint("r", i), "1", false)
		b.must(err)
		_, _, err = b.Connections().SwapMetadata(ctx, "1", metadata(i), metadata(i+1))
		b.must(err)
		a.await(t, fmt.Sprintf("member r%d 1 true", i), 1)
		a.await(t, fmt.Sprintf("metadata 1 %d", i+1), 1)
	}
	if closed := a.heard("close"); len(closed) > 0 {
		t.Errorf("closed: %q", closed)
	}
	for i := range 5 {
		a.must(raw.ClientKillByFilter(ctx, "TYPE", "pubsub").Err())
		_, err := b.Bus().Instruct(ctx, backplane.Audience{Scope: backplane.Listed, Names: []string{"1"}}, push("x", nil))
		b.must(err)
		until(t, "an instruction, or the end", func() bool { return len(a.heard("push"))+len(a.heard("close")) == i+1 })
	}
	for i := range 5 {
		if told := a.heard(fmt.Sprintf("member r%d", i)); len(told) != 1 {
			t.Errorf("told %q", told)
		}
	}
}

// A frame is missing though no connection was lost.
func TestFrameIsMissing(t *testing.T) {
	t.Parallel()
	c := alone(t, time.Minute)
	a, b := c.runs("a"), c.runs("b")
	ctx := context.Background()
	a.must(a.Connections().Add(ctx, backplane.Connection{ID: "1"}))
	a.must(c.raw().HIncrBy(ctx, "mesh:inboxes", "a", 1).Err())
	for _, room := range []string{"r1", "r2"} {
		_, err := b.Rooms().Join(ctx, room, "1", false)
		b.must(err)
	}
	a.await(t, "close 4102", 1)
	a.await(t, "member r2", 1)
	a.each(t, "member", []string{"member r1 1 true ", "member r2 1 true "})
}

func metadata(i int) []byte {
	if i == 0 {
		return nil
	}
	return fmt.Append(nil, i)
}

// A connection whose end Redis could not be told of goes in the end.
func TestStrayConnectionGoes(t *testing.T) {
	t.Parallel()
	c := alone(t, briefLease)
	c.options.Timeout = 200 * time.Millisecond
	a := c.runs("a")
	a.populate([]string{"1", "2"})
	ctx, raw := context.Background(), c.raw()
	// Only Redis has it.
	a.must(raw.HSet(ctx, "mesh:conn:3", "node", "a", "user", "", "at", "1").Err())
	a.must(raw.ZAdd(ctx, "mesh:conns", goredis.Z{Member: "3"}).Err())
	a.must(raw.SAdd(ctx, "mesh:conns-of:a", "3").Err())
	until(t, "its end", func() bool {
		_, err := a.Connections().Get(ctx, "3")
		return err != nil
	})
	a.hasAll("a", []string{"1", "2"})
}

// A connection that another node ends while its own registers connections anew,
// and before that has heard of it, does not come back, not even for a moment.
func TestRemovedWhileRegisteredAnew(t *testing.T) {
	t.Parallel()
	c := alone(t, time.Minute)
	a := c.runs("a")
	a.watch()
	network := redistest.StartProxy(t, c.options.Addresses[0])
	network.Lag(5 * time.Millisecond)
	c.options.Addresses = []string{network.Addr}
	b := c.runs("b")
	ctx, ids := context.Background(), numbered("x", 100)
	for _, id := range ids {
		b.must(b.Connections().Add(ctx, backplane.Connection{ID: id}))
		_, err := b.Rooms().Join(ctx, "r", id, true)
		b.must(err)
		b.Mend()
		if _, removed, err := a.Connections().Remove(ctx, id, "by another"); err != nil || !removed {
			t.Fatal(removed, err)
		}
	}
	b.must(b.Connections().Add(ctx, backplane.Connection{ID: "kept"}))
	a.must(c.raw().Del(ctx, "mesh:conn:kept", "mesh:conns-of:b").Err()) // that it is restored shows that all are
	b.Mend()
	until(t, "what is restored", func() bool {
		_, err := a.Connections().Get(ctx, "kept")
		return err == nil
	})
	if events := a.await(t, "presence", 2*len(ids)); len(events) != 2*len(ids) {
		t.Errorf("of %d that joined and left one was told %d times", len(ids), len(events))
	}
	if left, _, err := a.Connections().List(ctx, "", 10); err != nil || len(left) != 1 {
		t.Errorf("left are %v: %v", left, err)
	}
}

func TestInstructionsGoToOwners(t *testing.T) {
	t.Parallel()
	c := alone(t, time.Minute)
	a, b, idle := c.runs("a"), c.runs("b"), c.idle("idle")
	ids := numbered("b", 10000)
	ctx := context.Background()
	var adding sync.WaitGroup
	for worker := range 20 {
		adding.Go(func() {
			for i := worker; i < len(ids); i += 20 {
				if err := b.Connections().Add(ctx, backplane.Connection{ID: ids[i], User: "u"}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	adding.Wait()
	a.populate([]string{"1", "2"})
	a.reach = 2
	for _, room := range []string{"r", "plain"} {
		for _, id := range ids[:3] {
			_, err := a.Rooms().Join(ctx, room, id, false)
			a.must(err)
		}
	}
	payload := bytes.Repeat([]byte("x"), 4<<20)
	for _, test := range []struct {
		to      backplane.Audience
		reached int // 2 of which are a's
	}{
		{backplane.Audience{Scope: backplane.Listed, Names: append([]string{"1", "nobody", ids[0]}, ids...)}, 2 + len(ids)},
		{backplane.Audience{Scope: backplane.Listed, Names: append([]string{"1"}, ids...), Except: ids[:9999]}, 2 + 1},
		{backplane.Audience{Scope: backplane.OfUser, Names: []string{"u", "v"}}, 2 + len(ids)},
		{backplane.Audience{Scope: backplane.OfUser, Names: []string{"u", "u"}, Except: []string{"1", ids[7]}}, 2 + len(ids) - 1},
		{backplane.Audience{Scope: backplane.InRoom, Names: []string{"r", "plain", "none"}}, 2 + 3},
		{backplane.Audience{Scope: backplane.InRoom, Names: []string{"r"}, Except: []string{"1", ids[1], "nobody"}}, 2 + 2},
		{backplane.Audience{Scope: backplane.Everyone}, 2 + len(ids)},
		{backplane.Audience{Scope: backplane.Everyone, Except: []string{"1", ids[1], ids[1]}}, 2 + len(ids) - 1},
		{backplane.Audience{Scope: backplane.Listed, Names: []string{"1", "2"}}, 2},
		{backplane.Audience{Scope: backplane.Listed, Names: []string{ids[5]}}, 1},
		{backplane.Audience{Scope: backplane.Listed, Names: []string{"nobody"}}, 0},
	} {
		began := time.Now()
		reached, err := a.Bus().Instruct(ctx, test.to, push("x", payload))
		if err != nil || reached != test.reached {
			t.Errorf("%d, %.20q: reached %d, want %d: %v", test.to.Scope, test.to.Names, reached, test.reached, err)
		}
		t.Logf("scope %d, %d names, 4 MiB: %v", test.to.Scope, len(test.to.Names), time.Since(began))
	}
	b.await(t, "push", 9)
	if told := idle.await(t, "push", 2); len(told) != 2 || len(a.heard("push")) != 9 || len(b.heard("push")) != 9 {
		t.Errorf("%d, %d and %d pushes, want 9, 9 and, of everyone, 2", len(a.heard("push")), len(b.heard("push")), len(told))
	}
}

// A room with very many members is emptied part by part: Redis does nothing else
// while it ends memberships.
func TestHugeRoomIsCleared(t *testing.T) {
	t.Parallel()
	c := alone(t, time.Minute)
	a, b := c.idle("a"), c.idle("b")
	b.watch()
	ids := numbered("c", 2500)
	ctx := context.Background()
	var joining sync.WaitGroup
	for worker := range 20 {
		joining.Go(func() {
			for i := worker; i < len(ids); i += 20 {
				p := []*peer{a, b}[i%2]
				p.add(ids[i])
				if _, err := p.Rooms().Join(ctx, "r", ids[i], true); err != nil {
					t.Error(err)
				}
			}
		})
	}
	joining.Wait()
	_, _, err := a.RoomMetadata().Swap(ctx, "r", nil, []byte("{}"), 0)
	a.must(err)
	before := a.Stats().Commands
	members, err := a.Rooms().Clear(ctx, "r", "cleared")
	if err != nil || !slices.Equal(members, ids) {
		t.Errorf("%d were members: %v", len(members), err)
	}
	if got := len(a.heard("member r c")); got != len(ids) { // each joined and left
		t.Errorf("the node was told of %d changes", got)
	}
	b.each(t, "presence", append(lines("presence %s joined ", ids), lines("presence %s left ", ids)...))
	if changes := a.Stats().Commands - before; changes < 3 {
		t.Errorf("all left in %d changes", changes)
	}
	if left, err := c.raw().Keys(ctx, "mesh:room*:r").Result(); err != nil || len(left) != 1 { // room-seq, for a minute
		t.Errorf("left are %q: %v", left, err)
	}
}

// All that the nodes had goes with them, save what is durable.
func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	c := alone(t, briefLease)
	a, b := c.runs("a"), c.runs("b")
	a.populate(numbered("a", 70))
	b.populate(numbered("b", 70))
	_, err := a.Bus().Instruct(context.Background(), backplane.Audience{Scope: backplane.Everyone}, push("x", nil))
	a.must(err)
	a.stop()
	b.stop()
	ctx, r := context.Background(), c.raw()
	keys, err := r.Keys(ctx, "*").Result()
	a.must(err)
	for _, key := range keys {
		if ttl := r.PTTL(ctx, key).Val(); ttl < 0 && key != "mesh:presence-seq" {
			t.Errorf("%s is left, and stays", key)
		}
	}
}
