package redis

import (
	"context"
	"errors"
	"strings"
	"sync"
)

// eval runs a script on a shard: one round trip, shared with others. Its error
// is the context's own, ErrUnavailable, wrapped, or one that the script has
// returned, as refusal. A script is never run twice: where the connection was
// lost over it, it may have been run. A caller whose context ends is let go at
// once; what was not sent by then is not sent.
func (n *Node) eval(ctx context.Context, sh *shard, s *script, args ...any) (reply, error) {
	return sh.link.call(ctx, &sh.link.requests, s, sh.base, args)
}

// evalKept is eval for what Options.Replicas replicas must have before it is
// acknowledged. Where fewer have it in time, the error says so, and what the script
// has returned comes with it: the change is made nevertheless.
func (n *Node) evalKept(ctx context.Context, sh *shard, s *script, args ...any) (reply, error) {
	if n.options.Replicas <= 0 {
		return n.eval(ctx, sh, s, args...)
	}
	return sh.link.call(ctx, &sh.link.kept, s, sh.base, args)
}

// together calls do for each of n things at the same time, so that what they ask for
// shares round trips, and returns their errors.
func together(n int, do func(i int) error) error {
	if n == 1 {
		return do(0)
	}
	failed := make([]error, n)
	var asking sync.WaitGroup
	for i := range n {
		asking.Go(func() { failed[i] = do(i) })
	}
	asking.Wait()
	return errors.Join(failed...)
}

// refusal is an error that a script has returned on purpose: "MESH <code>".
type refusal string

// Error implements error.
func (r refusal) Error() string { return "redis: refused: " + string(r) }

// refused finds the refusal in an error.
func refused(err error) (refusal, bool) {
	code, ok := strings.CutPrefix(err.Error(), "MESH ")
	return refusal(code), ok
}
