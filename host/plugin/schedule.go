package plugin

import (
	"context"
	"sync"
	"time"

	"github.com/mesh-host/mesh-host/abi"
)

// schedules are the goroutines that run a version's schedules.
type schedules struct {
	stop    context.CancelFunc // nil until they start
	running sync.WaitGroup
	ended   <-chan struct{} // closed when the last one has ended, and those of the versions before
}

// startSchedules starts a goroutine per schedule, once. None runs its handler
// before the channel of the version before is closed, so that no run overlaps
// one of its own. What is of the whole cluster claims each of its runs; without a
// claim this node is all of it.
func (v *version) startSchedules(before <-chan struct{}, claim Claim) {
	ctx, stop := context.WithCancel(context.Background())
	v.schedules.stop = stop
	for _, s := range v.registration.Schedules {
		when, err := parseTiming(s)
		if err != nil {
			continue // it was checked at load
		}
		c := v.call(s.Handler, "schedule", s.Name)
		run := func(time.Time) { c.notify(ctx, abi.Request{Kind: abi.KindSchedule, Name: s.Name}) }
		if s.Scope == scopeCluster && claim != nil {
			alone := run
			run = func(due time.Time) { c.inTurn(ctx, claim, s.Name, due, alone) }
		}
		v.schedules.running.Go(func() { repeat(ctx, when, before, run) })
	}
}

// Claim decides which node does what is due on all of them, as engine.Claim does.
type Claim func(ctx context.Context, name string, due time.Time, hold time.Duration) (done func(), ours bool, err error)

// inTurn runs a schedule of the cluster where this node is the one to do so.
func (c *call) inTurn(ctx context.Context, claim Claim, name string, due time.Time, run func(time.Time)) {
	v := c.version
	// A run waits for an instance as often as notify tries; then that may have to
	// start, and the run has a deadline of its own.
	hold := (patience+3)*v.limits.Deadline + holdSpare
	done, ours, err := claim(ctx, v.name+"."+name, due, hold)
	switch {
	case err != nil && ctx.Err() == nil:
		v.fault("plugin schedule not run: no node can be chosen for it", c.what, err)
	case ours:
		defer done()
		run(due)
	}
}

// holdSpare is how much longer than it can take a run is held to last: its end may
// be noticed late.
const holdSpare = 2 * time.Second

// stopSchedules starts no further run; a running one ends in its own time.
func (v *version) stopSchedules() {
	if v.schedules.stop != nil {
		v.schedules.stop()
	}
}

// repeat runs something whenever it is time, one run after the other; what falls
// due during a run is left out.
func repeat(ctx context.Context, when timing, before <-chan struct{}, run func(due time.Time)) {
	due := when.Next(time.Now().UTC())
	t := time.NewTimer(time.Until(due))
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if before != nil {
			select {
			case <-ctx.Done():
				return
			case <-before:
				before = nil
			}
		}
		run(due)
		now := time.Now().UTC()
		if due = when.Next(due); due.Before(now) {
			due = when.Next(now)
		}
		t.Reset(time.Until(due))
	}
}
