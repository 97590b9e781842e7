package redis

import (
	"context"
	"math/rand/v2"
	"time"
)

var claimScript = newScript("node_claim")

// task is what one node does for all, again and again.
type task struct {
	name  string
	every time.Duration
	do    func(context.Context) error
}

// hold is how long a task stays claimed by a node that does not do it. A claim is
// renewed after half of it.
const hold = time.Second

// tend does a task while this node has claimed it, until ctx is done. Nothing
// depends on only one doing it: it is to spare Redis the others' asking. Hence a
// node that cannot claim, for Redis does not answer, tries to do it.
func (n *Node) tend(ctx context.Context, t task) {
	var claimed time.Time // when, by this node's monotonic clock
	for {
		every := t.every
		if time.Since(claimed) > hold/2 {
			asked := time.Now()
			r, err := n.call(ctx, claimScript, t.name, n.id, hold.Milliseconds())
			switch {
			case err != nil:
				every = max(every, hold/2)
			case r.yes():
				claimed = asked
			}
			if err == nil && !r.yes() {
				if wait(ctx, jitter(hold/2)) != nil {
					return
				}
				continue
			}
		}
		if err := t.do(ctx); err != nil && ctx.Err() == nil {
			n.log.Debug("not done for all", "task", t.name, "error", err)
		}
		if wait(ctx, jitter(every)) != nil {
			return
		}
	}
}

// jitter shortens a time by up to a quarter, so that many nodes do not do the
// same at the same time.
func jitter(d time.Duration) time.Duration {
	return d - time.Duration(rand.Int64N(int64(d)/4+1))
}
