package engine

import (
	"sync"
	"time"
)

// runs resolves collections again: a few at a time, and each by one worker. The
// runs of a session come one after the other, and sessions take turns, so that
// one that subscribes to many collections, or to dear ones, waits itself and lets
// no other wait.
type runs struct {
	tasks *tasks
	// do makes a run and returns what it has cost.
	do func(*run) time.Duration

	mu      sync.Mutex
	ready   []*party
	workers int
}

// run is what is resolved as one: a collection for all of its subscribers or,
// where its resolver is asked for each of them, for one.
type run struct {
	collection *collection
	subscriber *subscriber // nil: all
	party      *party
	state      runState // guarded by runs
}

// runState says where a run is.
type runState uint8

const (
	resting runState = iota
	queued
	running
	runningAgain // and is to run once more
)

// party has one run at a time: a session, or a collection that several share.
// The lock of runs guards it.
type party struct {
	queue []*run
	pace  pace
	// taken says that it is ready, is being run, or waits for its pace.
	taken bool
}

const (
	// maxRuns is how many runs there are on a node at a time: each may call
	// plugins.
	maxRuns = 8
	// runTimes is the pace of a party: resolving may take a tenth of the time for
	// each.
	runTimes = 10
)

// put has a run made for a party: after the one that is under way, if one is. It
// never blocks.
func (r *runs) put(one *run, p *party) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch one.state {
	case resting:
		r.queue(one, p)
	case running:
		one.state = runningAgain
	}
}

// queue makes a run the last of a party; the lock is held, here and below.
func (r *runs) queue(one *run, p *party) {
	one.state, one.party = queued, p
	p.queue = append(p.queue, one)
	if !p.taken {
		r.take(p)
	}
}

// take has the next run of a party made when its pace allows that.
func (r *runs) take(p *party) {
	p.taken = true
	left := p.pace.left(time.Now())
	if left == 0 {
		r.enter(p)
		return
	}
	time.AfterFunc(left, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.enter(p)
	})
}

func (r *runs) enter(p *party) {
	r.ready = append(r.ready, p)
	if r.workers < maxRuns && r.tasks.start(r.work) {
		r.workers++
	}
}

func (r *runs) work() {
	for one := r.next(); one != nil; one = r.next() {
		r.done(one, r.do(one))
	}
}

// next returns the next run of the party whose turn it is; nil ends the worker.
func (r *runs) next() *run {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.ready) == 0 {
		r.ready = nil
		r.workers--
		return nil
	}
	p := r.ready[0]
	r.ready[0], r.ready = nil, r.ready[1:]
	one := p.queue[0]
	p.queue[0], p.queue = nil, p.queue[1:]
	one.state = running
	return one
}

// done takes note that a run was made, and lets its party have the next one
// after all that are ready.
func (r *runs) done(one *run, cost time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := one.party
	p.pace.charge(time.Now(), runTimes*cost)
	again := one.state == runningAgain
	one.state = resting
	if again {
		r.queue(one, p)
	}
	if len(p.queue) > 0 {
		r.take(p)
		return
	}
	p.queue, p.taken = nil, false
}
