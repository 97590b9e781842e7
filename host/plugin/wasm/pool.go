package wasm

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/mesh-host/mesh-host/host/operation"
	"github.com/mesh-host/mesh-host/host/plugin/guest"
)

// pool gives calls their instances. At most limit calls run at once, and
// beside them one of each handler that has none running, so that a command
// that hangs in every instance never starves the others. What waits is served
// in order of arrival. Instances are made as they are needed; the one used
// last is used first, so that the others grow old and are trimmed.
type pool struct {
	limit    int
	inFlight int // calls that run and wait
	single   bool
	deadline time.Duration
	options  guest.Options // as the plugin was started with, Access narrowed
	counters *guest.Counters
	watchdog *watchdog
	id       uint64       // of the pool, in the ids of its calls
	build    func() *Slot // a new instance, not started

	mu        sync.Mutex
	stopwatch stopwatch
	free      []*Slot
	running   []*Slot
	waiting   queue
	waiters   int
	sequence  uint64 // calls so far
	// What is not yet in counters.
	calls     uint64
	hostCalls uint64
	fuel      int64
	unneeded  int // free instances that no call has needed since the last trim
	ending    int // instances that are being closed
	closed    bool
	drained   chan struct{} // closed when the last call of a closed pool has ended, and its instance
}

func newPool(o guest.Options, r *Runtime, build func() *Slot) *pool {
	p := &pool{
		limit: max(o.Instances, 1), inFlight: o.InFlight, single: o.Single, deadline: o.Deadline, options: o, build: build,
		counters: o.Counters, watchdog: r.watchdog, id: r.pools.Add(1), stopwatch: stopwatch{start: time.Now(), left: measuredPerTick}, drained: make(chan struct{}),
	}
	if p.inFlight <= 0 {
		p.inFlight = guest.DefaultInFlight
	}
	if p.single {
		p.limit = 1
	}
	r.watchdog.add(p)
	return p
}

// acquire returns an instance, started or not, that runs for caller until
// release.
func (p *pool) acquire(ctx context.Context, h *Lane, caller guest.Receiver) (*Slot, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, guest.ErrClosed
	}
	if len(p.running)+p.waiters >= p.inFlight {
		p.mu.Unlock()
		p.counters.Busy.Add(1)
		return nil, guest.ErrBusy
	}
	if p.admits(h) {
		i := p.take()
		p.begin(i, h, caller)
		p.mu.Unlock()
		p.watchdog.rouse()
		return i, nil
	}
	w := &waiter{handler: h, caller: caller, ready: make(chan *Slot, 1)}
	p.enqueue(w)
	p.mu.Unlock()
	return p.wait(ctx, w)
}

// admits reports whether a call may run now. While fewer than limit run there
// is no one waiting whom it would overtake.
func (p *pool) admits(h *Lane) bool {
	return len(p.running) < p.limit || !p.single && h.running == 0
}

// take returns the free instance used last, or a new one that is not started.
func (p *pool) take() *Slot {
	n := len(p.free) - 1
	if n < 0 {
		i := p.build()
		i.pool, i.tank.limit = p, p.options.Fuel
		return i
	}
	i := p.free[n]
	p.free[n] = nil
	p.free = p.free[:n]
	p.unneeded = min(p.unneeded, n)
	return i
}

func (p *pool) begin(i *Slot, h *Lane, caller guest.Receiver) {
	i.serving, i.caller, i.since, i.slow = h, caller, 0, false
	p.sequence++
	i.began = p.stopwatch.begin(p.sequence)
	i.id = operation.CallID{Pool: p.id, Number: p.sequence}
	i.place = len(p.running)
	p.running = append(p.running, i)
	h.running++
	p.calls++
}

func (p *pool) end(i *Slot) {
	last := len(p.running) - 1
	moved := p.running[last]
	p.running[i.place] = moved
	moved.place = i.place
	p.running[last] = nil
	p.running = p.running[:last]
	i.serving.running--
	i.serving, i.caller, i.behind = nil, nil, nil
	p.hostCalls += i.hostCalls
	i.hostCalls = 0
}

// restart lets the deadline of a running instance begin anew.
func (p *pool) restart(i *Slot) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i.since, i.slow = 0, false
}

// release ends the run of an instance. A healthy one serves the next call;
// another one is gone.
func (p *pool) release(i *Slot, healthy bool) {
	i.tank.end()
	took := p.stopwatch.took(i.began)
	p.mu.Lock()
	h := i.serving
	p.stopwatch.count(took, i.since)
	p.end(i)
	p.fuel += i.tank.used
	i.tank.used = 0
	healthy = healthy && !i.expired.Load()
	keep := healthy && !p.closed
	if keep {
		p.free = append(p.free, i)
	} else {
		p.ending++
	}
	if p.waiters > 0 {
		p.admitWaiters(h)
	}
	p.mu.Unlock()
	if !keep {
		p.discard(i)
	}
	if !healthy {
		p.counters.Discarded.Add(1)
	}
}

// discard closes instances that count as ending.
func (p *pool) discard(instances ...*Slot) {
	for _, i := range instances {
		i.close()
	}
	p.ended(len(instances))
}

// ended says that so many instances less are being closed. With the last one of a
// closed pool close may return.
func (p *pool) ended(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ending -= n; p.closed && p.ending == 0 && len(p.running) == 0 {
		close(p.drained)
	}
}

// admitWaiters hands over what a call of handler h has left: its place goes to
// whoever waits longest, and h's reserved place, where it is empty now, to the
// first that waits for h.
func (p *pool) admitWaiters(h *Lane) {
	for p.waiters > 0 {
		w := p.waiting.first
		if !p.admits(w.handler) {
			if w = h.waiting.first; w == nil || !p.admits(h) {
				return
			}
		}
		p.dequeue(w)
		i := p.take()
		p.begin(i, w.handler, w.caller)
		w.ready <- i
	}
}

func (p *pool) enqueue(w *waiter) {
	p.waiting.push(w, ofPool)
	w.handler.waiting.push(w, ofHandler)
	p.waiters++
}

func (p *pool) dequeue(w *waiter) {
	p.waiting.remove(w, ofPool)
	w.handler.waiting.remove(w, ofHandler)
	p.waiters--
}

// wait returns the instance that w is given, or ErrBusy.
func (p *pool) wait(ctx context.Context, w *waiter) (*Slot, error) {
	w.caller.Yield()
	t := time.NewTimer(p.deadline)
	defer t.Stop()
	var i *Slot
	select {
	case i = <-w.ready:
	case <-t.C:
		i = p.giveUp(w)
	case <-ctx.Done():
		i = p.giveUp(w)
	}
	if i == nil {
		p.counters.Busy.Add(1)
		return nil, guest.ErrBusy
	}
	p.watchdog.rouse()
	return i, nil
}

// giveUp leaves the queue, or returns the instance where that came first.
func (p *pool) giveUp(w *waiter) *Slot {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case i := <-w.ready:
		return i
	default:
		p.dequeue(w)
		return nil
	}
}

// failed counts what became of a call, and says which one it was.
func (p *pool) failed(i *Slot, err error) error {
	var fault *guest.Fault
	switch {
	case errors.Is(err, guest.ErrTimeout):
		p.counters.Timeouts.Add(1)
	case errors.Is(err, guest.ErrFuel):
		p.counters.OutOfFuel.Add(1)
	case errors.As(err, &fault):
		p.counters.Faults.Add(1)
	default:
		p.counters.Errors.Add(1)
		p.counters.Codes.Add(err)
	}
	return &guest.CallError{Call: i.id, Err: err}
}

// watch looks at what runs: it ends what has passed the deadline and lets the
// callers of what runs long know. It reports whether anything runs. Yield is
// called under the lock, so that it cannot hit a later call.
func (p *pool) watch(now time.Duration, aborted bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count()
	p.stopwatch.tick(now)
	for _, i := range p.running {
		switch {
		case i.since == 0:
			i.since = now
			continue
		case !i.slow:
			i.slow = true
			i.caller.Yield()
		}
		if aborted || now-i.since >= p.deadline {
			i.expire()
		}
	}
	return len(p.running) > 0
}

// trim closes the free instances that no call has needed since the last trim,
// but one.
func (p *pool) trim() {
	p.mu.Lock()
	n := max(min(p.unneeded, len(p.free)-1), 0)
	surplus := append([]*Slot(nil), p.free[:n]...)
	p.free = append(p.free[:0], p.free[n:]...)
	clear(p.free[len(p.free):cap(p.free)])
	p.unneeded = len(p.free)
	p.ending += n
	p.mu.Unlock()
	if n > 0 {
		p.discard(surplus...)
	}
}

// count adds what was counted to the counters that all versions share. Counting them
// there one by one would cost each a write to memory that cores fight for.
func (p *pool) count() {
	p.counters.Calls.Add(p.calls)
	p.counters.HostCalls.Add(p.hostCalls)
	p.counters.Durations.Take(&p.stopwatch.tally)
	p.counters.Fuel.Add(uint64(p.fuel))
	p.calls, p.hostCalls, p.fuel = 0, 0, 0
}

func (p *pool) size() (all, running int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count()
	return len(p.free) + len(p.running), len(p.running)
}

// close waits for the calls that run or wait, and frees all instances.
func (p *pool) close() {
	p.mu.Lock()
	first := !p.closed
	p.closed = true
	free := p.free
	p.free = nil
	if first {
		p.ending += len(free) + 1 // and this itself, which there is without any, too
	}
	p.mu.Unlock()
	if first {
		p.discard(free...)
		p.ended(1)
	}
	<-p.drained
	p.mu.Lock()
	p.count()
	p.mu.Unlock()
	p.watchdog.remove(p)
}
