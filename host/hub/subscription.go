package hub

import "github.com/mesh-host/mesh-host/host/protocol"

// subscription is a session's place among the subscribers of a topic: one,
// however many reasons there are for it. The session may have subscribed to the
// topic directly, and any number of collections that it shows may cover it.
type subscription struct {
	session *Session
	topic   *topic
	index   uint32 // in topic.subscribers; guarded by the topic's lock

	// The outbox's lock guards what follows. The reasons change under that of
	// the session's subscriptions as well, and may be read under either. A
	// subscription whose deliveries flow has no backlog.
	covers       uint32
	direct       bool
	patches      bool // Terms.Patches of the direct one
	directPolicy Policy
	coverPolicy  Policy
	held         *Hold // the holds, oldest first
	backlog      *backlog
	seen         *seen
}

// subscribe makes the session a direct subscriber, or makes it one anew.
func (sub *subscription) subscribe(t Terms) *Hold {
	o := &sub.session.outbox
	o.mu.Lock()
	defer o.mu.Unlock()
	sub.endCourtesy()
	sub.direct, sub.directPolicy, sub.patches = true, t.Policy, t.Patches
	return sub.hold(&Hold{sub: sub})
}

// cover counts one more cover.
func (sub *subscription) cover(p Policy, reader any) *Hold {
	o := &sub.session.outbox
	o.mu.Lock()
	defer o.mu.Unlock()
	sub.covers++
	sub.coverPolicy = p
	return sub.hold(&Hold{sub: sub, cover: true, reader: reader})
}

// uncover takes a reader's cover back.
func (sub *subscription) uncover(reader any) {
	o := &sub.session.outbox
	o.mu.Lock()
	defer o.mu.Unlock()
	sub.covers--
	sub.leaves(reader)
	sub.endIfLast()
}

// unsubscribe ends the direct subscription, and whatever holds for it.
func (sub *subscription) unsubscribe() {
	o := &sub.session.outbox
	o.mu.Lock()
	defer o.mu.Unlock()
	sub.endCourtesy()
	sub.endDirect()
	sub.endIfLast()
	sub.endHolds(func(h *Hold) bool { return !h.cover })
}

// dismiss ends the direct subscription and tells the client with a push: not
// before it has been told of the beginning.
func (sub *subscription) dismiss(farewell *protocol.Push) {
	o := &sub.session.outbox
	o.mu.Lock()
	defer o.mu.Unlock()
	sub.endCourtesy()
	if h := sub.unanswered(); h != nil {
		h.farewell = farewell
	} else {
		sub.session.sendLocked(farewell)
	}
	sub.endDirect()
	sub.endIfLast()
}

// endDirect ends the direct subscription; the outbox is locked.
func (sub *subscription) endDirect() {
	sub.direct, sub.patches = false, false
	sub.leaves(nil)
}

// end ends the subscription for all reasons.
func (sub *subscription) end() {
	o := &sub.session.outbox
	o.mu.Lock()
	defer o.mu.Unlock()
	sub.direct, sub.patches, sub.covers = false, false, 0
	sub.endIfLast()
}

// endIfLast drops what waits and whatever holds it where no reason is left.
func (sub *subscription) endIfLast() {
	if sub.reasons() > 0 {
		return
	}
	o := &sub.session.outbox
	if b := sub.backlog; b != nil {
		if sub.held == nil {
			o.noLongerWaits(sub)
		}
		o.waits -= b.size
	}
	sub.held, sub.backlog = nil, nil
}

// reasons counts what the subscription is there for.
func (sub *subscription) reasons() int {
	if sub.direct {
		return int(sub.covers) + 1
	}
	return int(sub.covers)
}

// policy returns the policy that applies: the direct subscription's, where there
// is one.
func (sub *subscription) policy() Policy {
	if sub.direct {
		return sub.directPolicy
	}
	return sub.coverPolicy
}

// deliver hands a delivery over and reports whether the session takes it, now
// or once there is room. It adds the session to a chain for the flusher where
// it is to write; late is what it has left pending for long, in bytes.
func (sub *subscription) deliver(d *Delivery, c *chain) (took bool, late int) {
	s := sub.session
	o := &s.outbox
	o.mu.Lock()
	late = o.late()
	if took = sub.take(d); took {
		s.call(c)
	}
	o.mu.Unlock()
	return took, late
}

// take pushes a delivery, or does with it what the subscription's state asks
// for.
func (sub *subscription) take(d *Delivery) bool {
	switch {
	case !sub.session.outbox.open() || sub.seen.past(d.Position):
		return false
	case sub.held != nil || sub.backlog != nil:
		return sub.wait(d)
	}
	return sub.push(d) || sub.overflow(d)
}

// push makes a delivery pending, in the form that the client can use, and
// reports whether there was room.
func (sub *subscription) push(d *Delivery) bool {
	o := &sub.session.outbox
	frame := sub.form(d).Frame(sub.session.Dialect())
	if !o.fits(len(frame)) {
		return false
	}
	o.push(frame)
	sub.advance(d.Position)
	return true
}

// wait adds a delivery to those that wait already, or because it is held.
func (sub *subscription) wait(d *Delivery) bool {
	o, b := &sub.session.outbox, sub.backlog
	switch {
	case b != nil && b.gap:
		return sub.drop(d) // what follows a gap comes after it
	case b != nil && b.newest != nil:
		return sub.conflate(d)
	}
	p := d.Push
	if !sub.patching() {
		p = d.whole()
	}
	e := d.waiting(p, sub.session.Dialect())
	if waits := o.pushed + o.waits; waits > 0 && waits+e.cost > o.limit {
		return sub.overflow(d)
	}
	o.waits += sub.await().add(e)
	return true
}

// overflow is what becomes of a delivery for which there is no room.
func (sub *subscription) overflow(d *Delivery) bool {
	switch sub.policy() {
	case Drop:
		return sub.drop(d)
	case Conflate:
		return sub.conflate(d)
	}
	sub.session.closeLocked(slowConsumer)
	return false
}

// drop takes note of a delivery that the session does not get.
func (sub *subscription) drop(d *Delivery) bool {
	sub.await().lose(d.Position)
	sub.session.hub.slow.dropped.Add(1)
	return false
}

// conflate lets a delivery wait as the newest of its key.
func (sub *subscription) conflate(d *Delivery) bool {
	o, b, dialect := &sub.session.outbox, sub.await(), sub.session.Dialect()
	before := b.len()
	e := d.wholly(dialect)
	o.waits += b.conflate(dialect) + b.add(e)
	sub.session.hub.slow.dropped.Add(uint64(before + 1 - b.len()))
	if o.waits > o.limit && o.waits > e.cost {
		sub.session.closeLocked(slowConsumer)
		return false
	}
	return true
}

// await returns the backlog, made where there is none. Unless it is held, the
// outbox empties it when there is room.
func (sub *subscription) await() *backlog {
	if sub.backlog == nil {
		sub.backlog = &backlog{}
		if o := &sub.session.outbox; sub.held == nil {
			o.waiting = append(o.waiting, sub)
		}
	}
	return sub.backlog
}

// refill pushes what waits; the outbox is open.
func (sub *subscription) refill() {
	o, b, dialect := &sub.session.outbox, sub.backlog, sub.session.Dialect()
	sub.backlog = nil
	o.waits -= b.size
	for i := range b.list {
		if d := &b.list[i].Delivery; d.Push != nil && !sub.seen.past(d.Position) {
			o.push(sub.form(d).Frame(dialect))
			sub.advance(d.Position)
		}
	}
	if b.gap {
		o.push(gapPush(sub.topic.Topic, b.lost).Frame(dialect))
	}
}
