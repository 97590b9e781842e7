package wasm

import (
	"context"
	"fmt"

	"github.com/tetratelabs/wazero/api"

	"github.com/mesh-host/mesh-host/host/plugin/guest"
	"github.com/mesh-host/mesh-host/host/plugin/wasm/meter"
)

const (
	// slice is the fuel that a tick grants: some 30 to 200 µs of guest work. A
	// guest cannot be stopped, nor the garbage collector run, in between.
	slice = 400_000
	// hostCallFuel is what a host call costs: it takes about the time of so many
	// instructions, or more.
	hostCallFuel = 500
)

// tank is what an instance knows of its fuel. The guest counts down a global of
// its own; a tick refills it. What a call leaves over the next one starts with.
type tank struct {
	gauge api.MutableGlobal // nil where there is no meter, or none to be had
	limit int64             // of one run; 0: none
	// granted since the run began, with what was left over before it.
	granted int64
	used    int64 // by the runs since the pool last took it down
}

func (t *tank) left() int64 {
	if t.gauge == nil {
		return 0
	}
	return int64(t.gauge.Get())
}

// end closes the account of a run.
func (t *tank) end() {
	t.used += t.granted - t.left()
	t.granted = t.left()
}

// refill returns the next slice, less than that near the limit, or false where
// nothing is left to grant.
func (t *tank) refill(left int64) (next int64, ok bool) {
	next = slice
	if t.limit > 0 {
		next = min(next, t.limit-(t.granted-left))
	}
	if next <= 0 {
		return 0, false
	}
	t.granted += next - left
	return next, true
}

// defineMeter makes the host module that metered guests import.
func (r *Runtime) defineMeter(ctx context.Context) (api.Module, error) {
	return r.wazero.NewHostModuleBuilder(meter.Module).
		NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(ticked), []api.ValueType{i64}, []api.ValueType{i64}).
		Export(meter.Tick).
		NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(tooDeep), nil, nil).
		Export(meter.TooDeep).
		Instantiate(ctx)
}

// ticked serves a guest whose fuel has run out: it gets some more and goes on, in
// its turn, unless its time or its fuel is up.
func ticked(ctx context.Context, _ api.Module, stack []uint64) {
	i := caller(ctx)
	stack[0] = uint64(i.plugin.module.runtime.Tick(&i.Slot, int64(stack[0])))
}

// Tick is what the meter's import does for the guest in a slot: it returns what
// a guest that has come to left goes on with, or panics, which traps it.
func (r *Runtime) Tick(s *Slot, left int64) int64 {
	s.Check()
	next, ok := s.tank.refill(left)
	if !ok {
		panic(fmt.Errorf("%w: %d units", guest.ErrFuel, s.tank.limit))
	}
	r.turns.tick(&s.stint, s.done)
	s.Check()
	return next
}

// BeginHostCall begins what the host does on behalf of the guest in a slot, which
// may take its time: the guest gives up its turn. EndHostCall wants what it
// returns.
func (r *Runtime) BeginHostCall(s *Slot) (known bool) { return r.turns.leave(&s.stint) }

// EndHostCall ends it: a guest that had a turn waits for another, and pays, or
// traps where its time is up.
func (r *Runtime) EndHostCall(s *Slot, known bool) {
	s.Check()
	if known {
		r.turns.tick(&s.stint, s.done)
		s.Check()
	}
	r.charge(s, hostCallFuel)
}

// charge takes fuel for what the host does on the guest's behalf, which may be
// much between two ticks of the guest.
func (r *Runtime) charge(s *Slot, units int64) {
	if s.tank.gauge == nil {
		s.tank.granted += units // the next tick sees it
		return
	}
	left := s.tank.left() - units
	if left < 0 {
		left = r.Tick(s, left)
	}
	s.tank.gauge.Set(uint64(left))
}

func tooDeep(ctx context.Context, _ api.Module, _ []uint64) {
	panic(fmt.Errorf("calls nest deeper than %d", caller(ctx).plugin.module.depth))
}

// Check traps, by a panic, where the instance has expired.
func (s *Slot) Check() {
	if s.expired.Load() {
		panic(guest.ErrTimeout)
	}
}
