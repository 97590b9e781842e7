package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// values implements backplane.KV. It works without Run, which only gives memory
// back earlier.
type values struct{ node *Node }

var _ backplane.KV = values{}

var (
	getScript       = newScript("kv_get")
	setScript       = newScript("kv_set")
	deleteScript    = newScript("kv_delete")
	incrementScript = newScript("kv_increment")
	swapScript      = newScript("kv_swap")
	usageScript     = newScript("kv_usage")
	sweepScript     = newScript("kv_sweep")
)

// eval runs a script on a namespace. Values are given to it as copies, for a
// caller whose context ends is let go while its request may still be on its way.
func (v values) eval(ctx context.Context, s *script, namespace string, args ...any) (reply, error) {
	answer, err := v.node.eval(ctx, v.node.spread(namespace), s, append([]any{namespace}, args...)...)
	var code refusal
	if errors.As(err, &code) {
		switch code {
		case "FULL":
			return answer, backplane.ErrFull
		case "NOTINTEGER":
			return answer, backplane.ErrNotInteger
		case "OVERFLOW":
			return answer, backplane.ErrOverflow
		}
	}
	return answer, err
}

// Get implements backplane.KV.
func (v values) Get(ctx context.Context, namespace, key string) ([]byte, error) {
	answer, err := v.eval(ctx, getScript, namespace, key)
	return answer.bytes(), err
}

// Set implements backplane.KV.
func (v values) Set(ctx context.Context, namespace, key string, value []byte, w backplane.Write) error {
	_, err := v.eval(ctx, setScript, namespace, key, string(value), milliseconds(w.TTL, 0), w.Limit)
	return err
}

// Delete implements backplane.KV.
func (v values) Delete(ctx context.Context, namespace, key string) (bool, error) {
	answer, err := v.eval(ctx, deleteScript, namespace, key)
	return answer.yes(), err
}

// Increment implements backplane.KV.
func (v values) Increment(ctx context.Context, namespace, key string, by int64, w backplane.Write) (int64, error) {
	answer, err := v.eval(ctx, incrementScript, namespace, key, by, milliseconds(w.TTL, 0), w.Limit)
	if err != nil {
		return 0, err
	}
	sum, err := strconv.ParseInt(answer.text(), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errNotRedis, err)
	}
	return sum, nil
}

// CompareAndSet implements backplane.KV.
func (v values) CompareAndSet(ctx context.Context, namespace, key string, expected, value []byte, w backplane.Write) (swapped bool, current []byte, err error) {
	answer, err := v.eval(ctx, swapScript, namespace, key,
		expected != nil, string(expected), value != nil, string(value), milliseconds(w.TTL, 0), w.Limit)
	found := answer.list(2)
	return found[0].yes(), found[1].bytes(), err
}

// Usage implements backplane.KV.
func (v values) Usage(ctx context.Context, namespace string) (int64, error) {
	answer, err := v.eval(ctx, usageScript, namespace)
	return answer.number(), err
}

// How much a sweep removes at once: values of so many namespaces, so many of
// each; and how often it goes on where there is more.
const (
	sweepSpaces  = 16
	sweepEntries = 256
	sweepRounds  = 8
)

// sweepValues removes values that have ended, which gives their memory back. The
// shards are asked at the same time, so that they share round trips; one where
// nothing is due costs Redis one look.
func (n *Node) sweepValues(ctx context.Context) error {
	var wg sync.WaitGroup
	failed := make([]error, len(n.shards))
	swept := make(map[string]bool, len(n.shards))
	for i, sh := range n.shards {
		if swept[sh.base] {
			continue // without a Cluster all have the same keys
		}
		swept[sh.base] = true
		wg.Go(func() { failed[i] = n.sweepShard(ctx, sh) })
	}
	wg.Wait()
	return errors.Join(failed...)
}

func (n *Node) sweepShard(ctx context.Context, sh *shard) error {
	for range sweepRounds {
		more, err := n.eval(ctx, sh, sweepScript, sweepSpaces, sweepEntries)
		if err != nil || !more.yes() {
			return err
		}
	}
	return nil
}
