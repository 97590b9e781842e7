package redis

import (
	"context"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// ExpireRecords is what Run does with records all the time.
func (n *Node) ExpireRecords(ctx context.Context) error { return n.expireRecords(ctx) }

// Taker is a handler of changes, as its lane calls it.
type Taker struct{ h handler }

// Begin, Deliver and Resume are the handler's.
func (t Taker) Begin(ctx context.Context) error  { return begin(ctx, t.h) }
func (t Taker) Deliver(text string)              { t.h.deliver(text) }
func (t Taker) Resume(ctx context.Context) error { return resume(ctx, t.h, time.Second) }

// Ask has it ask as where others resume at the same time; it goes on by what is
// returned.
func (t Taker) Ask(ctx context.Context) func() error {
	d := due{topic: &topic{handler: t.h, begun: true}}
	d.ask(ctx)
	return func() error { return d.finish(ctx) }
}

// Taker puts a handler of a topic in the place that a lane keeps for it, without
// having the lane subscribe.
func (n *Node) Taker(t backplane.Topic) Taker {
	sh, channel, h := n.topic(t)
	sh.lane.mu.Lock()
	defer sh.lane.mu.Unlock()
	sh.lane.topics[channel] = &topic{handler: h, confirmed: make(chan struct{}), begun: true}
	return Taker{h}
}

// Forget takes it away.
func (n *Node) Forget(t backplane.Topic) {
	sh, channel, _ := n.topic(t)
	sh.lane.mu.Lock()
	defer sh.lane.mu.Unlock()
	delete(sh.lane.topics, channel)
}
