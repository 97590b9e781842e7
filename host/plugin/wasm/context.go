package wasm

import (
	"context"
	"time"
)

var _ context.Context = (*Slot)(nil)

// instanceKey finds the instance behind a context of one of its calls.
type instanceKey struct{}

// InstanceOf returns the instance whose call a context is that of, or is derived
// from that of. It panics for any other context.
func InstanceOf(ctx context.Context) Instance { return ctx.Value(instanceKey{}).(Instance) }

// Carry gives what the instance runs from now on, until it is released, the values
// of a call's context.
func (s *Slot) Carry(ctx context.Context) { s.behind = ctx }

// Deadline implements context.Context: it is the watchdog that knows.
func (s *Slot) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done implements context.Context.
func (s *Slot) Done() <-chan struct{} { return s.done }

// Err implements context.Context.
func (s *Slot) Err() error {
	if s.expired.Load() {
		return context.DeadlineExceeded
	}
	return nil
}

// Value implements context.Context. Past the deadline there are no values: a
// goroutine of a context that a host call derived may ask for them then, when
// the call behind them is over.
func (s *Slot) Value(key any) any {
	switch {
	case key == (instanceKey{}):
		return s.guest
	case s.expired.Load():
		return nil
	case s.behind != nil:
		return s.behind.Value(key)
	}
	return nil
}
