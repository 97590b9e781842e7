package engine

import (
	"context"
	"slices"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/hub"
)

// again has a collection resolved again for those subscribers for whom it may
// have changed. It never blocks.
func (x *collections) again(c *collection) {
	p := &c.party
	if only := c.only.Load(); only != nil {
		p = &only.party
	}
	x.runs.put(&c.run, p)
}

// run resolves what is to be resolved again, and returns what that has cost.
func (x *collections) run(ctx context.Context, r *run) time.Duration {
	if r.subscriber != nil {
		return x.resolveOne(ctx, r.subscriber)
	}
	return x.resolveAgain(ctx, r.collection)
}

// each reports whether a resolver is asked for each subscriber.
func each(exposed *exposure.Collection) bool { return exposed.Resolver != "" && !exposed.Shared }

// resolveAgain tells those subscribers of a collection of what it has now for
// whom that may have changed. Where a resolver is asked for each of them, each
// has a run of his own.
func (x *collections) resolveAgain(ctx context.Context, c *collection) time.Duration {
	exposed := x.engine.rules.Collection(c.id)
	if exposed == nil {
		return 0 // closed now: what is there stays as it is
	}
	stale := x.stale(c, exposed)
	if len(stale) == 0 || ctx.Err() != nil {
		return 0
	}
	if !each(exposed) {
		return x.resolveFor(ctx, c, exposed, stale)
	}
	for _, sub := range stale {
		x.runs.put(&sub.run, &sub.holder.party)
	}
	return 0
}

// resolveOne tells a subscriber of what a collection has for him now.
func (x *collections) resolveOne(ctx context.Context, sub *subscriber) time.Duration {
	c := sub.collection
	exposed := x.engine.rules.Collection(c.id)
	switch {
	case exposed == nil || ctx.Err() != nil || x.find(sub.session, c.id) != sub:
		return 0
	case !each(exposed): // no longer
		x.again(c)
		return 0
	case sub.seen.Load() == c.changes.Load():
		return 0
	}
	return x.resolveFor(ctx, c, exposed, []*subscriber{sub})
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
		x.again(c)
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
// they keep what they have; the next change tries it again. It returns what it has
// cost: what asking took, and of telling the part of one subscriber.
func (x *collections) resolveFor(ctx context.Context, c *collection, exposed *exposure.Collection, subs []*subscriber) time.Duration {
	now := c.changes.Load()
	for _, sub := range subs {
		sub.seen.Store(now)
	}
	if len(subs) == 1 && !subs[0].live() {
		return 0
	}
	began := time.Now()
	to, out, err := x.ask(ctx, c, subs[0].session, exposed)
	asked := time.Now()
	if err != nil {
		return asked.Sub(began)
	}
	differences := make(map[*answer]*difference)
	for part := range slices.Chunk(subs, batchSize) {
		x.tell(ctx, part, to, differences, &out)
		x.engine.hub.Relieve()
	}
	x.report(c.id, out)
	return asked.Sub(began) + time.Since(asked)/time.Duration(len(subs))
}

// ask asks what a collection has now, for a session or for all. What a resolver
// names is there. Errors are taken note of.
func (x *collections) ask(ctx context.Context, c *collection, s *hub.Session, exposed *exposure.Collection) (*answer, leftOut, error) {
	to, out, err := x.answer(ctx, c, s, exposed)
	store := exposed.Resolver == ""
	if err == nil && !store {
		store = true
		to, err = x.only(ctx, to, &out)
	}
	if err != nil {
		x.failed(ctx, c, err, store)
	}
	return to, out, err
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
	name := "failed " + c.id
	if isAway(err) {
		name = "away" // it concerns all of them
	}
	if x.seldom.say(name) {
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
		u.taken = x.present(u.subscriber, u.taken, out)
		x.show(u, &b)
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
	var fresh []backplane.Record
	for i := range u.taken {
		if _, known := b.records[u.taken[i].ID]; !known {
			fresh = append(fresh, backplane.Record{ID: u.taken[i].ID})
		}
	}
	_ = ask(len(fresh), func(i int) error {
		found, err := x.engine.record(ctx, fresh[i].ID)
		if err != nil {
			x.failed(ctx, u.collection, err, true)
			return nil // the others may be there
		}
		fresh[i] = found
		return nil
	})
	for _, found := range fresh {
		b.records[found.ID] = found
	}
	for i := range u.taken {
		r := &u.taken[i]
		r.read(b.records[r.ID])
	}
}

// show pushes what an update says, unless the subscription has ended.
func (x *collections) show(u *update, b *batch) {
	if !x.push(u, b) {
		x.drop(u.subscriber, u.taken)
		return
	}
	for i := range u.taken {
		u.taken[i].hold.Release()
	}
}

// push makes an update what the subscriber has been shown. It returns false where
// the subscription has ended.
func (x *collections) push(u *update, b *batch) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ended || !u.live() {
		return false
	}
	whole := len(u.taken) == len(u.difference.added)
	if len(u.taken)+len(u.difference.removed) > 0 {
		x.uncover(u.subscriber, u.difference.removed)
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
	return true
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
