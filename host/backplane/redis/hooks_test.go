package redis

import "context"

// Live is Run without its end: the lease is not given back, as where the process
// has crashed or is paused.
func (n *Node) Live(ctx context.Context) { n.live(ctx) }

// Renew is what Run does now and then.
func (n *Node) Renew(ctx context.Context) error { return n.renew(ctx) }

// Restore is what Run does once the node has a lease again.
func (n *Node) Restore(ctx context.Context) error {
	_, err := n.restore(ctx)
	return err
}

// Deafen has the node believe that it hears nothing, until its subscriptions are
// made anew.
func (n *Node) Deafen() { n.inbox.disconnected() }

// What instructions are written with, and read.
var (
	AppendInstruction = appendInstruction
	ReadInstruction   = readInstruction
)
