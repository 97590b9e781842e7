package hub

import (
	"slices"
	"strings"
	"sync"

	"github.com/mesh-host/mesh-host/host/protocol"
)

// subscriptions are the topics of a session. Most sessions have few, some have
// thousands: a sorted slice is small for the former and fast enough for the
// latter.
type subscriptions struct {
	mu    sync.Mutex
	list  []*subscription // by kind and name
	count [kinds]int32    // of direct ones
	gone  *[]Topic        // once they have ended: what was left then
}

var nothing []Topic

func compareTopics(a, b Topic) int {
	if a.Kind != b.Kind {
		return int(a.Kind) - int(b.Kind)
	}
	return strings.Compare(a.Name, b.Name)
}

// find returns the place of a topic, and whether it is there; the lock is held.
func (x *subscriptions) find(t Topic) (int, bool) {
	return slices.BinarySearchFunc(x.list, t, func(sub *subscription, t Topic) int {
		return compareTopics(sub.topic.Topic, t)
	})
}

// get returns the subscription to a topic, nil where there is none, and its
// place; the lock is held.
func (x *subscriptions) get(t Topic) (sub *subscription, i int) {
	i, found := x.find(t)
	if found {
		sub = x.list[i]
	}
	return sub, i
}

// Subscribe makes a session a direct subscriber of a topic, whose deliveries
// are held until the hold is released. Where it is one already, the new terms
// apply. isNew says that it was none, be the topic covered or not. It returns
// nil where the session has ended.
func (h *Hub) Subscribe(s *Session, t Topic, terms Terms) (hold *Hold, isNew bool) {
	x := &s.subscriptions
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.gone != nil {
		return nil, false
	}
	sub, i := x.get(t)
	if isNew = sub == nil || !sub.direct; isNew {
		x.count[t.Kind]++
	}
	if sub != nil {
		return sub.subscribe(terms), isNew
	}
	sub = &subscription{session: s}
	hold = sub.subscribe(terms)
	h.addSubscription(t, sub, i)
	return hold, true
}

// Cover makes a session a subscriber of a topic for the sake of something that
// shows it, a collection: the session gets each delivery once, and as a Whole
// where there is one, however often the topic is covered and whether or not it
// is subscribed to directly. p is the policy where that is not. Deliveries are
// held until the hold is released. reader is whoever shows the topic, a
// comparable value other than nil, and covers it once: what all readers have been
// told of in replies is not pushed. It returns nil where the session has ended.
func (h *Hub) Cover(s *Session, t Topic, p Policy, reader any) *Hold {
	x := &s.subscriptions
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.gone != nil {
		return nil
	}
	sub, i := x.get(t)
	if sub != nil {
		return sub.cover(p, reader)
	}
	sub = &subscription{session: s}
	hold := sub.cover(p, reader)
	h.addSubscription(t, sub, i)
	return hold
}

// addSubscription adds a subscription to a topic, and to its place among the
// session's, whose lock is held.
func (h *Hub) addSubscription(t Topic, sub *subscription, i int) {
	x := &sub.session.subscriptions
	h.topics.add(t, sub)
	x.list = slices.Insert(x.list, i, sub)
}

// Uncover takes a reader's Cover back, and reports whether there was one. With the
// last, the terms of a direct subscription apply again, and without such a one
// nothing of the topic is pushed once it returns. A hold that Cover has begun
// goes on until its Release.
func (h *Hub) Uncover(s *Session, t Topic, reader any) bool {
	x := &s.subscriptions
	x.mu.Lock()
	defer x.mu.Unlock()
	sub, i := x.get(t)
	if sub == nil || sub.covers == 0 {
		return false
	}
	if sub.covers == 1 && !sub.direct {
		h.removeSubscription(sub, i)
	}
	sub.uncover(reader)
	return true
}

// Unsubscribe ends a session's direct subscription and what holds for it, and
// reports whether there was one. Nothing of the topic is pushed once it
// returns, unless it is covered.
func (h *Hub) Unsubscribe(s *Session, t Topic) bool {
	x := &s.subscriptions
	x.mu.Lock()
	defer x.mu.Unlock()
	sub, i := x.get(t)
	if sub == nil {
		return false
	}
	was := x.noLongerDirect(sub)
	if sub.covers == 0 {
		h.removeSubscription(sub, i)
	}
	sub.unsubscribe() // ends the holds of one that has been dismissed, too
	return was
}

// EndSubscription is Unsubscribe with a push that tells the client, where there
// was a direct subscription: after the reply that began it, see Answered, for
// which its hold goes on.
func (h *Hub) EndSubscription(s *Session, t Topic, farewell *protocol.Push) bool {
	x := &s.subscriptions
	x.mu.Lock()
	defer x.mu.Unlock()
	sub, i := x.get(t)
	if sub == nil || !x.noLongerDirect(sub) {
		return false
	}
	if sub.covers == 0 {
		h.removeSubscription(sub, i)
	}
	sub.dismiss(farewell)
	return true
}

// noLongerDirect takes a direct subscription from the count, and reports
// whether it is one; the lock is held.
func (x *subscriptions) noLongerDirect(sub *subscription) bool {
	if sub.direct {
		x.count[sub.topic.Kind]--
	}
	return sub.direct
}

// removeSubscription takes a subscription from its topic, and from its place
// among the session's, whose lock is held.
func (h *Hub) removeSubscription(sub *subscription, i int) {
	x := &sub.session.subscriptions
	x.list = slices.Delete(x.list, i, i+1)
	h.topics.remove(sub)
}

// EndSubscriptions ends all subscriptions of the session, which can begin no
// more, and returns the topics of the direct ones, the same ones every time. End
// does it too.
func (s *Session) EndSubscriptions() []Topic {
	x := &s.subscriptions
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.gone != nil {
		return *x.gone
	}
	if len(x.list) == 0 {
		x.gone = &nothing
		return nil
	}
	gone := make([]Topic, 0, len(x.list))
	for _, sub := range x.list {
		s.hub.topics.remove(sub)
		if sub.direct {
			gone = append(gone, sub.topic.Topic)
		}
		sub.end()
	}
	x.list, x.count, x.gone = nil, [kinds]int32{}, &gone
	return gone
}

// Subscribed reports whether the session subscribes to a topic directly.
func (s *Session) Subscribed(t Topic) bool {
	x := &s.subscriptions
	x.mu.Lock()
	defer x.mu.Unlock()
	sub, _ := x.get(t)
	return sub != nil && sub.direct
}

// Subscriptions returns to how many topics of a kind the session subscribes
// directly.
func (s *Session) Subscriptions(k Kind) int {
	x := &s.subscriptions
	x.mu.Lock()
	defer x.mu.Unlock()
	return int(x.count[k])
}

// Topics returns the names of the topics of a kind that the session subscribes
// to directly, sorted.
func (s *Session) Topics(k Kind) []string {
	x := &s.subscriptions
	x.mu.Lock()
	defer x.mu.Unlock()
	var names []string
	for i, _ := x.find(Topic{Kind: k}); i < len(x.list) && x.list[i].topic.Kind == k; i++ {
		if x.list[i].direct {
			names = append(names, x.list[i].topic.Name)
		}
	}
	return names
}
