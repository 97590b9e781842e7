package client

import (
	"slices"
	"sync"
)

// queue is what waits for one goroutine, in order: what offer adds is bounded, and what
// put adds must be few. It is safe for concurrent use.
type queue[E any] struct {
	wake chan struct{} // has room for one

	mu    sync.Mutex
	items []queued[E]
	bytes int
}

type queued[E any] struct {
	event E
	size  int
}

func newQueue[E any]() *queue[E] { return &queue[E]{wake: make(chan struct{}, 1)} }

// put adds what must not be left out.
func (q *queue[E]) put(e E) { q.offer(e, 0, 0) }

// offer adds e unless that makes more than a limit, in bytes, of what has a size. A
// single one never is too much.
func (q *queue[E]) offer(e E, size, limit int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if size > 0 && q.bytes > 0 && q.bytes+size > limit {
		return false
	}
	q.items = append(q.items, queued[E]{e, size})
	q.bytes += size
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return true
}

// remove takes out what matches.
func (q *queue[E]) remove(match func(E) bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.items = slices.DeleteFunc(q.items, func(i queued[E]) bool {
		if !match(i.event) {
			return false
		}
		q.bytes -= i.size
		return true
	})
}

// take returns the first one, if there is any.
func (q *queue[E]) take() (e E, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 {
		q.items = nil // the memory of a long queue is not kept
		return e, false
	}
	first := q.items[0]
	q.items[0] = queued[E]{}
	q.items, q.bytes = q.items[1:], q.bytes-first.size
	return first.event, true
}
