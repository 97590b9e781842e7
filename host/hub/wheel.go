package hub

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Tick is the resolution of a Wheel.
const Tick = 50 * time.Millisecond

const wheelSlots = 1024 // a bit over 51 s a turn; later timers stay for more turns

// Wheel runs many coarse timers on one goroutine: a session's liveness costs a
// list entry instead of a runtime timer. Timers fire up to one Tick late,
// never early. It is safe for concurrent use.
type Wheel struct {
	mu    sync.Mutex
	slots [wheelSlots]Timer // list heads
	due   Timer             // list head of those whose Fire comes next
	start time.Time         // the beginning of tick 0; zero until Run
	now   int64             // the last tick gone through
	clock atomic.Int64      // the time of the last look at the real one
}

// Timer is an entry of a Wheel. The zero value is not scheduled; Fire must be
// set before the first Schedule and must not block.
type Timer struct {
	Fire       func()
	next, prev *Timer
	at         int64
}

// NewWheel makes a wheel that turns while Run runs.
func NewWheel() *Wheel {
	w := &Wheel{}
	for i := range w.slots {
		w.slots[i].empty()
	}
	w.due.empty()
	return w
}

// Run turns the wheel until ctx is done. A process that was late goes through
// the ticks it missed, one by one.
func (w *Wheel) Run(ctx context.Context) {
	w.mu.Lock()
	w.start = time.Now().Add(-time.Duration(w.now) * Tick)
	w.mu.Unlock()
	ticker := time.NewTicker(Tick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			for w.advance() {
				for t := w.pop(); t != nil; t = w.pop() {
					t.Fire()
				}
			}
		}
	}
}

// elapsed returns the time since the start; the lock is held.
func (w *Wheel) elapsed() time.Duration {
	if w.start.IsZero() {
		return time.Duration(w.now) * Tick
	}
	return time.Since(w.start)
}

// advance goes on by one tick, collects what it brings, and reports whether
// there was one to go.
func (w *Wheel) advance() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	elapsed := w.elapsed()
	w.clock.Store(int64(elapsed))
	if w.now >= int64(elapsed/Tick) {
		return false
	}
	w.now++
	head := &w.slots[w.now%wheelSlots]
	for t := head.next; t != head; {
		next := t.next
		if t.at <= w.now {
			t.unlink()
			t.link(&w.due)
		}
		t = next
	}
	return true
}

// Now returns the time since the wheel began to turn, as of the last Tick.
func (w *Wheel) Now() time.Duration { return time.Duration(w.clock.Load()) }

// pop takes a due timer off the list, nil where there is none. Until then it
// can still be stopped or put off.
func (w *Wheel) pop() *Timer {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.due.next
	if t == &w.due {
		return nil
	}
	t.unlink()
	return t
}

// Schedule makes t fire once after d, instead of whenever it was due before.
func (w *Wheel) Schedule(t *Timer, d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t.next != nil {
		t.unlink()
	}
	// From the clock, not from now: a wheel that is late must not take the
	// time it lost for time that has passed since.
	due := w.elapsed() + max(d, 0)
	t.at = max(w.now+1, int64((due+Tick-1)/Tick))
	t.link(&w.slots[t.at%wheelSlots])
}

// Stop keeps t from firing; a Fire that has begun goes on.
func (w *Wheel) Stop(t *Timer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t.next != nil {
		t.unlink()
	}
}

func (t *Timer) empty() { t.next, t.prev = t, t }

// link puts t at the end of the list under head.
func (t *Timer) link(head *Timer) {
	t.prev, t.next = head.prev, head
	head.prev.next = t
	head.prev = t
}

func (t *Timer) unlink() {
	t.prev.next, t.next.prev = t.next, t.prev
	t.next, t.prev = nil, nil
}
