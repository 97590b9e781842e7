package journal_test

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/memory"
)

// What the store does with a journal, by 64 callers at once, each with a channel
// and a key of its own.
func BenchmarkStore(b *testing.B) {
	ctx, value := context.Background(), make([]byte, 200)
	for name, do := range map[string]func(n *memory.Node, name string) error{
		"publish": func(n *memory.Node, name string) error {
			_, err := n.Channels().Publish(ctx, name, value, backplane.Keep{Count: 100})
			return err
		},
		"set": func(n *memory.Node, name string) error {
			return n.KV().Set(ctx, "p", name, value, backplane.Write{})
		},
		"get": func(n *memory.Node, name string) error {
			_, err := n.KV().Get(ctx, "p", name)
			return err
		},
		"get what is missing": func(n *memory.Node, name string) error {
			_, err := n.KV().Get(ctx, "none", name)
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			s, err := memory.Open(memory.Options{Journal: open(b, b.TempDir())})
			must(b, err)
			n := s.Node("a")
			var callers atomic.Int64
			b.SetParallelism(32) // for each of two processors
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				name := strconv.FormatInt(callers.Add(1), 10)
				if err := n.KV().Set(ctx, "p", name, value, backplane.Write{}); err != nil {
					b.Error(err)
				}
				for pb.Next() {
					if err := do(n, name); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
