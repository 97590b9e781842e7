package wasm

import (
	"container/list"
	"runtime"
	"sync"
	"time"
)

const (
	// longAfter is how long a call runs before it has to share a place with the
	// other long ones. Calls that end before never wait.
	longAfter = 5 * time.Millisecond
	// quantum is how long a long call keeps its place while others wait, and how
	// long guests occupy all processors before the network is looked at.
	quantum = time.Millisecond
)

// turns keeps guests that compute for long from holding up everything else.
//
// The Go scheduler looks at the network when a processor has nothing else to do,
// or else every 10 ms, and a guest always has something to do. So long calls
// share places, one processor fewer than there are, and where guests occupy all
// of them nevertheless, they stop for a moment at every quantum, until the
// network has been looked at.
type turns struct {
	start   time.Time
	network poller

	mu      sync.Mutex
	active  int        // calls that run and are known here
	long    int        // places taken
	waiting *list.List // of *stint
	polled  time.Duration
	polling chan struct{} // closed when the network has been looked at; nil where no one waits for that
}

// stint is a call's part in it; the zero value is a call that has not ticked.
type stint struct {
	begun  time.Duration // its first tick
	active bool          // at the second one
	long   bool          // has a place
	until  time.Duration // when it hands its place on
	ready  chan struct{} // gets the place while it waits
}

func newTurns() *turns { return &turns{start: time.Now(), waiting: list.New()} }

// tick is called by a guest's goroutine in each tick. It returns when the guest
// may go on, or when done is closed.
func (t *turns) tick(u *stint, done <-chan struct{}) {
	now := time.Since(t.start)
	if u.begun == 0 {
		u.begun = max(now, 1)
		return
	}
	processors := runtime.GOMAXPROCS(0)
	places := max(processors-1, 1)
	t.mu.Lock()
	if !u.active {
		u.active = true
		t.active++
	}
	if u.long && now >= u.until {
		t.renew(u, now, places)
	}
	if !u.long && now-u.begun >= longAfter {
		t.enter(u, now, places, done)
	}
	var round <-chan struct{}
	if t.active >= processors && (t.polling != nil || now-t.polled >= quantum) {
		round = t.poll()
	}
	t.mu.Unlock()
	if round != nil {
		select {
		case <-round:
			runtime.Gosched() // behind what the network has brought
		case <-done:
		}
	}
}

// renew lets a call keep its place for another quantum, unless others wait.
func (t *turns) renew(u *stint, now time.Duration, places int) {
	if t.waiting.Len() == 0 && t.long <= places {
		u.until = now + quantum
		return
	}
	u.long = false
	t.long--
	t.admit(now, places)
}

// enter returns when the call has a place or done is closed. It is called with
// the lock held, and lets go of it while it waits.
func (t *turns) enter(u *stint, now time.Duration, places int, done <-chan struct{}) {
	if t.waiting.Len() == 0 && t.long < places {
		t.give(u, now)
		return
	}
	if u.ready == nil {
		u.ready = make(chan struct{}, 1)
	}
	place := t.waiting.PushBack(u)
	t.active--
	t.mu.Unlock()
	select {
	case <-u.ready:
		t.mu.Lock()
	case <-done:
		t.mu.Lock()
		if u.long { // both
			<-u.ready
			break
		}
		t.waiting.Remove(place)
		u.active = false
	}
}

// admit gives free places to those who wait.
func (t *turns) admit(now time.Duration, places int) {
	for t.long < places && t.waiting.Len() > 0 {
		u := t.waiting.Remove(t.waiting.Front()).(*stint)
		t.give(u, now)
		t.active++
		u.ready <- struct{}{}
	}
}

func (t *turns) give(u *stint, now time.Duration) {
	u.long, u.until = true, now+quantum
	t.long++
}

// leave gives up what a call occupies, while it waits for the host or has ended,
// and reports whether it was known here: it then has to tick before it goes on, or
// a guest that calls the host at every turn would compute outside of them.
func (t *turns) leave(u *stint) (known bool) {
	if !u.active {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	u.active = false
	t.active--
	if u.long {
		u.long = false
		t.long--
		t.admit(time.Since(t.start), max(runtime.GOMAXPROCS(0)-1, 1))
	}
	return true
}

// end forgets a call.
func (t *turns) end(u *stint) {
	if u.begun != 0 {
		t.leave(u)
		u.begun = 0
	}
}

// poll returns a channel that is closed once the network has been looked at.
func (t *turns) poll() <-chan struct{} {
	if t.polling == nil {
		t.polling = make(chan struct{})
		t.network.ask(t.looked)
	}
	return t.polling
}

// looked ends a round of poll.
func (t *turns) looked() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.polling != nil {
		close(t.polling)
		t.polling = nil
		t.polled = time.Since(t.start)
	}
}

func (t *turns) close() { t.network.close() }
