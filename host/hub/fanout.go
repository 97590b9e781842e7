package hub

import "github.com/mesh-host/mesh-host/host/protocol"

// Publish hands a delivery to the subscribers of a topic on this node, to each
// in the form that it can use, and returns how many took it, now or once they
// have room. It waits for nothing; producers call Relieve afterwards. Deliveries
// of one topic arrive in the order of their Publish at every subscriber, those
// of concurrent calls in one order for all.
func (h *Hub) Publish(t Topic, d Delivery) int {
	return h.fanOut(t, &d, nil)
}

// Send is Publish for what goes to a room or a user, save the sessions whose
// ids except excludes; nil excludes none. except is called under a lock: it
// must not block nor use the hub.
func (h *Hub) Send(t Topic, p *protocol.Push, except func(id string) bool) int {
	return h.fanOut(t, &Delivery{Push: p}, except)
}

func (h *Hub) fanOut(t Topic, d *Delivery, except func(id string) bool) int {
	tp := h.topics.get(t)
	if tp == nil {
		return 0
	}
	took, late := tp.fanOut(d, except, &h.flusher)
	if late != nil {
		h.flusher.behind.Store(late)
	}
	return took
}

// Relieve lets a producer of pushes give a hand with writing them where the
// writers are behind: it would go on, ahead of them, until the outboxes are
// full of sessions that would have read everything. It is for producers that
// hold no lock, and takes about as long as writing to a few sessions does; it
// waits for no socket.
func (h *Hub) Relieve() {
	late := h.flusher.behind.Load()
	switch {
	case late == nil:
	case late.late():
		h.flusher.help(late)
	default:
		h.flusher.behind.CompareAndSwap(late, nil)
	}
}

// fanOut hands a delivery to all subscribers. late is the session that the
// flusher is most behind with, if it is.
func (tp *topic) fanOut(d *Delivery, except func(id string) bool, f *flusher) (took int, late *Session) {
	var called chain
	most := 0
	tp.mu.Lock()
	defer tp.mu.Unlock()
	for _, sub := range tp.subscribers {
		if except != nil && except(sub.session.id) {
			continue
		}
		taken, behind := sub.deliver(d, &called)
		if taken {
			took++
		}
		if behind > most {
			most, late = behind, sub.session
		}
		if called.length >= 4*turn {
			f.put(&called)
		}
	}
	f.put(&called)
	return took, late
}

// Subscribers returns how many sessions of this node subscribe to a topic.
func (h *Hub) Subscribers(t Topic) int {
	tp := h.topics.get(t)
	if tp == nil {
		return 0
	}
	tp.mu.Lock()
	defer tp.mu.Unlock()
	return len(tp.subscribers)
}

// EachSubscriber calls fn for every session that subscribes to a topic when it
// is called, outside of all locks.
func (h *Hub) EachSubscriber(t Topic, fn func(*Session)) {
	for _, s := range h.subscribers(t) {
		fn(s)
	}
}

func (h *Hub) subscribers(t Topic) []*Session {
	tp := h.topics.get(t)
	if tp == nil {
		return nil
	}
	tp.mu.Lock()
	defer tp.mu.Unlock()
	sessions := make([]*Session, len(tp.subscribers))
	for i, sub := range tp.subscribers {
		sessions[i] = sub.session
	}
	return sessions
}
