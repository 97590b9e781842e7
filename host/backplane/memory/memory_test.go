package memory_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/backplanetest"
	"github.com/mesh-host/mesh-host/host/backplane/memory"
)

// cluster is a store as the contract's tests see it.
type cluster struct{ *memory.Store }

func (c cluster) Node(id string) backplane.Node { return c.Store.Node(id) }

func TestContract(t *testing.T) {
	t.Parallel()
	for name, fake := range map[string]bool{"in fake time": true, "in real time": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			backplanetest.Run(t, backplanetest.Backend{FakeTime: fake, New: newCluster})
		})
	}
}

// With a journal that is always a little late it is the same. In fake time it is
// not, for time is exact there.
func TestContractWithJournal(t *testing.T) {
	t.Parallel()
	for name, fake := range map[string]bool{"in fake time": true, "in real time": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			backplanetest.Run(t, backplanetest.Backend{FakeTime: fake, New: func(t *testing.T, lease time.Duration) backplanetest.Cluster {
				t.Helper()
				l := newLedger()
				if fake {
					l.lag = 0
				}
				s, err := memory.Open(memory.Options{Lease: lease, Journal: l.run(t)})
				must(t, err)
				return cluster{s}
			}})
		})
	}
}

func newCluster(_ *testing.T, lease time.Duration) backplanetest.Cluster {
	return cluster{memory.New(memory.Options{Lease: lease})}
}

// ctx is for calls that are not about contexts.
var ctx = context.Background()

// run runs a node until the test ends.
func run(t *testing.T, n *memory.Node) *memory.Node {
	t.Helper()
	t.Cleanup(runUntil(n))
	return n
}

// runUntil runs a node until stop is called, which waits for it.
func runUntil(n *memory.Node) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { n.Run(ctx) })
	return func() {
		cancel()
		wg.Wait()
	}
}

// must fails the test on an error.
func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
