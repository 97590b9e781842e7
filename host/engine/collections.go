package engine

import (
	"context"
	"fmt"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// Collected is what a subscription to a collection begins with.
type Collected struct {
	// Records are in the collection's order: those that are there and that the
	// session may read.
	Records []backplane.Record
	// Version is 1; each collection-diff has the next.
	Version int64
	// Release lets pushes flow. It must be called once the reply is in the
	// session's outbox.
	Release func()
}

// SubscribeCollection begins a session's subscription to a collection that is
// exposed to it, or begins it anew: what the collection has is then pushed as
// collection-diff, and what its records become as record-update in full, with
// no version lost or doubled between what this returns and the pushes after
// Release. It fails with ELIMIT, with ETOOLARGE where the records are more than
// a reply may carry, and with what the resolver has said.
func (e *Engine) SubscribeCollection(ctx context.Context, s *hub.Session, x *exposure.Collection, id string) (Collected, error) {
	t := hub.Topic{Kind: hub.CollectionTopic, Name: id}
	if !s.Subscribed(t) && s.Subscriptions(hub.CollectionTopic) >= e.limits.Collections {
		return Collected{}, protocol.NewError(abi.CodeLimit, fmt.Sprintf(
			"This connection subscribes to %d collections, as many as limits.collections allows; unsubscribe from some first", e.limits.Collections))
	}
	hold, err := e.hold(ctx, s, t, hub.Terms{})
	if err != nil {
		return Collected{}, err
	}
	sub, old := e.collections.begin(s, x, id)
	if old != nil {
		old.stop()
	}
	taken, err := e.collections.collect(ctx, sub, x)
	if old != nil {
		e.collections.letGo(old) // after the new one: what both have stays covered
	}
	if err != nil {
		e.UnsubscribeCollection(ctx, s, id)
		return Collected{}, err
	}
	begun := Collected{Version: 1, Records: make([]backplane.Record, len(taken))}
	for i := range taken {
		begun.Records[i] = taken[i].Record
	}
	begun.Release = func() { e.collections.release(sub, hold, taken) }
	return begun, nil
}

// release lets the pushes of a subscription flow once the reply that begins it
// is in the outbox.
func (x *collections) release(sub *subscriber, hold *hub.Hold, taken []showing) {
	hold.Answered(hub.Position{})
	for i := range taken {
		taken[i].answered()
	}
	courtesy(sub.session, func() {
		hold.Release()
		x.flow(sub)
	})
}

// flow lets versions and diffs come, and has the diff made that has waited for
// it.
func (x *collections) flow(sub *subscriber) {
	for _, r := range sub.flow() {
		r.hold.Release()
	}
	if sub.seen.Load() < sub.collection.changes.Load() {
		x.again(sub.collection)
	}
}

// UnsubscribeCollection ends a session's subscription to a collection and
// reports whether there was one.
func (e *Engine) UnsubscribeCollection(ctx context.Context, s *hub.Session, id string) bool {
	was := e.unsubscribe(ctx, s, hub.Topic{Kind: hub.CollectionTopic, Name: id})
	e.collections.ended(s, id)
	return was
}

// EndCollection ends a connection's subscription to a collection, wherever it
// is connected, and reports whether there was one.
func (e *Engine) EndCollection(ctx context.Context, id, connection, reason string) (bool, error) {
	t := backplane.Topic{Kind: backplane.CollectionOf, Name: id}
	return e.endSubscription(ctx, t, "collectionId", id, connection, reason)
}

// ended lets go of what a session's subscription covered, which the hub has
// ended, unless the session has subscribed again.
func (x *collections) ended(s *hub.Session, id string) {
	if sub := x.find(s, id); sub != nil && !sub.live() {
		x.letGo(sub)
	}
}

// left lets go of all that a session's subscriptions covered, which the hub has
// ended for good.
func (x *collections) left(s *hub.Session) {
	for _, sub := range x.of(s) {
		x.letGo(sub)
	}
}

// letGo ends a subscription, once.
func (x *collections) letGo(sub *subscriber) {
	x.forget(sub)
	covered, held := sub.end()
	x.uncover(sub, covered)
	for _, r := range held {
		r.hold.Release() // the record may have other readers
	}
}

// Collections returns to how many collections this node's sessions subscribe;
// those of different sessions count each for itself.
func (e *Engine) Collections() (n int) {
	x := &e.collections
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, h := range x.holders {
		n += len(h.collections)
	}
	return n
}
