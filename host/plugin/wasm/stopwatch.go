package wasm

import (
	"time"

	"github.com/mesh-host/mesh-host/host/plugin/guest"
)

// stopwatch measures how long calls take. Reading the clock twice costs as much
// as a small call, so the calls beyond the first measuredPerTick of a tick are
// measured one in measuredEvery, and the others count as the last one that was;
// those that run for more than a tick are measured by the watchdog's ticks then.
// It is guarded by the pool's lock, but for start.
type stopwatch struct {
	start time.Time

	tally  guest.Tally
	left   int           // of measuredPerTick
	last   time.Duration // the call that was measured last
	ticked time.Duration // by the watchdog's clock
}

const (
	measuredPerTick = 64
	measuredEvery   = 8
)

// begin returns what took wants for the call of a number, 0 for one that is not
// measured.
func (s *stopwatch) begin(number uint64) time.Duration {
	if s.left <= 0 && number%measuredEvery != 0 {
		return 0
	}
	s.left--
	return time.Since(s.start) + 1
}

// took returns how long a call took that has just ended, 0 where that was not
// measured. It needs no lock.
func (s *stopwatch) took(began time.Duration) time.Duration {
	if began == 0 {
		return 0
	}
	return max(time.Since(s.start)+1-began, 1)
}

// count adds a call; since is when the watchdog first saw it, 0 for never.
func (s *stopwatch) count(took, since time.Duration) {
	switch {
	case took != 0:
		s.last = took
	case since != 0 && s.ticked > since:
		took = s.ticked - since + tick
	default:
		took = s.last
	}
	s.tally.Add(took)
}

// tick begins another tick.
func (s *stopwatch) tick(now time.Duration) { s.left, s.ticked = measuredPerTick, now }
