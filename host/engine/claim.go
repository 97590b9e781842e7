package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// claims is the namespace that says which node runs what only one of them is to
// run. No plugin has such a name.
const claims = "~claims"

// claimKept is for how long a claim is remembered after it has ended: nodes whose
// clocks are less apart agree on what has been claimed.
const claimKept = time.Hour

// maxClaims bounds how often a claim is tried. What it meets is that of another
// node, which begins or ends.
const maxClaims = 8

// Claim asks for what is to be done once by all nodes together at a time that all
// of them compute, such as a run of a schedule: ours is true on one of them. While
// that one has not called done, and for at most hold, no later one is anyone's.
// The error is one of the backplane's.
func (e *Engine) Claim(ctx context.Context, name string, due time.Time, hold time.Duration) (done func(), ours bool, err error) {
	kv := e.node.KV()
	found, err := kv.Get(ctx, claims, name)
	for range maxClaims {
		now := time.Now()
		if err != nil || !claimable(found, due, now) {
			break
		}
		mine := claimText(due, now.Add(hold), e.node.ID())
		var swapped bool
		swapped, found, err = kv.CompareAndSet(ctx, claims, name, found, mine, backplane.Write{TTL: hold + claimKept})
		if swapped {
			return func() { e.endClaim(ctx, name, due, mine, hold) }, true, nil
		}
	}
	if err != nil {
		err = fmt.Errorf("engine: claim %s: %w", name, err)
	}
	return nil, false, err
}

// endClaim lets others claim what is due later. Where it fails, the hold ends.
func (e *Engine) endClaim(ctx context.Context, name string, due time.Time, mine []byte, hold time.Duration) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), hold)
	defer cancel()
	ended := claimText(due, time.UnixMilli(0), e.node.ID())
	_, _, _ = e.node.KV().CompareAndSet(ctx, claims, name, mine, ended, backplane.Write{TTL: claimKept})
}

// claimText says what was claimed, until when it is held, and by whom.
func claimText(due, until time.Time, node string) []byte {
	return fmt.Appendf(nil, "%d %d %s", due.UnixMilli(), until.UnixMilli(), node)
}

// claimable reports whether what is due may be claimed where found is what was
// claimed last; nil, or what no node has written, is nothing.
func claimable(found []byte, due, now time.Time) bool {
	var last, until int64
	if n, _ := fmt.Sscanf(string(found), "%d %d", &last, &until); n < 2 {
		return true
	}
	return last < due.UnixMilli() && until <= now.UnixMilli()
}
