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
func (h ChannelHandler) Begin(ctx context.Context) error  { return h.begin(ctx) }
func (h ChannelHandler) Resume(ctx context.Context) error { return h.resume(ctx, time.Second) }
func (h ChannelHandler) Deliver(text string)              { h.deliver(text) }

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
