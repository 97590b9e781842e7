package wasm

import (
	"context"
	"crypto/rand"
	"sync/atomic"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/mesh-host/mesh-host/host/capability"
	"github.com/mesh-host/mesh-host/host/operation"
	"github.com/mesh-host/mesh-host/host/plugin/guest"
)

// Instance is what a pool gives to calls, one at a time: an instance of a
// native plugin or, from another runtime, one of its kind.
type Instance interface {
	// Context is that of the instance's calls, by the Slot that it embeds.
	context.Context
	// Close frees the instance, which does not run.
	Close()
}

// Slot is what the pool knows about an Instance, which embeds it. It is also the
// context of the instance's calls, made once: that is how host functions find the
// instance, and how the watchdog ends the call that runs and the instance with it.
// The deadline is the watchdog's, and not known here.
type Slot struct {
	guest   Instance
	pool    *pool // since the pool has taken it
	expired atomic.Bool
	done    chan struct{} // closed once the slot has expired

	// behind is the context of the call that it serves: for its values only. No
	// other goroutine than the guest's reads it once the slot has expired.
	behind context.Context

	// Of the goroutine that runs the guest.
	tank  tank
	stint stint
	// id is that of the call which it serves.
	id operation.CallID
	// hostCalls are those of this call; allowed is how many it may make before
	// it asks for more, and lasts from one call to the next.
	hostCalls uint64
	allowed   int
	began     time.Duration // what the stopwatch returned for this call

	// Guarded by the pool's lock.
	place   int // in pool.running
	serving *Lane
	caller  guest.Receiver
	since   time.Duration // when the watchdog first saw this call; 0: not yet
	slow    bool          // the watchdog saw it again
}

// Hold puts an instance into its slot, once, before a pool gets it.
func (s *Slot) Hold(i Instance) *Slot {
	s.guest, s.done = i, make(chan struct{})
	return s
}

// Instance returns what Hold was given.
func (s *Slot) Instance() Instance { return s.guest }

// Expired reports whether the deadline of the slot's call has passed. It may be
// asked from any goroutine.
func (s *Slot) Expired() bool { return s.expired.Load() }

// expire ends the call that runs, once: host calls that wait return, and the guest
// traps at its next tick.
func (s *Slot) expire() {
	if s.expired.CompareAndSwap(false, true) {
		close(s.done)
	}
}

// close frees the instance, which does not run. What it may still ask for goes
// back to the others of the plugin.
func (s *Slot) close() {
	s.giveBack()
	s.guest.Close()
}

// Lane is the place of one handler in its pool. The zero value is ready.
type Lane struct {
	// Guarded by the pool's lock.
	running int
	waiting queue
}

// Pool gives the calls of a plugin their instances: of a native one, and for a
// runtime beside this one, with the same limits, order, fairness and deadlines.
// It is safe for concurrent use.
type Pool struct {
	pool  *pool
	turns *turns
}

// NewPool makes a pool of the instances that build returns. The deadlines of
// its calls are kept by the runtime's watchdog, which Abort applies to as well.
// The caller must Close the pool before the runtime.
func (r *Runtime) NewPool(o guest.Options, build func() *Slot) Pool {
	return Pool{newPool(o, r, build), r.turns}
}

// Acquire returns an instance that runs for caller until Release; it fails as
// guest.Handler.Call does.
func (p Pool) Acquire(ctx context.Context, lane *Lane, caller guest.Receiver) (*Slot, error) {
	return p.pool.acquire(ctx, lane, caller)
}

// Restart lets the deadline and the fuel of a running instance begin anew.
func (p Pool) Restart(s *Slot) {
	s.tank.end()
	p.pool.restart(s)
}

// Release ends the run of an instance. One that is not healthy is closed.
func (p Pool) Release(s *Slot, healthy bool) {
	p.turns.end(&s.stint)
	p.pool.release(s, healthy)
}

// Failed counts what became of the call that a slot serves, and returns err as a
// guest.CallError.
func (p Pool) Failed(s *Slot, err error) error { return p.pool.failed(s, err) }

// Narrow replaces the access that the pool's options have, before any call but
// the probe.
func (p Pool) Narrow(access *capability.Access) { p.pool.options.Access = access }

// Size returns how many instances exist, and how many of them run a call.
func (p Pool) Size() (all, running int) { return p.pool.size() }

// Close fails new calls, waits for the running ones and closes all instances.
// It may be called twice.
func (p Pool) Close() { p.pool.close() }

// NewMemory reserves limit bytes for the memory of an instance and makes
// minimum of them usable, which are counted in used. It never moves, and counts
// in Memories until it is freed, which may be done again.
func (r *Runtime) NewMemory(limit, minimum uint64, used *atomic.Int64) (experimental.LinearMemory, error) {
	return newLinear(limit, minimum, &r.memories, used)
}

// GuestConfig is WASI without capabilities: no files, arguments, environment or
// sockets; the clocks and the randomness are real. The lines that the guest in
// the slot writes go to guest.Options.Print. Past the deadline, writing and
// sleeping end.
func (r *Runtime) GuestConfig(s *Slot) wazero.ModuleConfig {
	charge := func(units int64) { r.charge(s, units) }
	return wazero.NewModuleConfig().
		WithName(""). // any number of instances
		WithStartFunctions("_initialize").
		WithSysWalltime().
		WithSysNanotime().
		WithNanosleep(func(nanoseconds int64) { r.sleep(s, nanoseconds) }).
		WithRandSource(entropy{s, charge}).
		WithStdout(newLines("stdout", s, charge)).
		WithStderr(newLines("stderr", s, charge))
}

// entropy is randomness that costs fuel, since one call may ask for as much as
// there is memory. It fails past the deadline.
type entropy struct {
	of     *Slot
	charge func(units int64)
}

// maxEntropy is how many bytes are read before the deadline is looked at again.
const maxEntropy = 64 << 10

// Read implements io.Reader.
func (e entropy) Read(p []byte) (int, error) {
	p = p[:min(len(p), maxEntropy)]
	if e.of.Expired() {
		return 0, context.DeadlineExceeded
	}
	e.charge(int64(len(p)))
	return rand.Read(p)
}

// sleep is a guest's, and ends with the deadline as everything does.
func (r *Runtime) sleep(s *Slot, nanoseconds int64) {
	r.charge(s, hostCallFuel)
	known := r.BeginHostCall(s)
	t := time.NewTimer(time.Duration(nanoseconds))
	defer t.Stop()
	select {
	case <-t.C:
		r.EndHostCall(s, known)
	case <-s.done:
	}
}
