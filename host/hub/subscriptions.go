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
	list  []*Subscription // by kind and name
	count [kinds]int32
	gone  *[]Topic // once they have ended: what was left then
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
	return slices.BinarySearchFunc(x.list, t, func(sub *Subscription, t Topic) int {
		return compareTopics(sub.topic.Topic, t)
	})
}

// Subscribe makes a session a subscriber of a topic, whose deliveries are held
// until Release. Where it is one already, its subscription gets the policy and
// is held as well. It returns nil where the session has ended.
func (h *Hub) Subscribe(s *Session, t Topic, p Policy) (sub *Subscription, isNew bool) {
	x := &s.subscriptions
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.gone != nil {
		return nil, false
	}
	i, found := x.find(t)
	if found {
		sub = x.list[i]
		sub.begin(p)
		return sub, false
	}
	sub = &Subscription{session: s, policy: p, held: true}
	h.topics.add(t, sub)
	x.list = slices.Insert(x.list, i, sub)
	x.count[t.Kind]++
	return sub, true
}

// Unsubscribe ends a session's subscription and reports whether there was one.
// Nothing of the topic is pushed once it returns.
func (h *Hub) Unsubscribe(s *Session, t Topic) bool { return h.EndSubscription(s, t, nil) }

// EndSubscription is Unsubscribe with a push that tells the client, where there
// was a subscription: after the reply that began it, see Answered.
func (h *Hub) EndSubscription(s *Session, t Topic, farewell *protocol.Push) bool {
	x := &s.subscriptions
	x.mu.Lock()
	defer x.mu.Unlock()
	i, found := x.find(t)
	if !found {
		return false
	}
	sub := x.list[i]
	x.list = slices.Delete(x.list, i, i+1)
	x.count[t.Kind]--
	h.topics.remove(sub)
	sub.end(farewell)
	return true
}

// EndSubscriptions ends all subscriptions of the session, which can begin no
// more, and returns their topics: the same ones every time. End does it too.
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
		sub.end(nil)
		gone = append(gone, sub.topic.Topic)
	}
	x.list, x.count, x.gone = nil, [kinds]int32{}, &gone
	return gone
}

// Subscribed reports whether the session subscribes to a topic.
func (s *Session) Subscribed(t Topic) bool {
	x := &s.subscriptions
	x.mu.Lock()
	defer x.mu.Unlock()
	_, found := x.find(t)
	return found
}

// Subscriptions returns to how many topics of a kind the session subscribes.
func (s *Session) Subscriptions(k Kind) int {
	x := &s.subscriptions
	x.mu.Lock()
	defer x.mu.Unlock()
	return int(x.count[k])
}

// Topics returns the names of the topics of a kind that the session subscribes
// to, sorted.
func (s *Session) Topics(k Kind) []string {
	x := &s.subscriptions
	x.mu.Lock()
	defer x.mu.Unlock()
	var names []string
	for i, _ := x.find(Topic{Kind: k}); i < len(x.list) && x.list[i].topic.Kind == k; i++ {
		names = append(names, x.list[i].topic.Name)
	}
	return names
}
