package wasm

import "github.com/mesh-host/mesh-host/host/plugin/guest"

// waiter is a call that waits for an instance. It stands in two queues, that
// of the pool and that of its handler, so that the next one of either is found
// at once however many wait.
type waiter struct {
	handler *Lane
	caller  guest.Receiver
	// ready gets the instance; it has room for it.
	ready chan *Slot
	links [2]link
}

type link struct{ before, after *waiter }

// The queues that a waiter stands in.
const (
	ofPool = iota
	ofHandler
)

// queue is a first-in first-out list of waiters, without memory of its own.
type queue struct{ first, last *waiter }

func (q *queue) push(w *waiter, in int) {
	w.links[in].before = q.last
	if q.last == nil {
		q.first = w
	} else {
		q.last.links[in].after = w
	}
	q.last = w
}

func (q *queue) remove(w *waiter, in int) {
	l := &w.links[in]
	if l.before == nil {
		q.first = l.after
	} else {
		l.before.links[in].after = l.after
	}
	if l.after == nil {
		q.last = l.before
	} else {
		l.after.links[in].before = l.before
	}
	*l = link{}
}
