package hub

import "github.com/mesh-host/mesh-host/host/protocol"

// Hold keeps the deliveries of a subscription back, in order, while its caller
// reads what is there already and replies with that. Each Subscribe and each
// Cover begins one, which its caller must Release, whatever happens; it is safe
// for concurrent use. What waits counts against limits.outbox; at the bound the
// policy applies.
//
// The caller says what its reply contains, up to a position: before the reply
// with ReleaseUpTo, and after it with Answered. Nothing after that position is
// pushed before the reply, and nothing up to it afterwards, so the client is
// never set back.
//
// Several callers may hold one subscription, each for its own reply. A delivery
// is pushed once none of them keeps it back: a hold keeps back everything until
// it has said what its reply contains, then what comes after that, and nothing
// once it is released. So the release of one lets nothing overtake the reply of
// another. What one reply contains while another hold keeps it back can be
// pushed neither before the reply, nor after it: of that the newest remains, as
// a whole, and the versions before it are passed over.
type Hold struct {
	sub  *subscription
	next *Hold // the one that began after it

	// The outbox's lock guards what follows.
	said      bool // contained is known
	contained Position
	answered  bool // the reply is in the outbox
	cover     bool // it is that of a Cover
	reader    any  // whose it is; see Cover
	left      bool // the reader is none any more
	shared    bool // there has been another reason for the subscription
	// farewell is what the client is told of the end of what the reply begins,
	// once that is in the outbox.
	farewell *protocol.Push
}

// ReleaseUpTo is called before the reply, with what that contains. Where there
// is another reason for the subscription, that one's readers may never see this
// reply: what waits up to the position and is new to them is pushed, in order;
// otherwise nothing happens.
func (h *Hold) ReleaseUpTo(contained Position) {
	sub := h.sub
	o := &sub.session.outbox
	o.mu.Lock()
	defer o.mu.Unlock()
	if h.shared && !h.said && sub.holds(h) {
		h.said, h.contained = true, contained
		sub.knowsToo(h)
		sub.pushAllowed()
		sub.told(h)
	}
}

// Answered takes note that the reply is in the outbox, and of what it
// contained; the zero Position is nothing. What is up to there is pushed no
// more, also if it comes late. A farewell that had to wait for the reply is
// pushed. Deliveries go on waiting, for no more than a courtesy, until Release.
func (h *Hold) Answered(contained Position) {
	sub := h.sub
	o := &sub.session.outbox
	o.mu.Lock()
	defer o.mu.Unlock()
	h.answered = true
	if !h.said && sub.holds(h) {
		h.said, h.contained = true, contained
		sub.told(h)
	}
	if p := h.farewell; p != nil {
		h.farewell = nil
		sub.session.sendLocked(p)
	}
}

// Release ends the hold: what waits is pushed as far as no other hold keeps it
// back. Without Answered it is that of one whose reply has not come. It does
// nothing where the hold has ended, with its subscription, with Unsubscribe, or
// for courtesy with the next Subscribe.
func (h *Hold) Release() {
	sub := h.sub
	o := &sub.session.outbox
	o.mu.Lock()
	defer o.mu.Unlock()
	if sub.holds(h) {
		sub.endHolds(func(other *Hold) bool { return other == h })
	}
}

// hold begins a hold; the outbox is locked, here and below.
func (sub *subscription) hold(h *Hold) *Hold {
	if sub.backlog != nil && sub.held == nil {
		sub.session.outbox.noLongerWaits(sub)
	}
	last := &sub.held
	for *last != nil {
		last = &(*last).next
	}
	*last = h
	if sub.reasons() > 1 {
		for h := sub.held; h != nil; h = h.next {
			h.shared = true
		}
	}
	return h
}

// holds reports whether a hold is one of the subscription's.
func (sub *subscription) holds(h *Hold) bool {
	other := sub.held
	for other != nil && other != h {
		other = other.next
	}
	return other != nil
}

// endHolds ends some of the holds, and pushes what they have kept back.
func (sub *subscription) endHolds(which func(*Hold) bool) {
	ended := false
	for at := &sub.held; *at != nil; {
		if which(*at) {
			*at, ended = (*at).next, true
		} else {
			at = &(*at).next
		}
	}
	switch {
	case !ended:
	case sub.held == nil:
		sub.flow()
	default:
		sub.pushAllowed()
	}
}

// endCourtesy ends the holds of a direct subscription that wait for no more
// than a courtesy: its time is over when that begins anew or ends.
func (sub *subscription) endCourtesy() {
	sub.endHolds(func(h *Hold) bool { return h.answered && !h.cover })
}

// unanswered returns the newest hold of a direct subscription whose reply is
// still to come, nil where there is none.
func (sub *subscription) unanswered() (newest *Hold) {
	for h := sub.held; h != nil; h = h.next {
		if !h.cover && !h.answered {
			newest = h
		}
	}
	return newest
}

// allowed returns how many of those that wait no hold keeps back. One that has
// not said what its reply contains keeps back all.
func (sub *subscription) allowed() int {
	n := len(sub.backlog.list)
	for h := sub.held; h != nil; h = h.next {
		n = min(n, sub.backlog.upTo(h.contained))
	}
	return n
}

// pushAllowed pushes those that wait and that no hold keeps back, as far as
// there is room.
func (sub *subscription) pushAllowed() {
	b := sub.backlog
	if b == nil || !sub.session.outbox.open() {
		return
	}
	n, done := sub.allowed(), 0
	for done < n && sub.pushWaiting(&b.list[done].Delivery) {
		done++
	}
	if done < n && sub.policy() == Disconnect {
		sub.session.closeLocked(slowConsumer)
		return
	}
	sub.cut(done)
	sub.session.flushLater()
}

// pushWaiting pushes a delivery that waits, unless it is to be passed over, and
// reports whether there was room.
func (sub *subscription) pushWaiting(d *Delivery) bool {
	return d.Push == nil || sub.seen.past(d.Position) || sub.push(d)
}

// cut drops the first n of those that wait while they are held.
func (sub *subscription) cut(n int) {
	b := sub.backlog
	sub.session.outbox.waits -= b.cut(n)
	if len(b.list) == 0 && !b.gap {
		sub.backlog = nil
	}
}

// flow lets deliveries flow again: all that wait go on.
func (sub *subscription) flow() {
	o, b := &sub.session.outbox, sub.backlog
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
	if b.gap && !sub.hasLost(b) && o.open() {
		sub.await().loseAll(b)
	}
	sub.session.flushLater()
}

// hasLost reports whether all who read have seen what a backlog has lost.
func (sub *subscription) hasLost(b *backlog) bool {
	return !b.unnumbered && sub.seen != nil && !sub.seen.again && sub.seen.covers(b.lost)
}
