//go:build linux

package e2e

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
)

// Twenty sessions echo while others make another plugin loop until its deadline,
// in every instance that it may have: the echoes are hardly later than without.
// What a shared machine adds for a moment is taken out by the median.
func TestSpinnersDelayNobody(t *testing.T) {
	const (
		rounds   = 3
		duration = time.Second
		most     = 20 * time.Millisecond
	)
	for _, processors := range []int{1, 2} {
		h := start(t, setup{
			plugins: []string{conformance},
			content: map[string][]byte{"hostile.wasm": plugintest.Fixture(t, "hostile")},
			env:     []string{fmt.Sprintf("GOMAXPROCS=%d", processors)},
			config:  "[plugins.hostile]\ndeadline = \"1s\"\n",
		})
		clients := h.dialMany(t, 20, dialing{})
		for _, spinners := range []int{1, 32} {
			before := share(t)
			stop := spinning(t, h, "hog", spinners)
			var p99 []time.Duration
			for range rounds {
				took := make([]latencies, len(clients))
				echoWhile(t, clients, took, duration)
				all := merge(took)
				p99 = append(p99, all.at(0.99))
				t.Logf("%d processors, %d spinners: %v", processors, spinners, all)
			}
			stop()
			slices.Sort(p99)
			if median, limit := p99[rounds/2], allowed(most, before, share(t)); median > limit {
				t.Errorf("%d processors, %d spinners: the p99 of echoes is %v, want %v", processors, spinners, median, limit)
			}
		}
	}
}

// spinning keeps n sessions calling a command that never returns by itself.
func spinning(t *testing.T, h *host, command string, n int) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var calls sync.WaitGroup
	clients := h.dialMany(t, n, dialing{})
	for _, c := range clients {
		calls.Go(func() {
			for ctx.Err() == nil {
				if reply, err := c.ask(command, ""); err == nil {
					t.Errorf("%s is answered %s", command, reply)
					return
				}
			}
		})
	}
	return func() {
		cancel()
		calls.Wait()
		for _, c := range clients {
			_ = c.conn.CloseNow()
		}
	}
}
