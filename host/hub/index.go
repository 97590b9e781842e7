package hub

import (
	"hash/maphash"
	"strings"
	"sync"
)

// topics is the index of a node's topics: those that have subscribers.
type topics struct {
	seed   maphash.Seed
	shards [kinds][shardCount]topicShard
}

type topicShard struct {
	mu     sync.RWMutex
	byName map[string]*topic
	_      [32]byte // keep neighbours off one cache line
}

// topic is the subscribers of one Topic. Its lock is held for the whole of a
// fan-out, so that all of them see the same order.
type topic struct {
	Topic
	mu          sync.Mutex
	subscribers []*subscription
	gone        bool // out of the index, or about to be: no more subscribers
}

func (x *topics) init(seed maphash.Seed) {
	x.seed = seed
	for k := range x.shards {
		for i := range x.shards[k] {
			x.shards[k][i].byName = make(map[string]*topic)
		}
	}
}

func (x *topics) shard(t Topic) *topicShard {
	return &x.shards[t.Kind][maphash.String(x.seed, t.Name)%shardCount]
}

// get returns a topic, nil where it has no subscribers.
func (x *topics) get(t Topic) *topic {
	shard := x.shard(t)
	shard.mu.RLock()
	defer shard.mu.RUnlock()
	return shard.byName[t.Name]
}

// ensure returns a topic, a new one where there is none or only old.
func (x *topics) ensure(t Topic, old *topic) *topic {
	shard := x.shard(t)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	tp := shard.byName[t.Name]
	if tp == nil || tp == old {
		t.Name = strings.Clone(t.Name) // the caller's may be part of something large
		tp = &topic{Topic: t}
		shard.byName[t.Name] = tp
	}
	return tp
}

// add makes sub a subscriber.
func (x *topics) add(t Topic, sub *subscription) {
	for tp := x.ensure(t, nil); !tp.add(sub); {
		tp = x.ensure(t, tp) // the last subscriber has just left it
	}
}

func (tp *topic) add(sub *subscription) bool {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	if tp.gone {
		return false
	}
	sub.topic, sub.index = tp, uint32(len(tp.subscribers))
	tp.subscribers = append(tp.subscribers, sub)
	return true
}

// remove takes a subscriber out, and with the last one the topic. Once it
// returns no fan-out reaches sub any more.
func (x *topics) remove(sub *subscription) {
	tp := sub.topic
	if !tp.remove(sub) {
		return
	}
	shard := x.shard(tp.Topic)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if shard.byName[tp.Name] == tp {
		delete(shard.byName, tp.Name)
	}
}

func (tp *topic) remove(sub *subscription) (empty bool) {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	last := len(tp.subscribers) - 1
	moved := tp.subscribers[last]
	tp.subscribers[sub.index], moved.index = moved, sub.index
	tp.subscribers[last] = nil
	tp.subscribers = tp.subscribers[:last]
	if room := cap(tp.subscribers); room > 32 && last < room/4 {
		tp.subscribers = append(make([]*subscription, 0, room/2), tp.subscribers...)
	}
	tp.gone = last == 0
	return tp.gone
}
