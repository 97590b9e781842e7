package hub

import (
	"slices"

	"github.com/mesh-host/mesh-host/host/protocol"
)

// seen is how far a session is with a topic: deliveries up to there are passed
// over. A subscription has one while it makes a difference: from a reply until
// the first delivery after what that contained, and always where it gets patches.
type seen struct {
	Position
	// based says that a patch may follow: the client that gets patches has what
	// is at the position.
	based bool
	// again says that what is at the position itself is to be pushed, should it
	// still come: not all who read have seen a reply that contained it. knowing
	// are those who have, nil for the direct subscription.
	again   bool
	knowing []any
}

// past reports whether a delivery is to be passed over.
func (x *seen) past(p Position) bool {
	return x != nil && x.covers(p) && !(x.again && x.Position == p)
}

// bases reports whether a patch may be used.
func (x *seen) bases(p Position) bool {
	return x != nil && x.based && x.precedes(p)
}

// patching reports whether the session gets patches. One that a collection
// shows a record to has nothing that they could be applied to.
func (sub *subscription) patching() bool { return sub.patches && sub.covers == 0 }

// form returns what of a delivery the client can use when it comes next. One
// that is to get patches does not before it has read the reply that says so.
func (sub *subscription) form(d *Delivery) *protocol.Push {
	if sub.patching() && sub.seen.bases(d.Position) && sub.unanswered() == nil {
		return d.Push
	}
	return d.whole()
}

// advance takes note of a delivery that is pending.
func (sub *subscription) advance(p Position) {
	x := sub.seen
	switch {
	case sub.patches:
		if x == nil {
			x = &seen{}
			sub.seen = x
		}
		*x = seen{Position: p, based: true}
	case x == nil:
	case sub.topic.Kind == RecordTopic || p.numbered() && p.Epoch == x.Epoch:
		sub.seen = nil // in order: what has been seen can come no more
	}
}

// told takes note of what a hold's reply tells the client.
func (sub *subscription) told(h *Hold) {
	c := h.contained
	switch x := sub.seen; {
	case !c.numbered():
		if x == nil && sub.patches && !h.cover {
			sub.seen = &seen{based: true} // that there is nothing yet
		}
		return
	case x == nil || !x.covers(c):
		sub.seen = &seen{Position: c, based: !h.cover, again: h.shared}
	case x.Position == c:
		x.based = x.based || !h.cover
	}
	sub.knowsToo(h)
	if sub.topic.Kind == RecordTopic {
		sub.supersede(c)
	}
}

// knowsToo takes note that the reply of a hold contains what was seen, or more.
func (sub *subscription) knowsToo(h *Hold) {
	x := sub.seen
	if x == nil || !x.again || h.left || !h.contained.covers(x.Position) || slices.Contains(x.knowing, h.reader) {
		return
	}
	x.knowing = append(x.knowing, h.reader)
	sub.settle()
}

// leaves takes note that a reader is none any more, nil for the direct
// subscription. A hold of his may go on.
func (sub *subscription) leaves(reader any) {
	for h := sub.held; h != nil; h = h.next {
		h.left = h.left || h.reader == reader
	}
	if x := sub.seen; x != nil && x.again {
		x.knowing = slices.DeleteFunc(x.knowing, func(other any) bool { return other == reader })
		sub.settle()
	}
}

// settle ends again once all who read know what was seen.
func (sub *subscription) settle() {
	if x := sub.seen; len(x.knowing) >= sub.reasons() {
		x.again, x.knowing = false, nil
	}
}

// supersede drops the versions that wait and are older than one that the client
// has been told of, of whatever epoch: pushed after that, they would set it back.
func (sub *subscription) supersede(p Position) {
	b := sub.backlog
	if b == nil {
		return
	}
	n := b.upTo(p)
	if n > 0 && !sub.seen.past(b.list[n-1].Position) {
		n--
	}
	sub.cut(n)
}
