package hub

// Subscription is a session's place among the subscribers of a topic. It is
// safe for concurrent use.
type Subscription struct {
	session *Session
	topic   *topic
	index   uint32 // in topic.subscribers; guarded by the topic's lock

	// The outbox's lock guards what follows. A subscription whose deliveries
	// flow has no backlog.
	policy  Policy
	held    bool
	backlog *backlog
}

// Hold lets deliveries wait from now on, in order, until Release. They count
// against limits.outbox; at the bound the policy applies.
func (sub *Subscription) Hold() {
	o := &sub.session.outbox
	o.mu.Lock()
	defer o.mu.Unlock()
	sub.hold()
}

// hold is Hold; the outbox is locked, here and below.
func (sub *Subscription) hold() {
	if sub.backlog != nil && !sub.held {
		sub.session.outbox.noLongerWaits(sub)
	}
	sub.held = true
}

// begin is Hold with a new policy.
func (sub *Subscription) begin(p Policy) {
	o := &sub.session.outbox
	o.mu.Lock()
	defer o.mu.Unlock()
	sub.policy = p
	sub.hold()
}

// Release lets deliveries flow again. Of those that wait, those that are not
// after a position (of the same epoch, with an offset up to its own) are
// dropped; the others, and all that have no position, are pushed. It does
// nothing where the subscription is not held.
func (sub *Subscription) Release(after Position) {
	s := sub.session
	o := &s.outbox
	o.mu.Lock()
	defer o.mu.Unlock()
	if !sub.held {
		return
	}
	sub.held = false
	b := sub.backlog
	if b == nil {
		return
	}
	sub.backlog = nil
	o.waits -= b.size
	for i := range b.list {
		if d := &b.list[i].Delivery; d.Push != nil && !after.covers(d.Position) {
			sub.take(d)
		}
	}
	if b.missed(after) && o.open() {
		sub.await().lose(b.lost)
	}
	s.flushLater()
}

// end drops what waits of a subscription that has ended.
func (sub *Subscription) end() {
	o := &sub.session.outbox
	o.mu.Lock()
	defer o.mu.Unlock()
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
// it is to write, and tells whether that is behind.
func (sub *Subscription) deliver(d *Delivery, c *chain) (took, late bool) {
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
	if !o.open() {
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

// wait adds a delivery to those that wait already, or because it is held.
func (sub *Subscription) wait(d *Delivery) bool {
	o, b := &sub.session.outbox, sub.backlog
	switch {
	case b != nil && b.gap:
		b.lose(d.Position) // what follows a gap comes after it
		return false
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
		sub.await().lose(d.Position)
		return false
	case Conflate:
		return sub.conflate(d)
	}
	sub.session.closeLocked(slowConsumer)
	return false
}

// conflate lets a delivery wait as the newest of its key.
func (sub *Subscription) conflate(d *Delivery) bool {
	o, b := &sub.session.outbox, sub.await()
	o.waits += b.conflate()
	o.waits += b.add(entry{*d, d.cost(sub.session.Dialect())})
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
