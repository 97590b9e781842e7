package hub

import "github.com/mesh-host/mesh-host/host/protocol"

// Subscription is a session's place among the subscribers of a topic. It is
// safe for concurrent use.
type Subscription struct {
	session *Session
	topic   *topic
	index   uint32 // in topic.subscribers; guarded by the topic's lock

	// The outbox's lock guards what follows. A subscription whose deliveries
	// flow has no backlog.
	policy   Policy
	held     bool
	answered bool   // what began the hold is in the outbox
	hold     uint32 // counts the holds
	// contained is what the answer has told the client.
	contained Position
	backlog   *backlog
	// farewell is what the client is told of the subscription's end once what
	// began it is in the outbox.
	farewell *protocol.Push
	// known is what the latest Release has said that the session has, until the
	// first delivery after it: a history may know of messages that are still on
	// their way.
	known *Position
}

// Hold lets deliveries wait from now on, in order, until Release. They count
// against limits.outbox; at the bound the policy applies.
func (sub *Subscription) Hold() {
	o := &sub.session.outbox
	o.mu.Lock()
	defer o.mu.Unlock()
	sub.beginHold()
}

// beginHold is Hold; the outbox is locked, here and below.
func (sub *Subscription) beginHold() {
	sub.endCourtesy()
	if sub.backlog != nil && !sub.held {
		sub.session.outbox.noLongerWaits(sub)
	}
	sub.held, sub.answered = true, false
	sub.hold++
}

// endCourtesy releases what waits for no more than a courtesy: its time is over
// when the subscription begins anew or ends.
func (sub *Subscription) endCourtesy() {
	if sub.held && sub.answered {
		sub.release(sub.contained)
	}
}

// Answered takes note that what began the hold, such as a reply, is in the
// outbox, and of what it contained, and returns the hold's number for
// ReleaseHold. A farewell that had to wait for it is pushed.
func (sub *Subscription) Answered(contained Position) (hold uint32) {
	o := &sub.session.outbox
	o.mu.Lock()
	defer o.mu.Unlock()
	sub.answered, sub.contained = true, contained
	if p := sub.farewell; p != nil {
		sub.farewell = nil
		sub.session.sendLocked(p)
	}
	return sub.hold
}

// ReleaseHold is Release after what was contained in the answer, unless a newer
// hold than that one has begun.
func (sub *Subscription) ReleaseHold(hold uint32) {
	o := &sub.session.outbox
	o.mu.Lock()
	defer o.mu.Unlock()
	if sub.hold == hold {
		sub.release(sub.contained)
	}
}

// begin is Hold with a new policy.
func (sub *Subscription) begin(p Policy) {
	o := &sub.session.outbox
	o.mu.Lock()
	defer o.mu.Unlock()
	sub.policy = p
	sub.beginHold()
}

// Release lets deliveries flow again. Of those that wait, those that are not
// after a position (of the same epoch, with an offset up to its own) are
// dropped; the others, and all that have no position, are pushed. Those that
// are not after it and come late are dropped as well. It does nothing where the
// subscription is not held.
func (sub *Subscription) Release(after Position) {
	o := &sub.session.outbox
	o.mu.Lock()
	defer o.mu.Unlock()
	sub.release(after)
}

func (sub *Subscription) release(after Position) {
	s := sub.session
	o := &s.outbox
	if !sub.held {
		return
	}
	sub.held = false
	if after.numbered() {
		known := after
		sub.known = &known
	}
	b := sub.backlog
	if b == nil {
		return
	}
	sub.backlog = nil
	o.waits -= b.size
	for i := range b.list {
		if d := &b.list[i].Delivery; d.Push != nil {
			sub.take(d)
		}
	}
	if b.missed(after) && o.open() {
		sub.await().loseAll(b)
	}
	s.flushLater()
}

// end drops what waits of a subscription that has ended, and tells the client
// with a push, nil for none: not before it has been told of the beginning.
func (sub *Subscription) end(farewell *protocol.Push) {
	o := &sub.session.outbox
	o.mu.Lock()
	defer o.mu.Unlock()
	sub.endCourtesy()
	if farewell != nil && sub.held {
		sub.farewell = farewell
	} else if farewell != nil {
		sub.session.sendLocked(farewell)
	}
	if b := sub.backlog; b != nil {
		if !sub.held {
			o.noLongerWaits(sub)
		}
		o.waits -= b.size
	}
	sub.held, sub.backlog = false, nil
}

// deliver hands a delivery over and reports whether the session takes it, now
// or once there is room. It adds the session to a chain for the flusher where
// it is to write; late is what it has left pending for long, in bytes.
func (sub *Subscription) deliver(d *Delivery, c *chain) (took bool, late int) {
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
func (sub *Subscription) take(d *Delivery) bool {
	s := sub.session
	o := &s.outbox
	if !o.open() || sub.known != nil && sub.knows(d.Position) {
		return false
	}
	if sub.held || sub.backlog != nil {
		return sub.wait(d)
	}
	frame := d.Push.Frame(s.Dialect())
	if !o.fits(len(frame)) {
		return sub.overflow(d)
	}
	o.push(frame)
	return true
}

// knows reports whether the session has what is at a position. Deliveries of
// an epoch come in order: after the first that it has not, it has none.
func (sub *Subscription) knows(p Position) bool {
	if sub.known.covers(p) {
		return true
	}
	if p.Epoch == sub.known.Epoch && p.numbered() {
		sub.known = nil
	}
	return false
}

// wait adds a delivery to those that wait already, or because it is held.
func (sub *Subscription) wait(d *Delivery) bool {
	o, b := &sub.session.outbox, sub.backlog
	switch {
	case b != nil && b.gap:
		return sub.drop(d) // what follows a gap comes after it
	case b != nil && b.newest != nil:
		return sub.conflate(d)
	}
	cost := d.cost(sub.session.Dialect())
	if waits := o.pushed + o.waits; waits > 0 && waits+cost > o.limit {
		return sub.overflow(d)
	}
	o.waits += sub.await().add(entry{*d, cost})
	return true
}

// overflow is what becomes of a delivery for which there is no room.
func (sub *Subscription) overflow(d *Delivery) bool {
	switch sub.policy {
	case Drop:
		return sub.drop(d)
	case Conflate:
		return sub.conflate(d)
	}
	sub.session.closeLocked(slowConsumer)
	return false
}

// drop takes note of a delivery that the session does not get.
func (sub *Subscription) drop(d *Delivery) bool {
	sub.await().lose(d.Position)
	sub.session.hub.slow.dropped.Add(1)
	return false
}

// conflate lets a delivery wait as the newest of its key.
func (sub *Subscription) conflate(d *Delivery) bool {
	o, b := &sub.session.outbox, sub.await()
	before := b.len()
	o.waits += b.conflate()
	o.waits += b.add(entry{*d, d.cost(sub.session.Dialect())})
	sub.session.hub.slow.dropped.Add(uint64(before + 1 - b.len()))
	if o.waits > o.limit && len(b.newest) > 1 {
		sub.session.closeLocked(slowConsumer)
		return false
	}
	return true
}

// await returns the backlog, made where there is none. Unless it waits to be
// released, the outbox empties it when there is room.
func (sub *Subscription) await() *backlog {
	if sub.backlog == nil {
		sub.backlog = &backlog{}
		if o := &sub.session.outbox; !sub.held {
			o.waiting = append(o.waiting, sub)
		}
	}
	return sub.backlog
}

// refill pushes what waits; the outbox is open.
func (sub *Subscription) refill() {
	o, b, dialect := &sub.session.outbox, sub.backlog, sub.session.Dialect()
	sub.backlog = nil
	o.waits -= b.size
	for i := range b.list {
		if p := b.list[i].Push; p != nil {
			o.push(p.Frame(dialect))
		}
	}
	if b.gap {
		o.push(gapPush(sub.topic.Topic, b.lost).Frame(dialect))
	}
}
