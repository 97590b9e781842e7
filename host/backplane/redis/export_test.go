package redis

import (
	"context"
	"time"
)

// What the tests see of the package.

// ChannelHandler is a channel's handler that no lane feeds.
type ChannelHandler struct{ handler }

// NewChannelHandler makes a handler.
func NewChannelHandler(n *Node, channel string) ChannelHandler {
	return ChannelHandler{newChannelHandler(n, channel)}
}

// Begin and the others are what a lane calls.
func (h ChannelHandler) Begin(ctx context.Context) error  { return begin(ctx, h) }
func (h ChannelHandler) Resume(ctx context.Context) error { return resume(ctx, h, time.Second) }
func (h ChannelHandler) Deliver(text string)              { h.deliver(text) }

// begin and resume are what a lane does where no other channel is due.
func begin(ctx context.Context, h handler) error {
	d := due{topic: &topic{handler: h}}
	d.ask(ctx)
	return d.finish(ctx)
}

func resume(ctx context.Context, h handler, away time.Duration) error {
	d := due{topic: &topic{handler: h, begun: true, heard: time.Now().Add(-away)}}
	d.ask(ctx)
	return d.finish(ctx)
}

// Mend has the connections in Redis compared with those of the node.
func (n *Node) Mend() { n.lease.mend() }

// SweepValues is what Run calls.
func (n *Node) SweepValues(ctx context.Context) error { return n.sweepValues(ctx) }

// PublishText is the text of the script that publishes.
func PublishText() string { return publishScript.plain.text }

// TagFor and HashSlot are how a Cluster is laid out, SpreadShards over how many
// shards.
var (
	TagFor   = tagFor
	HashSlot = hashSlot
)

// SpreadShards is how many shards there are on a Cluster.
const SpreadShards = spreadShards

// SlotOf is the hash slot of a channel's stream and of where it is published.
func (n *Node) SlotOf(channel string) int { return hashSlot(n.spread(channel).base) }
