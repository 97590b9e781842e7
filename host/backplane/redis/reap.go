package redis

import (
	"context"
	"time"
)

var (
	resignScript = newScript("node_resign")
	buryScript   = newScript("node_bury")
	cleanScript  = newScript("node_clean")
)

const (
	// cleanBatch is how much is cleaned up at a time: connections, and rooms that
	// they leave.
	cleanBatch = 200
	// cleanClaim is after what time another node goes on where one has begun to
	// clean up and does not.
	cleanClaim = 2 * time.Second
	// resignTimeout bounds giving the lease back. What is not cleaned up by then
	// is left to the others.
	resignTimeout = 10 * time.Second
)

// bury cleans up after nodes whose lease has lapsed.
func (n *Node) bury(ctx context.Context) error {
	for ctx.Err() == nil {
		r, err := n.call(ctx, buryScript, cleanClaim.Milliseconds(), n.id, n.lease.trust.bond())
		if err != nil {
			return err
		}
		all := r.list(2)
		if all[0].yes() {
			n.lease.trust.doubt()
			n.lease.poke()
		}
		if !all[1].there() {
			return nil
		}
		n.log.Warn("a node has died: what it had is cleaned up", "node", all[1].text())
		if err := n.clean(ctx, all[1].text()); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// clean ends all connections of a dying node, and then what is left of it. Each
// batch is one change: of several who clean, each connection is one's.
func (n *Node) clean(ctx context.Context, dying string) error {
	for {
		r, err := n.call(ctx, cleanScript, dying, cleanBatch, cleanClaim.Milliseconds())
		if err != nil || !r.yes() {
			return err
		}
	}
}

// resign gives the lease back, and with it all that the node has in Redis.
func (n *Node) resign(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, resignTimeout)
	defer cancel()
	life := n.lease.life.Swap(new(string))
	r, err := n.call(ctx, resignScript, n.id, *life, cleanClaim.Milliseconds())
	if err == nil && r.yes() {
		err = n.clean(ctx, n.id)
	}
	if err != nil {
		n.log.Warn("the lease is not given back; it lapses", "node", n.id, "error", err)
	}
}
