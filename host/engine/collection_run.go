package engine

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/hub"
)

// runs resolves collections again: a few at a time, and each by one worker.
type runs struct {
	tasks *tasks
	do    func(*collection)

	mu      sync.Mutex
	queue   []*collection
	workers int
}

// runState says where a collection is.
type runState uint8

const (
	resting runState = iota
	queued
	running
	runningAgain // and is to run once more
)

// maxRuns is how many collections of a node are resolved again at a time: each
// may call plugins.
const maxRuns = 8

// put has a collection resolved again: after the run that is under way, if one
// is. It never blocks.
func (r *runs) put(c *collection) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch c.state {
	case resting:
		c.state = queued
		r.queue = append(r.queue, c)
		r.hire()
	case running:
		c.state = runningAgain
	}
}

// hire starts a worker unless there are enough; the lock is held.
func (r *runs) hire() {
	if r.workers < maxRuns && r.tasks.start(r.work) {
		r.workers++
	}
}

func (r *runs) work() {
	for c := r.next(nil); c != nil; c = r.next(c) {
		r.do(c)
	}
}

// next takes note that a worker has done one, and returns the next; nil ends
// the worker.
func (r *runs) next(done *collection) *collection {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case done == nil:
	case done.state == runningAgain:
		done.state = queued
		r.queue = append(r.queue, done)
	default:
		done.state = resting
	}
	if len(r.queue) == 0 {
		r.queue = nil
		r.workers--
		return nil
	}
	c := r.queue[0]
	r.queue[0], r.queue = nil, r.queue[1:]
	c.state = running
	return c
}

// resolveAgain tells those subscribers of a collection of what it has now for
// whom that may have changed.
func (x *collections) resolveAgain(ctx context.Context, c *collection) {
	exposed := x.engine.rules.Collection(c.id)
	if exposed == nil {
		return // closed now: what is there stays as it is
	}
	stale := x.stale(c, exposed)
	known := make(there)
	for len(stale) > 0 && ctx.Err() == nil {
		group := 1
		if exposed.Resolver == "" || exposed.Shared {
			group = len(stale)
		}
		x.resolveFor(ctx, c, exposed, stale[:group], known)
		stale = stale[group:]
	}
}

// storeRetry is after what time it is tried again where the store has failed.
const storeRetry = time.Second

// retry has a collection resolved again in a while: unlike a resolver's no, what
// the store could not do does not wait for the next change.
func (x *collections) retry(c *collection) {
	if !c.retrying.CompareAndSwap(false, true) {
		return
	}
	time.AfterFunc(storeRetry, func() {
		c.retrying.Store(false)
		c.changes.Add(1)
		x.runs.put(c)
	})
}

// stale returns the subscribers whose latest answer may no longer be right.
func (x *collections) stale(c *collection, exposed *exposure.Collection) (all []*subscriber) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.byID[c.id] != c {
		return nil
	}
	if x.place(c, exposed) {
		c.changes.Add(1)
	}
	for sub := range c.subscribers {
		if sub.begun.Load() && sub.seen.Load() < c.changes.Load() {
			all = append(all, sub)
		}
	}
	return all
}

// resolveFor resolves a collection once for some subscribers. Where that fails
// they keep what they have; the next change tries it again.
func (x *collections) resolveFor(ctx context.Context, c *collection, exposed *exposure.Collection, subs []*subscriber, known there) {
	now := c.changes.Load()
	for _, sub := range subs {
		sub.seen.Store(now)
	}
	if len(subs) == 1 && !subs[0].live() {
		return
	}
	to, out, err := x.answer(ctx, c, subs[0].session, exposed)
	if err != nil {
		x.failed(ctx, c, err, exposed.Resolver == "")
		return
	}
	if exposed.Resolver != "" {
		if to, err = known.only(ctx, x, to, &out); err != nil {
			x.failed(ctx, c, err, true)
			return
		}
	}
	differences := make(map[*answer]*difference)
	for part := range slices.Chunk(subs, batchSize) {
		x.tell(ctx, part, to, differences, &out)
		x.engine.hub.Relieve()
	}
	x.report(c.id, out)
}

// failed takes note that a collection could not be resolved, or not be told, and
// whether that was the store's fault.
func (x *collections) failed(ctx context.Context, c *collection, err error, store bool) {
	if ctx.Err() != nil {
		return
	}
	if store {
		x.retry(c)
	}
	if x.seldom.say("failed " + c.id) {
		x.engine.log.Warn("collection not resolved again; it stays as it is", "collection", c.id, "error", err)
	}
}

// batchSize is how many subscribers are told together: records are read once
// for all of them, after they are covered for all of them.
const batchSize = 64

// tell shows some subscribers a new answer.
func (x *collections) tell(ctx context.Context, subs []*subscriber, to *answer, differences map[*answer]*difference, out *leftOut) {
	b := batch{records: make(map[string]backplane.Record), diffs: make(map[diffKey]*diff)}
	var updates []*update
	for _, sub := range subs {
		u := &update{subscriber: sub, to: to}
		u.from = sub.current()
		if u.difference = differences[u.from]; u.difference == nil {
			u.difference = u.from.to(to)
			differences[u.from] = u.difference
		}
		sub.makeRoom(len(u.difference.removed))
		var err error
		if u.taken, err = x.take(ctx, sub, u.difference.added, out); err != nil && sub.live() {
			x.failed(ctx, sub.collection, err, true)
		}
		updates = append(updates, u)
	}
	for _, u := range updates {
		x.readFor(ctx, u, &b)
		u.taken = x.present(ctx, u.subscriber, u.taken, out)
		x.show(ctx, u, &b)
	}
}

// update is what a subscriber is about to be told.
type update struct {
	*subscriber
	from, to   *answer
	difference *difference
	taken      []showing
}

func (sub *subscriber) current() *answer {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	return sub.shown
}

// readFor reads what an update shows, unless it was read for another one of the
// batch. What cannot be read counts as missing.
func (x *collections) readFor(ctx context.Context, u *update, b *batch) {
	for i := range u.taken {
		r := &u.taken[i]
		found, ok := b.records[r.ID]
		if !ok {
			var err error
			if found, err = x.engine.node.Records().Get(ctx, r.ID); err != nil {
				x.failed(ctx, u.collection, storeError(abi.OpRecordsGet, err), true)
				found = backplane.Record{ID: r.ID}
			}
			b.records[r.ID] = found
		}
		r.read(found)
	}
}

// show pushes what an update says, unless the subscription has ended.
func (x *collections) show(ctx context.Context, u *update, b *batch) {
	lost, ok := x.push(u, b)
	x.lose(ctx, lost)
	if !ok {
		x.drop(ctx, u.subscriber, u.taken)
		return
	}
	for i := range u.taken {
		u.taken[i].hold.Release()
	}
}

// push makes an update what the subscriber has been shown. It returns the topics
// that are to be lost, and false where the subscription has ended.
func (x *collections) push(u *update, b *batch) (lost []hub.Topic, ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ended || !u.live() {
		return nil, false
	}
	whole := len(u.taken) == len(u.difference.added)
	if len(u.taken)+len(u.difference.removed) > 0 {
		lost = x.uncoverNow(u.subscriber, u.difference.removed)
		for _, piece := range b.diff(u, whole, x.engine.limits.ReplySize).pieces {
			u.version++
			u.session.Send(piece.push(u.version))
		}
	}
	if whole {
		u.shown = u.to
	} else {
		u.shown = u.from.without(u.difference.removed, u.taken)
	}
	u.counted += len(u.taken) // which take has counted
	for i := range u.taken {
		u.taken[i].answered()
	}
	return lost, true
}

// without returns the answer with some records less, and others more.
func (a *answer) without(removed []string, added []showing) *answer {
	if len(removed)+len(added) == 0 {
		return a
	}
	gone := newAnswer(removed)
	ids := slices.DeleteFunc(slices.Clone(a.ids), gone.has)
	for i := range added {
		ids = append(ids, added[i].ID)
	}
	return newAnswer(ids)
}
