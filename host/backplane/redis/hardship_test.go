package redis_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/redis"
	"github.com/mesh-host/mesh-host/host/backplane/redis/redistest"
)

// listed are connections by their ids.
func listed(ids ...string) backplane.Audience {
	return backplane.Audience{Scope: backplane.Listed, Names: ids}
}

// add registers a connection that has nothing.
func (p *peer) add(id string) {
	p.t.Helper()
	p.must(p.Connections().Add(context.Background(), backplane.Connection{ID: id}))
}

// cutOff has everyone's subscriptions lost.
func (c *cluster) cutOff() {
	c.t.Helper()
	if err := c.raw().ClientKillByFilter(context.Background(), "TYPE", "pubsub").Err(); err != nil {
		c.t.Fatal(err)
	}
}

// A Redis without room refuses what is new, but takes no node for dead, and takes
// what makes room.
func TestRedisIsFull(t *testing.T) {
	t.Parallel()
	c := alone(t, briefLease)
	a, b := c.runs("a"), c.runs("b")
	b.watch()
	a.populate([]string{"1", "2"})
	for _, id := range []string{"dead", "also dead", "dead too"} {
		c.idle(id).add("of " + id)
	}
	ctx, raw := context.Background(), c.raw()
	_, _, err := a.RoomMetadata().Swap(ctx, "r", nil, []byte("{}"), 0)
	a.must(err)
	a.must(raw.ConfigSet(ctx, "maxmemory", "1").Err())
	if err := a.Connections().Add(ctx, backplane.Connection{ID: "3"}); err == nil {
		t.Error("there was room")
	}
	<-time.After(5 * briefLease / 2)
	a.hasAll("a", []string{"1", "2"})
	if left := b.heard("presence 1 left"); len(left) > 0 {
		t.Errorf("told %q", left)
	}
	until(t, "the burials", func() bool {
		ids, err := raw.ZRange(ctx, "mesh:conns", 0, -1).Result()
		return err == nil && slices.Equal(ids, []string{"1", "2"})
	})
	if swapped, _, err := a.RoomMetadata().Swap(ctx, "r", []byte("{}"), nil, 0); err != nil || !swapped {
		t.Errorf("metadata not taken away: %v", err)
	}
	_, removed, err := a.Connections().Remove(ctx, "1", "")
	if err != nil || !removed {
		t.Errorf("not removed: %v", err)
	}
	b.await(t, "presence 1 left", 1)
	a.hasAll("a", []string{"2"})
}

// A node that comes back is found by the others once it hears them, not before:
// what they send would be lost.
func TestDeafNodeIsNotFound(t *testing.T) {
	t.Parallel()
	c := alone(t, briefLease)
	other := c.runs("other")
	paused, ids := c.idle("paused"), numbered("c", 20)
	paused.start(paused.Live)
	paused.populate(ids)
	paused.stop()
	ctx := context.Background()
	until(t, "its burial", func() bool {
		members, err := other.Rooms().Members(ctx, "r")
		return err == nil && len(members) == 0
	})
	paused.Deafen()
	paused.start(paused.Run) // which does not trust its connection, and makes another
	until(t, "its return", func() bool {
		members, err := other.Rooms().Members(ctx, "r")
		return err == nil && len(members) == len(ids)
	})
	_, err := other.Bus().Instruct(ctx, backplane.Audience{Scope: backplane.InRoom, Names: []string{"r"}}, push("x", nil))
	other.must(err)
	paused.await(t, "push", 1)
	if closed := paused.heard("close"); len(closed) > 0 {
		t.Errorf("closed: %q", closed)
	}
}

// addAll registers many connections.
func (p *peer) addAll(ids []string) {
	p.t.Helper()
	var adding sync.WaitGroup
	for some := range slices.Chunk(ids, 100) {
		adding.Go(func() {
			for _, id := range some {
				if err := p.Connections().Add(context.Background(), backplane.Connection{ID: id}); err != nil {
					p.t.Error(err)
				}
			}
		})
	}
	adding.Wait()
}

// A node with many connections registers them anew in a few round trips.
func TestManyConnectionsAreRestored(t *testing.T) {
	t.Parallel()
	c := alone(t, time.Minute)
	c.options.Flush = time.Millisecond
	a, ids := c.idle("a"), numbered("c", 3000)
	ctx := context.Background()
	a.addAll(ids)
	a.must(c.raw().FlushAll(ctx).Err())
	until(t, "a lease", func() bool { return a.Renew(ctx) == nil })
	before := a.Stats().RoundTrips
	a.must(a.Restore(ctx))
	if took := a.Stats().RoundTrips - before; took > 10 {
		t.Errorf("it took %d round trips", took)
	}
	if count := c.raw().SCard(ctx, "mesh:conns-of:a").Val(); count != int64(len(ids)) {
		t.Errorf("%d are there", count)
	}
}

// debuggable is a server of the test's own that takes DEBUG, by which it becomes
// another one.
func debuggable(t *testing.T) *cluster {
	t.Helper()
	s := redistest.Start(t, "--enable-debug-command", "yes")
	return &cluster{t, redis.Options{Addresses: []string{s.Addr}, Lease: time.Minute}}
}

// A node with many connections compares them with Redis in a few round trips, and
// hears nothing meanwhile.
func TestManyConnectionsAreReconciled(t *testing.T) {
	t.Parallel()
	c := debuggable(t)
	c.options.Flush = time.Millisecond
	a := c.idle("a")
	ctx, raw := context.Background(), c.raw()
	ids := numbered("c", 2000)
	a.addAll(ids)
	_, err := raw.Pipelined(ctx, func(all goredis.Pipeliner) error {
		for _, id := range ids {
			all.HSet(ctx, "mesh:conn:"+id, "meta", "new")
		}
		return nil
	})
	a.must(err)
	before := a.Stats().RoundTrips
	a.must(raw.Do(ctx, "debug", "change-repl-id").Err())
	c.cutOff()
	a.each(t, "metadata", lines("metadata %s new", ids))
	if took := a.Stats().RoundTrips - before; took > 20 {
		t.Errorf("it took %d round trips", took)
	}
}

// A failover loses the end of what Redis was told; what it is told then takes the
// same numbers.
func TestNumbersAreUsedAgain(t *testing.T) {
	t.Parallel()
	c := debuggable(t)
	a, b := c.runs("a"), c.runs("b")
	ctx, raw := context.Background(), c.raw()
	a.add("1")
	_, err := b.Rooms().Join(ctx, "lost", "1", false)
	b.must(err)
	a.await(t, "member lost 1 true", 1)
	a.must(raw.Do(ctx, "debug", "change-repl-id").Err())
	a.must(raw.Del(ctx, "mesh:room:lost", "mesh:nodes-in:lost", "mesh:rooms-of:1", "mesh:rooms").Err())
	a.must(raw.HIncrBy(ctx, "mesh:inboxes", "a", -1).Err())
	_, err = b.Rooms().Join(ctx, "found", "1", false)
	b.must(err)
	c.cutOff()
	a.await(t, "member found 1 true", 1)
	a.await(t, "member lost 1 false", 1)
	if closed := a.heard("close"); len(closed) > 0 {
		t.Errorf("closed: %q", closed)
	}
	// An instruction is missed in the same way.
	a.must(raw.Do(ctx, "debug", "change-repl-id").Err())
	a.must(raw.HIncrBy(ctx, "mesh:inboxes", "a", -1).Err())
	_, err = b.Bus().Instruct(ctx, listed("1"), push("x", nil))
	b.must(err)
	c.cutOff()
	until(t, "the instruction, or the end", func() bool { return len(a.heard("push"))+len(a.heard("close")) > 0 })
}

// A failover loses a connection, which the node registers anew, and the numbers of
// what the node was told of it: what it is told then is news.
func TestNumbersAreUsedAgainOfAConnectionThatWasLost(t *testing.T) {
	t.Parallel()
	c := debuggable(t)
	a, b := c.runs("a"), c.runs("b")
	ctx, raw := context.Background(), c.raw()
	a.add("1")
	_, err := b.Rooms().Join(ctx, "r", "1", false)
	b.must(err)
	a.await(t, "member r 1 true", 1)
	a.must(raw.HSet(ctx, "mesh:conn:1", "meta", "seen").Err()) // tells that it was read anew
	a.must(raw.Do(ctx, "debug", "change-repl-id").Err())
	c.cutOff()
	a.await(t, "metadata 1 seen", 1)
	a.must(raw.Do(ctx, "debug", "change-repl-id").Err())
	a.must(raw.Del(ctx, "mesh:conn:1", "mesh:rooms-of:1", "mesh:room:r", "mesh:nodes-in:r").Err())
	a.must(raw.SRem(ctx, "mesh:conns-of:a", "1").Err())
	a.must(raw.HIncrBy(ctx, "mesh:inboxes", "a", -1).Err())
	c.cutOff()
	until(t, "its return", func() bool { return raw.Exists(ctx, "mesh:conn:1").Val() == 1 })
	_, err = b.Rooms().Join(ctx, "found", "1", false)
	b.must(err)
	a.await(t, "member found 1 true", 1)
}

// What another node has ended does not come back.
func TestOthersEndAConnection(t *testing.T) {
	t.Parallel()
	c := alone(t, briefLease)
	a, b := c.runs("a"), c.runs("b")
	a.populate([]string{"1", "2"})
	ctx, raw := context.Background(), c.raw()
	_, removed, err := b.Connections().Remove(ctx, "1", "ended")
	if b.must(err); !removed {
		t.Error("it was not there")
	}
	a.await(t, "member r 1 false ended", 1)
	a.must(raw.Del(ctx, "mesh:conn:2").Err()) // that it is restored shows that all are
	a.must(raw.SRem(ctx, "mesh:conns-of:a", "2").Err())
	c.cutOff()
	until(t, "the other", func() bool { return raw.Exists(ctx, "mesh:conn:2").Val() == 1 })
	if _, err := b.Connections().Get(ctx, "1"); !errors.Is(err, backplane.ErrNotFound) {
		t.Errorf("it is back: %v", err)
	}
}

// A process that was paused while another has taken over its node's name adds
// nothing to it.
func TestSuccessorIsLeftAlone(t *testing.T) {
	t.Parallel()
	c := alone(t, briefLease)
	first := c.idle("same")
	second := c.runs("same")
	ctx := context.Background()
	if err := first.Connections().Add(ctx, backplane.Connection{ID: "1"}); !errors.Is(err, backplane.ErrUnavailable) {
		t.Errorf("it took the connection: %v", err)
	}
	if _, err := second.Connections().Get(ctx, "1"); !errors.Is(err, backplane.ErrNotFound) {
		t.Errorf("it is there: %v", err)
	}
	second.add("1")
}

// One state that cannot be ended does not keep the others.
func TestStatesEndBesideAnothersKey(t *testing.T) {
	t.Parallel()
	c := alone(t, briefLease)
	a := c.idle("a")
	ctx, raw := context.Background(), c.raw()
	a.populate([]string{"1"})
	a.must(raw.Set(ctx, "mesh:states:foreign", "x", 0).Err())
	a.must(raw.ZAdd(ctx, "mesh:state-ends", goredis.Z{Score: 1, Member: "\x00\x00\x00\x07foreign1"}).Err())
	a.watch()
	_, err := a.Node.Presence().SetState(ctx, "r", "1", []byte("brief"), time.Millisecond, true)
	a.must(err)
	a.start(a.Run)
	a.await(t, "presence 1 is", 1)
}

// A frame that Redis has not numbered is no frame: the node goes on hearing.
func TestForgedFrames(t *testing.T) {
	t.Parallel()
	c := alone(t, time.Minute)
	a := c.runs("a")
	ctx, raw := context.Background(), c.raw()
	a.add("1")
	for _, kind := range []string{"begin", "member", "instruct", "else"} {
		forged := "\x01" + "\x00\x00\x00" + string(rune(len(kind))) + kind + "\x00\x00\x00\x139223372036854775807"
		a.must(raw.Publish(ctx, "mesh:node:a", forged).Err())
		joined, err := a.Rooms().Join(ctx, kind, "1", false)
		if a.must(err); !joined || len(a.heard("member "+kind+" 1 true")) != 1 {
			t.Errorf("after %q: heard %q", kind, a.heard(""))
		}
	}
	if closed := a.heard("close"); len(closed) > 0 {
		t.Errorf("closed: %q", closed)
	}
}
