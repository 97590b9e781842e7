package redis_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/redis"
	"github.com/mesh-host/mesh-host/host/backplane/redis/redistest"
)

// behindProxy opens a node that has a lease and hears through a proxy, and one that
// reaches the server without.
func behindProxy(t *testing.T) (proxy *redistest.Proxy, near *redis.Node, heard *ears, far backplane.Node) {
	t.Helper()
	server := redistest.Start(t)
	proxy = redistest.StartProxy(t, server.Addr)
	c := &cluster{t, redis.Options{
		Addresses: []string{proxy.Addr}, Lease: time.Minute, Timeout: 300 * time.Millisecond, Connect: 300 * time.Millisecond,
	}}
	near, isNode := c.Node("near").(*redis.Node)
	if !isNode {
		t.Fatal("no node")
	}
	heard = newEars()
	near.Attach(heard)
	c.options.Addresses = []string{server.Addr}
	far = c.Node("far")
	far.Attach(newEars())
	return proxy, near, heard, far
}

// waitFor waits until something holds.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(20 * time.Second); !holds(); {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("it did not come about: %s", what)
		}
	}
}

// While the connection is away nobody is told that something was lost: that is not
// known before Redis is back, and those who come back would find nothing.
func TestNothingIsLostWhileRedisIsAway(t *testing.T) {
	t.Parallel()
	proxy, near, heard, far := behindProxy(t)
	ctx := t.Context()
	keep := backplane.Keep{Count: 100, TTL: time.Hour}
	publish := func(channel, text string, keep backplane.Keep) {
		t.Helper()
		_, err := far.Channels().Publish(ctx, channel, []byte(text), keep)
		ok(t, err)
	}
	publish("kept", "1", keep)
	for _, topic := range []backplane.Topic{
		{Kind: backplane.Channel, Name: "kept"}, {Kind: backplane.Channel, Name: "plain"},
		{Kind: backplane.PresenceOf, Name: "room"}, {Kind: backplane.RecordOf, Name: "record"}, {Kind: backplane.AllRecords},
	} {
		ok(t, near.Bus().Subscribe(ctx, topic))
	}
	proxy.Refuse()
	waitFor(t, "the connection is lost", func() bool { return near.Stats().Reconnects > 0 && near.Reachable() != nil })
	publish("kept", "2", keep)
	publish("plain", "3", backplane.Keep{})
	if lost := heard.heard("lost"); lost != nil {
		t.Errorf("while it is away: %q", lost)
	}
	proxy.Restore(t)
	heard.await(t, "lost plain", 1)
	heard.each(t, "message kept", []string{"message kept 2"})
	publish("plain", "4", backplane.Keep{})
	heard.each(t, "message plain", []string{"message plain 4"})
	heard.each(t, "lost", []string{"lost plain"})
}

// While packets vanish nobody waits for a subscription to begin, once it is known.
func TestSubscriptionsAreRefusedAtOnce(t *testing.T) {
	t.Parallel()
	proxy, near, _, _ := behindProxy(t)
	ctx := t.Context()
	there := backplane.Topic{Kind: backplane.RecordOf, Name: "there"}
	ok(t, near.Bus().Subscribe(ctx, there))
	proxy.Cut()
	waitFor(t, "requests are refused", func() bool {
		asked := time.Now()
		_, err := near.Records().Get(ctx, "r")
		return errors.Is(err, backplane.ErrUnavailable) && time.Since(asked) < 50*time.Millisecond
	})
	brief, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	for _, kind := range []backplane.Kind{backplane.Channel, backplane.PresenceOf, backplane.RecordOf} {
		if err := near.Bus().Subscribe(brief, backplane.Topic{Kind: kind, Name: "new"}); !errors.Is(err, backplane.ErrUnavailable) {
			t.Errorf("a subscription of kind %d: %v", kind, err)
		}
	}
	// One that has begun goes on by itself.
	if err := near.Bus().Subscribe(brief, there); err != nil {
		t.Errorf("a subscription that there is: %v", err)
	}
	proxy.Restore(t)
	waitFor(t, "subscriptions begin again", func() bool {
		return near.Bus().Subscribe(ctx, backplane.Topic{Kind: backplane.RecordOf, Name: "new"}) == nil
	})
}
