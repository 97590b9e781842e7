package redis

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane/redis/redistest"
)

// BenchmarkEval compares scripts that share round trips with those that have one
// each, and each its own connection.
func BenchmarkEval(b *testing.B) {
	server := redistest.Start(b)
	n := opened(b, Options{Addresses: []string{server.Addr}, Timeout: 10 * time.Second})
	flushing := opened(b, Options{Addresses: []string{server.Addr}, Timeout: 10 * time.Second, Flush: 500 * time.Microsecond})
	ctx := context.Background()
	must[reply](b)(n.eval(ctx, n.ledger, echo, "x"))
	pipelined := func(n *Node) func() error {
		return func() error {
			_, err := n.eval(ctx, n.ledger, echo, "x")
			return err
		}
	}
	for _, way := range []struct {
		name string
		call func() error
	}{
		{"pipelined", pipelined(n)},
		{"flush=500µs", pipelined(flushing)},
		{"plain", func() error {
			return n.client.EvalSha(ctx, echo.plain.sha, []string{n.ledger.base}, "x").Err()
		}},
	} {
		for _, callers := range []int{1, 50, 500} {
			b.Run(fmt.Sprintf("%s/callers=%d", way.name, callers), func(b *testing.B) {
				b.ReportAllocs()
				spread(b, callers, way.call)
			})
		}
	}
}

// spread makes b.N calls from so many goroutines.
func spread(b *testing.B, callers int, call func() error) {
	b.Helper()
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			for i := caller; i < b.N; i += callers {
				if err := call(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}
