package wasm

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	// tick is the resolution of deadlines. A call reads no clock and sets no
	// timer: the watchdog measures from the first tick that finds it running.
	tick = 10 * time.Millisecond
	// restAfter is how many ticks find nothing running before the watchdog
	// rests.
	restAfter = 50
	// trimAfter is how long an instance stays unused before it is closed.
	trimAfter = time.Minute
)

// watchdog ends the calls of all pools that pass their deadline. It sleeps
// while nothing runs.
type watchdog struct {
	resting atomic.Bool
	aborted atomic.Bool // every call has passed its deadline
	wake    chan struct{}
	stop    chan struct{}
	stopped sync.WaitGroup

	mu    sync.Mutex
	pools map[*pool]struct{}
}

func startWatchdog() *watchdog {
	w := &watchdog{wake: make(chan struct{}, 1), stop: make(chan struct{}), pools: make(map[*pool]struct{})}
	w.stopped.Go(w.run)
	return w
}

func (w *watchdog) close() {
	close(w.stop)
	w.stopped.Wait()
}

func (w *watchdog) add(p *pool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pools[p] = struct{}{}
}

func (w *watchdog) remove(p *pool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.pools, p)
}

// rouse is called by a pool after it has let a call run.
func (w *watchdog) rouse() {
	if w.resting.Load() {
		w.wakeUp()
	}
}

func (w *watchdog) wakeUp() {
	select {
	case w.wake <- struct{}{}:
	default: // woken already
	}
}

func (w *watchdog) run() {
	start := time.Now()
	trim := time.NewTicker(trimAfter)
	defer trim.Stop()
	ticks := time.NewTicker(tick)
	defer ticks.Stop()
	for idle := 0; ; {
		select {
		case <-w.stop:
			return
		case <-trim.C:
			w.each(func(p *pool) bool { p.trim(); return false })
		case <-w.wake:
			w.resting.Store(false)
			ticks.Reset(tick)
			idle = 0
		case <-ticks.C:
			if idle++; w.watch(start) {
				idle = 0
			}
			if idle >= restAfter && w.mayRest(start) {
				ticks.Stop()
			}
		}
	}
}

// mayRest lets the watchdog rest unless something runs after all. A call that
// begins before resting is set is seen by the look that follows; one that
// begins after it rouses.
func (w *watchdog) mayRest(start time.Time) bool {
	w.resting.Store(true)
	if w.watch(start) {
		w.resting.Store(false)
		return false
	}
	return true
}

// watch looks at every pool and reports whether anything runs.
func (w *watchdog) watch(start time.Time) bool {
	now := time.Since(start)
	aborted := w.aborted.Load()
	return w.each(func(p *pool) bool { return p.watch(now, aborted) })
}

// each calls fn for every pool and reports whether it was true for any.
func (w *watchdog) each(fn func(*pool) bool) (found bool) {
	w.mu.Lock()
	pools := make([]*pool, 0, len(w.pools))
	for p := range w.pools {
		pools = append(pools, p)
	}
	w.mu.Unlock()
	for _, p := range pools {
		if fn(p) {
			found = true
		}
	}
	return found
}
