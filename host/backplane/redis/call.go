package redis

import (
	"context"
	"strings"
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

// refusal is an error that a script has returned on purpose: "MESH <code>".
type refusal string

// Error implements error.
func (r refusal) Error() string { return "redis: refused: " + string(r) }

// refused finds the refusal in an error.
func refused(err error) (refusal, bool) {
	code, ok := strings.CutPrefix(err.Error(), "MESH ")
	return refusal(code), ok
}
