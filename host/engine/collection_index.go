package engine

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/hub"
)

// collections are those that sessions of this node subscribe to. A change of a
// record finds those that it concerns without looking at the others: through
// the families whose patterns match, and there through what the value has.
//
// collections.mu comes before family.mu and before the hub's locks; changed
// takes family.mu only. No lock is held across a call to the store, the bus or a
// plugin.
type collections struct {
	engine   *Engine
	resolver Resolver
	runs     runs
	linger   linger
	seldom   seldom
	// life ends when nothing is resolved any more.
	life context.Context
	end  context.CancelFunc

	// concerned is what changed looks at; nil where there are no collections.
	concerned atomic.Pointer[concerned]

	mu       sync.Mutex
	byID     map[string]*collection
	families map[string]*family
	holders  map[*hub.Session]*holder
}

// collection is what sessions of this node subscribe to under one id.
type collection struct {
	id string
	// changes counts how often its records may have become others.
	changes  atomic.Uint64
	retrying atomic.Bool // see retry
	// run is for all subscribers, as a party of its own or, where there is only
	// one, of that one's.
	run   run
	party party
	only  atomic.Pointer[holder]

	// The lock of collections guards what follows.
	family      *family
	selection   *selection
	subscribers map[*subscriber]struct{}
	// latest is the answer that is the same for all subscribers, nil where
	// there was none.
	latest *answer
}

// holder is a session that subscribes to collections.
type holder struct {
	collections map[string]*subscriber // by id; guarded by the lock of collections
	// covered counts the records of all of them.
	covered atomic.Int64
	party   party
}

func (x *collections) init(e *Engine, r Resolver) {
	x.engine, x.resolver = e, r
	x.life, x.end = context.WithCancel(context.Background())
	x.runs.tasks, x.runs.do = &e.tasks, func(r *run) time.Duration { return x.run(x.life, r) }
	x.byID, x.families = make(map[string]*collection), make(map[string]*family)
	x.holders = make(map[*hub.Session]*holder)
}

// begin registers a session's subscription, unless that has ended meanwhile. It
// returns the one that it replaces, nil for none, which the caller must end.
func (x *collections) begin(s *hub.Session, exposed *exposure.Collection, id string) (sub, old *subscriber) {
	x.mu.Lock()
	defer x.mu.Unlock()
	c := x.byID[id]
	if c == nil {
		c = &collection{id: id, subscribers: make(map[*subscriber]struct{})}
		c.run.collection = c
		x.byID[id] = c
	}
	if x.place(c, exposed) && len(c.subscribers) > 0 {
		c.changes.Add(1)
		x.again(c)
	}
	h := x.holders[s]
	if h == nil {
		h = &holder{collections: make(map[string]*subscriber)}
		x.holders[s] = h
	}
	sub = &subscriber{session: s, collection: c, holder: h, version: 1, shown: noAnswer}
	sub.run.collection, sub.run.subscriber = c, sub
	sub.seen.Store(c.changes.Load())
	old = h.collections[id]
	if sub.ended = !sub.live(); sub.ended {
		x.tidy(sub)
		return sub, old
	}
	h.collections[id] = sub
	c.subscribers[sub] = struct{}{}
	delete(c.subscribers, old)
	c.counted()
	return sub, old
}

// counted takes note of whether there is only one subscriber; the lock of
// collections is held.
func (c *collection) counted() {
	var only *holder
	if len(c.subscribers) == 1 {
		for sub := range c.subscribers {
			only = sub.holder
		}
	}
	c.only.Store(only)
}

// find returns a session's subscription, nil where there is none.
func (x *collections) find(s *hub.Session, id string) *subscriber {
	x.mu.Lock()
	defer x.mu.Unlock()
	if h := x.holders[s]; h != nil {
		return h.collections[id]
	}
	return nil
}

// of returns the subscriptions of a session.
func (x *collections) of(s *hub.Session) (all []*subscriber) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if h := x.holders[s]; h != nil {
		for _, sub := range h.collections {
			all = append(all, sub)
		}
	}
	return all
}

// forget takes a subscription out.
func (x *collections) forget(sub *subscriber) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if sub.holder.collections[sub.collection.id] == sub {
		delete(sub.holder.collections, sub.collection.id)
	}
	delete(sub.collection.subscribers, sub)
	sub.collection.counted()
	x.tidy(sub)
}

// tidy takes out what is left without a subscription; the lock is held.
func (x *collections) tidy(sub *subscriber) {
	if len(sub.holder.collections) == 0 && x.holders[sub.session] == sub.holder {
		delete(x.holders, sub.session)
	}
	if c := sub.collection; len(c.subscribers) == 0 && x.byID[c.id] == c {
		delete(x.byID, c.id)
		x.displace(c)
	}
}

// place puts a collection where its exposure says; the lock is held, here and
// below. It reports whether that is another place than before.
func (x *collections) place(c *collection, exposed *exposure.Collection) (moved bool) {
	key := familyKey(exposed)
	if c.family != nil && c.family.key == key {
		return false
	}
	x.displace(c)
	f := x.families[key]
	if f == nil {
		f = newFamily(key, exposed, x.touch)
		x.families[key] = f
		x.publish()
	}
	c.family, c.selection = f, f.join(c)
	return true
}

func (x *collections) displace(c *collection) {
	if f := c.family; f != nil {
		f.leave(c, c.selection)
		x.expire(f, time.Now())
	}
	c.family, c.selection = nil, nil
}

// publish lets changed look at the families that there are.
func (x *collections) publish() {
	if len(x.families) == 0 {
		x.concerned.Store(nil)
		return
	}
	made := &concerned{}
	for _, f := range x.families {
		made.all = append(made.all, f)
	}
	x.concerned.Store(made)
}

// changed has the collections resolved again that a change may concern. It is
// called within the change: it looks at a few maps, and sets a timer at most.
func (x *collections) changed(c backplane.RecordChange) {
	all := x.concerned.Load()
	if all == nil {
		return
	}
	for _, f := range all.by(c.ID) {
		f.changed(&c)
	}
}

// touch lets a selection's collections be resolved again soon; its family is
// locked.
func (x *collections) touch(s *selection) {
	if s.wait.begin(time.Now()) {
		time.AfterFunc(collectionQuiet, func() { x.due(s) })
	}
}

// due resolves a selection's collections again, unless changes go on coming.
func (x *collections) due(s *selection) {
	s.family.mu.Lock()
	left := s.wait.left(time.Now())
	var all []*collection
	for c := range s.collections {
		if left == 0 {
			all = append(all, c)
		}
	}
	s.family.mu.Unlock()
	if left > 0 {
		time.AfterFunc(left, func() { x.due(s) })
	}
	for _, c := range all {
		c.changes.Add(1)
		x.again(c)
	}
}

// concerned finds the families that depend on a record. What their patterns say
// is remembered; they never change.
type concerned struct {
	all   []*family
	mu    sync.RWMutex
	known map[string][]*family
}

// maxConcerned bounds what is remembered, in records.
const maxConcerned = 10_000

func (x *concerned) by(id string) []*family {
	x.mu.RLock()
	found, ok := x.known[id]
	x.mu.RUnlock()
	if ok {
		return found
	}
	for _, f := range x.all {
		if f.matches(id) {
			found = append(found, f)
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.known == nil || len(x.known) >= maxConcerned {
		x.known = make(map[string][]*family)
	}
	x.known[strings.Clone(id)] = found
	return found
}
