package memory

import (
	"context"
	"strings"
	"sync"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// bus implements backplane.Bus for a node.
type bus struct{ node *Node }

// Subscribe implements backplane.Bus.
func (b bus) Subscribe(ctx context.Context, t backplane.Topic) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if t.Kind == backplane.AllRecords {
		b.node.allRecords.Store(true)
		return nil
	}
	b.node.topics.add(b.node.store.hash(t.Name), t)
	return nil
}

// Unsubscribe implements backplane.Bus.
func (b bus) Unsubscribe(ctx context.Context, t backplane.Topic) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if t.Kind == backplane.AllRecords {
		b.node.allRecords.Store(false)
		return nil
	}
	b.node.topics.remove(b.node.store.hash(t.Name), t)
	return nil
}

// Instruct implements backplane.Bus. Every node looks among its own
// connections for those that are meant; all of them have answered when it
// returns.
func (b bus) Instruct(ctx context.Context, to backplane.Audience, what backplane.Instruction) (reached int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	for _, n := range *b.node.store.live.Load() {
		if r := n.receiver.Load(); r != nil {
			reached += (*r).Instruct(to, what)
		}
	}
	return reached, nil
}

// deliverMessage gives a message to the nodes that have subscribed to its
// channel; the channel's order or stream is locked.
func (s *Store) deliverMessage(hash uint64, channel string, m backplane.Message) {
	topic := backplane.Topic{Kind: backplane.Channel, Name: channel}
	for _, n := range *s.live.Load() {
		if r := n.receiver.Load(); r != nil && n.topics.has(hash, topic) {
			(*r).Message(channel, m)
		}
	}
}

// deliverPresence gives an event to the nodes that have subscribed to the
// presence of its room; the room is locked.
func (s *Store) deliverPresence(hash uint64, e backplane.PresenceEvent) {
	topic := backplane.Topic{Kind: backplane.PresenceOf, Name: e.Room}
	for _, n := range *s.live.Load() {
		if r := n.receiver.Load(); r != nil && n.topics.has(hash, topic) {
			(*r).Presence(e)
		}
	}
}

// deliverRecord gives a version to the nodes that have subscribed to its record
// or to all; the record is locked, or a journal sees to the order.
func (s *Store) deliverRecord(hash uint64, c backplane.RecordChange) {
	topic := backplane.Topic{Kind: backplane.RecordOf, Name: c.ID}
	for _, n := range *s.live.Load() {
		if r := n.receiver.Load(); r != nil && (n.allRecords.Load() || n.topics.has(hash, topic)) {
			(*r).Record(c)
		}
	}
}

// topics are what a node has subscribed to. That others are not delivered is
// no promise of the contract; it keeps a server honest about subscribing.
type topics [shardCount]struct {
	mu  sync.RWMutex
	set map[backplane.Topic]struct{}
	_   [32]byte // keep neighbours off one cache line
}

func (t *topics) init() {
	for i := range t {
		t[i].set = make(map[backplane.Topic]struct{})
	}
}

func (t *topics) add(hash uint64, topic backplane.Topic) {
	s := &t[hash%shardCount]
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.set[topic]; !there {
		topic.Name = strings.Clone(topic.Name)
		s.set[topic] = struct{}{}
	}
}

func (t *topics) remove(hash uint64, topic backplane.Topic) {
	s := &t[hash%shardCount]
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.set, topic)
}

func (t *topics) has(hash uint64, topic backplane.Topic) bool {
	s := &t[hash%shardCount]
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, there := s.set[topic]
	return there
}

func (t *topics) count() (n int) {
	for i := range t {
		t[i].mu.RLock()
		n += len(t[i].set)
		t[i].mu.RUnlock()
	}
	return n
}
