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
	ended   chan struct{} // closed when the last one has ended
}

// startSchedules starts a goroutine per schedule, once. None runs its handler
// before the channel of the version before is closed, so that no run overlaps
// one of its own.
func (v *version) startSchedules(before <-chan struct{}) {
	ctx, stop := context.WithCancel(context.Background())
	v.schedules.stop, v.schedules.ended = stop, make(chan struct{})
	for _, s := range v.registration.Schedules {
		when, err := parseTiming(s)
		if err != nil {
			continue // it was checked at load
		}
		c := v.call(s.Handler, "schedule", s.Name)
		v.schedules.running.Go(func() { c.repeat(ctx, s.Name, when, before) })
	}
}

// stopSchedules starts no further run; a running one ends in its own time.
func (v *version) stopSchedules() {
	if v.schedules.stop != nil {
		v.schedules.stop()
	}
}

// repeat runs a handler whenever it is time, one run after the other; what
// falls due during a run is left out.
func (c *call) repeat(ctx context.Context, name string, when timing, before <-chan struct{}) {
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
		c.notify(ctx, abi.Request{Kind: abi.KindSchedule, Name: name})
		now := time.Now().UTC()
		if due = when.Next(due); due.Before(now) {
			due = when.Next(now)
		}
		t.Reset(time.Until(due))
	}
}
