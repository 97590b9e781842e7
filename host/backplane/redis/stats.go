package redis

import "sync/atomic"

// Stats is what a node has asked of Redis since it was opened.
type Stats struct {
	// Commands is how many scripts were sent, also those sent again with their
	// text or to another server, and WAITs; RoundTrips is how many batches they
	// went in.
	Commands, RoundTrips uint64
	// Failures is how many round trips found the server away.
	Failures uint64
	// Reconnects is how many connections for subscriptions were lost.
	Reconnects uint64
}

type counted struct {
	commands, roundTrips, failures, reconnects atomic.Uint64
}

// Stats returns what the node has asked of Redis.
func (n *Node) Stats() Stats {
	c := &n.counted
	return Stats{c.commands.Load(), c.roundTrips.Load(), c.failures.Load(), c.reconnects.Load()}
}
