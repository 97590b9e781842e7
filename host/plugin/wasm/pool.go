package wasm

import (
	"context"
	"sync"
	"time"

	"github.com/mesh-host/mesh-host/host/plugin/guest"
)

// pool gives calls their instances. At most limit calls run at once, and
// beside them one of each handler that has none running, so that a command
// that hangs in every instance never starves the others. What waits is served
// in order of arrival. Instances are made as they are needed; the one used
// last is used first, so that the others grow old and are trimmed.
type pool struct {
	limit    int
	single   bool
	deadline time.Duration
	counters *guest.Counters
	watchdog *watchdog

	mu       sync.Mutex
	free     []*instance
	running  []*instance
	waiting  queue
	waiters  int
	calls    uint64 // not yet in counters
	unneeded int    // free instances that no call has needed since the last trim
	closed   bool
	drained  chan struct{} // closed when the last call of a closed pool ends
}

// maxWaiters bounds the calls that wait for one plugin; one more is refused at
// once.
const maxWaiters = 16 << 10

func newPool(o guest.Options, w *watchdog) *pool {
	p := &pool{
		limit: max(o.Instances, 1), single: o.Single, deadline: o.Deadline,
		counters: o.Counters, watchdog: w, drained: make(chan struct{}),
	}
	if p.single {
		p.limit = 1
	}
	w.add(p)
	return p
}

// acquire returns an instance, started or not, that runs for caller until
// release.
func (p *pool) acquire(ctx context.Context, h *handler, caller guest.Receiver) (*instance, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, guest.ErrClosed
	}
	if p.admits(h) {
		i := p.take()
		p.begin(i, h, caller)
		p.mu.Unlock()
		p.watchdog.rouse()
		return i, nil
	}
	if p.waiters >= maxWaiters {
		p.mu.Unlock()
		p.counters.Busy.Add(1)
		return nil, guest.ErrBusy
	}
	w := &waiter{handler: h, caller: caller, ready: make(chan *instance, 1)}
	p.enqueue(w)
	p.mu.Unlock()
	return p.wait(ctx, w)
}

// admits reports whether a call may run now. While fewer than limit run there
// is no one waiting whom it would overtake.
func (p *pool) admits(h *handler) bool {
	return len(p.running) < p.limit || !p.single && h.running == 0
}

// take returns the free instance used last, or a new one that is not started.
func (p *pool) take() *instance {
	n := len(p.free) - 1
	if n < 0 {
		return newInstance()
	}
	i := p.free[n]
	p.free[n] = nil
	p.free = p.free[:n]
	p.unneeded = min(p.unneeded, n)
	return i
}

func (p *pool) begin(i *instance, h *handler, caller guest.Receiver) {
	i.serving, i.caller, i.since, i.slow = h, caller, 0, false
	i.place = len(p.running)
	p.running = append(p.running, i)
	h.running++
	p.calls++
}

func (p *pool) end(i *instance) {
	last := len(p.running) - 1
	moved := p.running[last]
	p.running[i.place] = moved
	moved.place = i.place
	p.running[last] = nil
	p.running = p.running[:last]
	i.serving.running--
	i.serving, i.caller = nil, nil
}

// restart lets the deadline of a running instance begin anew.
func (p *pool) restart(i *instance) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i.since, i.slow = 0, false
}

// release ends the run of an instance. A healthy one serves the next call;
// another one is gone.
func (p *pool) release(i *instance, healthy bool) {
	p.mu.Lock()
	h := i.serving
	p.end(i)
	healthy = healthy && !i.expired.Load()
	i.stale = i.slow
	keep := healthy && !p.closed
	if keep {
		p.free = append(p.free, i)
	}
	if p.waiters > 0 {
		p.admitWaiters(h)
	}
	if p.closed && len(p.running) == 0 {
		close(p.drained)
	}
	slow := i.slow
	p.mu.Unlock()
	if slow {
		p.watchdog.heavy.Store(true)
	}
	if !keep {
		i.close()
	}
	if !healthy {
		p.counters.Discarded.Add(1)
	}
}

// admitWaiters hands over what a call of handler h has left: its place goes to
// whoever waits longest, and h's reserved place, where it is empty now, to the
// first that waits for h.
func (p *pool) admitWaiters(h *handler) {
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
func (p *pool) wait(ctx context.Context, w *waiter) (*instance, error) {
	w.caller.Yield()
	t := time.NewTimer(p.deadline)
	defer t.Stop()
	var i *instance
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
func (p *pool) giveUp(w *waiter) *instance {
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

// watch looks at what runs: it ends what has passed the deadline and lets the
// callers of what runs long know. It reports whether anything runs. Yield is
// called under the lock, so that it cannot hit a later call.
func (p *pool) watch(now time.Duration, aborted bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count()
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
	surplus := append([]*instance(nil), p.free[:n]...)
	p.free = append(p.free[:0], p.free[n:]...)
	clear(p.free[len(p.free):cap(p.free)])
	p.unneeded = len(p.free)
	p.mu.Unlock()
	for _, i := range surplus {
		i.close()
	}
}

// count adds the calls to the counters that all versions share. Counting them
// there one by one would cost each a write to memory that cores fight for.
func (p *pool) count() {
	p.counters.Calls.Add(p.calls)
	p.calls = 0
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
	if first && len(p.running) == 0 {
		close(p.drained)
	}
	p.mu.Unlock()
	for _, i := range free {
		i.close()
	}
	<-p.drained
	p.mu.Lock()
	p.count()
	p.mu.Unlock()
	p.watchdog.remove(p)
}
