package hub

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// flusher writes what was pushed to sessions, whose producers must not wait
// for sockets. Sessions queue here from the moment when something is pending;
// what is pushed before their turn leaves with the same write. A few workers,
// which are there only while there is something to do, write as much as each
// socket takes at once; a session whose socket takes less gets a goroutine
// that waits for it.
type flusher struct {
	most int // workers at a time
	// behind is a session with which the workers are behind, nil for none.
	behind atomic.Pointer[Session]

	mu      sync.Mutex
	queue   chain
	workers int
}

// chain is a list of sessions through Session.next. A session is in one at
// most, while its outbox says that it is called.
type chain struct {
	first, last *Session
	length      int
}

// turn is how many sessions a worker flushes before it lets others run, and
// how many wait before a worker more is worth it. It takes about 100 µs.
const turn = 16

func (f *flusher) init() { f.most = runtime.GOMAXPROCS(0) }

// put queues all of a chain, which is empty afterwards.
func (f *flusher) put(c *chain) {
	if c.length == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queue.join(c)
	if f.workers < f.most && f.queue.length > f.workers*turn {
		f.workers++
		go f.work()
	}
}

// work flushes sessions until none is left. Each of them waits for its turn
// before it ends, and so for the worker.
func (f *flusher) work() {
	for c := f.take(true); c.length > 0; c = f.take(true) {
		f.flush(&c)
		runtime.Gosched()
	}
}

// take takes the sessions of one turn; a worker ends where there are none.
func (f *flusher) take(worker bool) chain {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.queue.cut(turn)
	if c.length == 0 && worker {
		f.workers--
	}
	return c
}

// flush writes what is pending for the sessions of a chain, queues those again
// for which something has come meanwhile, and reports whether any was late.
func (f *flusher) flush(c *chain) (late bool) {
	r := round{page: pages.Get().(*page)}
	for s := c.pop(); s != nil; s = c.pop() {
		s.flushNow(&r)
	}
	r.page.release()
	f.put(&r.again)
	return r.late
}

// round is what the sessions of a turn have in common.
type round struct {
	page  *page
	again chain // those that are to have another turn
	late  bool  // one of them had to wait for long
}

// help is for a producer that finds a session late: it becomes a worker as long
// as sessions are late, and then waits for the turn of this one, which another
// worker may have taken on.
func (f *flusher) help(late *Session) {
	for c := f.take(false); c.length > 0 && f.flush(&c); {
		c = f.take(false)
	}
	late.outbox.awaitTurn()
}

// add appends a session.
func (c *chain) add(s *Session) { c.join(&chain{s, s, 1}) }

// join appends the sessions of another chain, which is empty afterwards.
func (c *chain) join(other *chain) {
	if c.length == 0 {
		*c = *other
	} else {
		c.last.next = other.first
		c.last, c.length = other.last, c.length+other.length
	}
	*other = chain{}
}

// cut takes up to so many sessions from the front.
func (c *chain) cut(most int) (front chain) {
	for front.length < most && c.length > 0 {
		front.add(c.pop())
	}
	return front
}

// pop takes the first session, nil where there is none.
func (c *chain) pop() *Session {
	s := c.first
	if s != nil {
		c.first, s.next = s.next, nil
		if c.length--; c.length == 0 {
			c.last = nil
		}
	}
	return s
}
