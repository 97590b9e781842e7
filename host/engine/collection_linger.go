package engine

import (
	"context"
	"sync"
	"time"
)

// linger is the interest in all records after the last collection: a table that
// is kept (see keptFor) must go on hearing of changes. It is the gain of the
// subscription that ended first, which the ends of others make last.
type linger struct {
	mu    sync.Mutex
	held  bool
	until time.Time
}

// lingerFor is how long the interest outlives the last subscription: longer than
// any table.
const lingerFor = keptFor + 2*time.Second

// add takes note of a subscription's end, and reports whether its gain is kept.
func (x *linger) add(now time.Time) (kept bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	kept, x.held, x.until = !x.held, true, now.Add(lingerFor)
	return kept
}

// left returns how long the gain is still to be kept; with 0 it is not any more.
func (x *linger) left(now time.Time) time.Duration {
	x.mu.Lock()
	defer x.mu.Unlock()
	left := max(0, x.until.Sub(now))
	x.held = left > 0
	return left
}

// lingerOn takes the interest of a collection's subscription back, in a while.
func (e *Engine) lingerOn(ctx context.Context) {
	if e.collections.linger.add(time.Now()) {
		time.AfterFunc(lingerFor, e.lingered)
		return
	}
	e.loseCollections(ctx)
}

func (e *Engine) lingered() {
	if left := e.collections.linger.left(time.Now()); left > 0 {
		time.AfterFunc(left, e.lingered)
		return
	}
	e.tasks.start(func() {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		e.loseCollections(ctx)
	})
}
