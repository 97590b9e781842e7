//go:build linux

package e2e

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// bystanders are sessions that echo, with short pauses, while something bad is
// done beside them.
type bystanders struct {
	clients []*client
	before  usage
	stop    context.CancelFunc
	running sync.WaitGroup
	answers atomic.Int64
	took    []latencies
}

const (
	bystanding = 20                   // sessions
	pace       = 5 * time.Millisecond // between two echoes of a session
	// slowest is what the p99 of the echoes may be. On an idle machine it is some
	// milliseconds; this one shares its processors with other tests.
	slowest = 250 * time.Millisecond
	// keptMemory is what a host may keep of what was done to it.
	keptMemory = 64 << 20
)

// bystanders has twenty sessions call a command that replies with its payload, until
// the test ends or checks them.
func (h *host) bystanders(t *testing.T, command string) *bystanders {
	t.Helper()
	b := &bystanders{clients: h.dialMany(t, bystanding, dialing{}), took: make([]latencies, bystanding)}
	for _, c := range b.clients {
		c.call(t, command, `"warm"`)
	}
	b.before = usageOf(t, h.pid())
	ctx, cancel := context.WithCancel(t.Context())
	b.stop = cancel
	t.Cleanup(func() { cancel(); b.running.Wait() })
	for i, c := range b.clients {
		b.running.Go(func() {
			tick := time.NewTicker(pace)
			defer tick.Stop()
			for n := 0; ctx.Err() == nil; n++ {
				payload := fmt.Sprintf("[%d,%d]", i, n)
				at := time.Now()
				reply, err := c.ask(command, payload)
				if t.Context().Err() != nil {
					return // the test has given up
				}
				if err != nil || reply != payload {
					t.Errorf("%s %s is answered %s, error %v", command, payload, reply, err)
					return
				}
				b.took[i] = append(b.took[i], time.Since(at))
				b.answers.Add(1)
				<-tick.C
			}
		})
	}
	return b
}

// check ends the echoing: none was lost, few were late, no session has ended,
// and the host gives back what it took.
func (b *bystanders) check(t *testing.T, h *host) {
	t.Helper()
	b.stop()
	b.running.Wait()
	all := merge(b.took)
	t.Logf("the bystanders: %v", all)
	if p99 := all.at(0.99); p99 > slowest || len(all) == 0 {
		t.Errorf("the p99 of %d echoes is %v", len(all), p99)
	}
	for _, c := range b.clients {
		if err := c.cause(); err != nil {
			t.Errorf("a session has ended: %v", err)
		}
	}
	var after usage
	if !polled(patience, func() bool {
		after = usageOf(t, h.pid())
		return after.resident < b.before.resident+keptMemory && after.threads <= b.before.threads+16
	}) {
		t.Errorf("memory or threads are not given back: before %v, after %v", b.before, after)
	}
	t.Logf("before: %v; after: %v", b.before, after)
}

// meanwhile runs something bad; echoes must be answered before it ends, and
// after it.
func (b *bystanders) meanwhile(t *testing.T, do func()) {
	t.Helper()
	do()
	n := b.answers.Load()
	eventually(t, patience, "echoes go on", func() bool { return b.answers.Load() >= n+bystanding || t.Failed() })
}
