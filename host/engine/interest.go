package engine

import (
	"context"
	"hash/maphash"
	"sync"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/hub"
)

// interest counts who on this node wants a topic, and tells the bus of the
// first and of the last. Both are serialised per topic, so that a subscription
// that begins while the last one ends is not lost.
type interest struct {
	bus    backplane.Bus
	seed   maphash.Seed
	shards [64]struct {
		mu     sync.Mutex
		topics map[backplane.Topic]*wanted
	}
}

// wanted is the account of one topic. turn is a lock that can be waited for
// with a context: it is held across calls to the bus.
type wanted struct {
	turn  chan struct{}
	count int // guarded by turn
	users int // guarded by the shard: who holds or waits for the turn, or counts
}

func (x *interest) init(bus backplane.Bus) {
	x.bus, x.seed = bus, maphash.MakeSeed()
	for i := range x.shards {
		x.shards[i].topics = make(map[backplane.Topic]*wanted)
	}
}

// enter returns a topic's account, to be left again.
func (x *interest) enter(t backplane.Topic) *wanted {
	shard := &x.shards[maphash.Comparable(x.seed, t)%uint64(len(x.shards))]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	w := shard.topics[t]
	if w == nil {
		w = &wanted{turn: make(chan struct{}, 1)}
		shard.topics[t] = w
	}
	w.users++
	return w
}

func (x *interest) leave(t backplane.Topic, w *wanted, users int) {
	shard := &x.shards[maphash.Comparable(x.seed, t)%uint64(len(x.shards))]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if w.users -= users; w.users == 0 {
		delete(shard.topics, t)
	}
}

// gain counts one more who wants a topic.
func (x *interest) gain(ctx context.Context, t backplane.Topic) (err error) {
	w := x.enter(t)
	defer func() {
		if err != nil {
			x.leave(t, w, 1) // else the count goes on using it
		}
	}()
	select {
	case w.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-w.turn }()
	if w.count == 0 {
		if err := x.bus.Subscribe(ctx, t); err != nil {
			return err
		}
	}
	w.count++
	return nil
}

// lose takes one gain back.
func (x *interest) lose(ctx context.Context, t backplane.Topic) error {
	w := x.enter(t)
	defer x.leave(t, w, 2) // this use, and that of the gain
	w.turn <- struct{}{}   // what holds the turn is bounded by its own context
	defer func() { <-w.turn }()
	if w.count--; w.count > 0 {
		return nil
	}
	return x.bus.Unsubscribe(ctx, t)
}

// len counts the topics that someone wants.
func (x *interest) len() (n int) {
	for i := range x.shards {
		shard := &x.shards[i]
		shard.mu.Lock()
		n += len(shard.topics)
		shard.mu.Unlock()
	}
	return n
}

// Topics counts the channels, presences and records that this node's sessions
// subscribe to; collections count as one more together.
func (e *Engine) Topics() int { return e.interest.len() }

// lostInterest takes note of the end of a session's subscription.
func (e *Engine) lostInterest(ctx context.Context, t hub.Topic) {
	shared, ok := sharedTopic(t)
	switch {
	case !ok:
	case t.Kind == hub.CollectionTopic:
		e.lingerOn(ctx)
	default:
		e.lose(ctx, shared)
	}
}

func (e *Engine) loseCollections(ctx context.Context) {
	e.lose(ctx, backplane.Topic{Kind: backplane.AllRecords})
}

// lose takes one gain back, also for who has no time left: the bus would otherwise
// go on delivering what nobody wants.
func (e *Engine) lose(ctx context.Context, t backplane.Topic) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if err := e.interest.lose(ctx, t); err != nil {
		e.failed("topic not unsubscribed from", err, "kind", t.Kind, "name", t.Name)
	}
}

// sharedTopic returns what the bus calls a topic; rooms and users are reached
// without subscribing to them.
func sharedTopic(t hub.Topic) (backplane.Topic, bool) {
	switch t.Kind {
	case hub.ChannelTopic:
		return backplane.Topic{Kind: backplane.Channel, Name: t.Name}, true
	case hub.PresenceTopic:
		return backplane.Topic{Kind: backplane.PresenceOf, Name: t.Name}, true
	case hub.RecordTopic:
		return backplane.Topic{Kind: backplane.RecordOf, Name: t.Name}, true
	case hub.CollectionTopic: // any record may be what changes it
		return backplane.Topic{Kind: backplane.AllRecords}, true
	}
	return backplane.Topic{}, false
}
