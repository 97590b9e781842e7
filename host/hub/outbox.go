package hub

import (
	"sync"
)

// outbox holds the frames that wait for a session's socket, in the order in
// which they were produced. Whoever adds frames may write them; one goroutine
// writes at a time, and what arrives meanwhile leaves with its next write.
type outbox struct {
	mu      sync.Mutex
	drained sync.Cond
	pending []byte
	pushed  int // bytes of pushes in pending: what limits.outbox bounds
	// corked keeps everything back until the handshake's response is out.
	corked  bool
	writing bool
	called  bool // a goroutine that will flush is on its way
	sealed  bool // a close frame is the last thing in pending: no more frames
	dead    bool // the socket is gone
}

// highWater is where a producer of replies writes before it produces more, in
// bytes.
const highWater = 64 << 10

// A pool holds pointers; the emptied ones wait in a pool of their own, so that
// giving a buffer back allocates nothing.
var (
	buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}
	boxes   = sync.Pool{New: func() any { return new([]byte) }}
)

// keepBuffer bounds the buffers that return to the pool, in bytes.
const keepBuffer = 128 << 10

func takeBuffer() []byte {
	box := buffers.Get().(*[]byte)
	b := *box
	*box = nil
	boxes.Put(box)
	return b
}

func putBuffer(b []byte) {
	if cap(b) <= keepBuffer {
		box := boxes.Get().(*[]byte)
		*box = b[:0]
		buffers.Put(box)
	}
}

// open readies pending for an append; the lock is held.
func (o *outbox) open() bool {
	if o.sealed || o.dead {
		return false
	}
	if o.pending == nil {
		o.pending = takeBuffer()
	}
	return true
}

// idle reports that frames wait and no one is writing; the lock is held.
func (o *outbox) idle() bool {
	return len(o.pending) > 0 && !o.writing && !o.corked && !o.dead
}

// flush writes what is pending with write, and, with all, what comes meanwhile,
// until nothing is. Where another goroutine is writing already it leaves the
// work to that one, and waits only while more than highWater is pending. rest
// tells whether it leaves anything that no one is writing.
func (o *outbox) flush(write func([]byte) error, all bool) (rest bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for !o.idle() {
		if !o.writing || len(o.pending) < highWater {
			return false, nil
		}
		o.drained.Wait()
	}
	o.writing = true
	for first := true; err == nil && len(o.pending) > 0 && (first || all); first = false {
		frames := o.pending
		o.pending, o.pushed = nil, 0
		o.mu.Unlock()
		err = write(frames)
		putBuffer(frames)
		o.mu.Lock()
		o.drained.Broadcast()
	}
	o.writing = false
	if err != nil {
		o.kill()
	}
	o.drained.Broadcast()
	return o.idle(), err
}

// drain waits until everything is written or the socket is gone.
func (o *outbox) drain() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for !o.dead && !o.corked && (o.writing || len(o.pending) > 0) {
		o.drained.Wait()
	}
}

// kill drops what is pending; the lock is held.
func (o *outbox) kill() {
	o.dead, o.pending, o.pushed = true, nil, 0
	o.drained.Broadcast()
}
