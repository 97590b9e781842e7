package hub

import (
	"slices"
	"sync"
)

// outbox holds the frames that wait for a session's socket, in the order in
// which they were produced. Whoever adds frames may write them; one goroutine
// writes at a time, and what arrives meanwhile leaves with the next write.
type outbox struct {
	mu      sync.Mutex
	pending *batch // nil where there was nothing since the last write
	pushed  int    // bytes of pushes in pending: what limit bounds
	limit   int    // limits.outbox
	// corked keeps everything back until the handshake's response is out.
	corked  bool
	writing bool
	called  bool   // the session waits for its turn with the flusher, or has it
	turns   uint64 // how many turns the flusher has had with it
	sealed  bool   // a close frame is the last thing in pending: no more frames
	dead    bool   // the socket is gone

	// waits counts the bytes in the backlogs of all subscriptions; waiting are
	// those whose backlog waits for room: not held ones.
	waits   int
	waiting []*subscription
	drained sync.Cond
}

// highWater is where a producer of replies writes before it produces more, and
// where a session that waits for the flusher is late, in bytes.
const highWater = 64 << 10

func (o *outbox) init(limit int) {
	o.drained.L = &o.mu
	o.limit, o.corked = limit, true
}

// open reports whether frames may still be added; the lock is held, here and
// below.
func (o *outbox) open() bool { return !o.sealed && !o.dead }

// next is what the next write takes along.
func (o *outbox) next() *batch {
	if o.pending == nil {
		o.pending = batches.Get().(*batch)
	}
	return o.pending
}

// len is how many bytes are pending.
func (o *outbox) len() int {
	if o.pending == nil {
		return 0
	}
	return o.pending.len()
}

// fits reports whether a push of so many bytes may become pending: a single
// one always may.
func (o *outbox) fits(size int) bool { return o.pushed == 0 || o.pushed+size <= o.limit }

// pushCopy adds a frame that the caller goes on using.
func (o *outbox) pushCopy(frame []byte) {
	b := o.next()
	b.bytes = append(b.bytes, frame...)
	o.pushed += len(frame)
}

// push adds a frame that others use too.
func (o *outbox) push(frame []byte) {
	o.next().share(frame)
	o.pushed += len(frame)
}

// seal makes what has been added the last thing that leaves.
func (o *outbox) seal() {
	o.sealed = true
	o.forgetWaiting()
}

// idle reports that frames wait and no one is writing.
func (o *outbox) idle() bool {
	return (o.len() > 0 || len(o.waiting) > 0) && !o.writing && !o.corked && !o.dead
}

// late returns how many bytes of pushes are pending where these are more than
// should be until the flusher has done what it can, otherwise 0.
func (o *outbox) late() int {
	if o.called && o.pushed > min(highWater, o.limit/2) {
		return o.pushed
	}
	return 0
}

// endTurn takes note that the flusher has done what it can.
func (o *outbox) endTurn() {
	o.called = false
	o.turns++
	o.drained.Broadcast()
}

// awaitTurn waits until the session is no longer late, for one turn at most.
// The lock is not held.
func (o *outbox) awaitTurn() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for turn := o.turns; o.late() > 0 && o.turns == turn; {
		o.drained.Wait()
	}
}

// take returns what is pending, for the caller to write, and nil where nothing
// is or someone else is writing.
func (o *outbox) take() *batch {
	if !o.idle() {
		return nil
	}
	o.refill()
	b := o.pending
	o.pending, o.pushed, o.writing = nil, 0, true
	return b
}

// wrote ends what take has begun.
func (o *outbox) wrote(b *batch, err error) {
	b.release()
	o.writing = false
	if err != nil {
		o.kill()
	}
	o.drained.Broadcast()
}

// takeWhenLow is take, after a wait for the one who is writing while more than
// highWater is pending. The lock is not held.
func (o *outbox) takeWhenLow() *batch {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.writing && o.len() >= highWater {
		o.drained.Wait()
	}
	return o.take()
}

// goOn is wrote, and take for the next round. The lock is not held.
func (o *outbox) goOn(b *batch, err error) *batch {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.wrote(b, err)
	return o.take()
}

// replies reports whether more than pushes that are shared is pending.
func (o *outbox) replies() bool { return o.pending != nil && len(o.pending.bytes) > 0 }

// refill makes pending what waits for room, subscription by subscription as
// long as there is any: what waits of one goes on as a whole, be it more than
// fits, so that each has its turn however much else is pushed. All of it leaves
// with the write that comes next.
func (o *outbox) refill() {
	for len(o.waiting) > 0 && (o.pushed == 0 || o.pushed < o.limit) {
		o.waiting[0].refill()
		o.waiting[0] = nil
		o.waiting = o.waiting[1:]
	}
	if len(o.waiting) == 0 {
		o.waiting = nil
	}
}

// noLongerWaits takes a subscription from those that wait for room.
func (o *outbox) noLongerWaits(sub *subscription) {
	i := slices.Index(o.waiting, sub)
	o.waiting = slices.Delete(o.waiting, i, i+1)
}

// forgetWaiting drops what waits for room.
func (o *outbox) forgetWaiting() {
	for _, sub := range o.waiting {
		o.waits -= sub.backlog.size
		sub.backlog = nil
	}
	o.waiting = nil
}

// drain waits until everything is written or the socket is gone.
func (o *outbox) drain() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for !o.dead && !o.corked && (o.writing || o.len() > 0 || len(o.waiting) > 0) {
		o.drained.Wait()
	}
}

// clear drops what is pending.
func (o *outbox) clear() { o.pending, o.pushed = nil, 0 }

// kill drops everything; the socket is gone.
func (o *outbox) kill() {
	o.dead = true
	o.clear()
	o.forgetWaiting()
	o.drained.Broadcast()
}
