package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// Observer learns of what happens to rooms. Its failures are its own to log.
type Observer interface {
	// ObservesRooms reports whether anyone wants to know.
	ObservesRooms() bool
	// RoomChanged is told of one event. Those of one connection come one after
	// the other, in their order, and never within a call into a plugin.
	RoomChanged(ctx context.Context, e RoomEvent)
}

// RoomEvent is a connection that has joined or left a room.
type RoomEvent struct {
	// Joined tells the two apart.
	Joined bool
	Room   string
	// Reason says why a member has left, one of abi's; "" for a join.
	Reason string
	// Connection, User and Metadata are those of the member, as they were when
	// it happened.
	Connection, User string
	Metadata         json.RawMessage
}

// person is who an event is about.
type person struct {
	id, user string
	metadata json.RawMessage
}

type event struct {
	kind         abi.Kind
	room, reason string
	person
}

func (*Engine) person(s *hub.Session) person {
	return person{id: s.ID(), user: s.User(), metadata: s.Metadata()}
}

// personOf describes a connection wherever it is; only where someone wants to
// know.
func (e *Engine) personOf(ctx context.Context, connection string) person {
	if s := e.hub.Get(connection); s != nil {
		return e.person(s)
	}
	who := person{id: connection}
	if !e.events.observer.ObservesRooms() {
		return who
	}
	if c, err := e.node.Connections().Get(ctx, connection); err == nil {
		who.user, who.metadata = c.User, c.Metadata
	}
	return who
}

// events runs the observer for what happens to rooms: each event once, those of
// a connection in order, beside whatever caused them. At most limit events
// wait; a change that would bring one more waits until its context ends.
type events struct {
	observer Observer
	limit    int64
	waiting  atomic.Int64
	seed     maphash.Seed
	running  sync.WaitGroup
	shards   [64]struct {
		mu     sync.Mutex
		queues map[string]*queue
	}
}

// queue holds a connection's events while one of them runs.
type queue struct {
	events []event
	done   chan struct{} // closed when the last one has run
}

func (x *events) init(o Observer, limit int) {
	x.observer, x.limit, x.seed = o, int64(limit), maphash.MakeSeed()
	for i := range x.shards {
		x.shards[i].queues = make(map[string]*queue)
	}
}

// reservePause is how often a full queue is looked at again.
const reservePause = 5 * time.Millisecond

// reserve makes room for n events before the change that brings them is made.
func (x *events) reserve(ctx context.Context, n int) error {
	for {
		if x.waiting.Add(int64(n)) <= x.limit {
			return nil
		}
		x.waiting.Add(-int64(n))
		select {
		case <-ctx.Done():
			return protocol.NewError(abi.CodeRateLimit, fmt.Sprintf("%d events wait for their hooks, as many as limits.hooks allows", x.limit))
		case <-time.After(reservePause):
		}
	}
}

// unreserve gives back what was not used; force takes room where there may be
// none.
func (x *events) unreserve(n int) { x.waiting.Add(-int64(n)) }
func (x *events) force(n int)     { x.waiting.Add(int64(n)) }

// add has an event observed, for which room was reserved.
func (x *events) add(e event) {
	if !x.observer.ObservesRooms() {
		x.unreserve(1)
		return
	}
	shard := &x.shards[maphash.String(x.seed, e.id)%uint64(len(x.shards))]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	q := shard.queues[e.id]
	if q != nil {
		q.events = append(q.events, e)
		return
	}
	q = &queue{events: []event{e}, done: make(chan struct{})}
	shard.queues[e.id] = q
	x.running.Go(func() { x.run(e.id, q) })
}

// run observes a connection's events until there are none.
func (x *events) run(id string, q *queue) {
	for {
		next, more := x.next(id, q)
		if !more {
			close(q.done)
			return
		}
		x.observer.RoomChanged(context.Background(), RoomEvent{
			Joined: next.kind == abi.KindJoin, Room: next.room, Reason: next.reason,
			Connection: next.id, User: next.user, Metadata: next.metadata,
		})
		x.unreserve(1)
	}
}

// next takes an event off a queue; without one the queue ends.
func (x *events) next(id string, q *queue) (event, bool) {
	shard := &x.shards[maphash.String(x.seed, id)%uint64(len(x.shards))]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if len(q.events) == 0 {
		delete(shard.queues, id)
		return event{}, false
	}
	next := q.events[0]
	q.events = q.events[1:]
	return next, true
}

// drained waits until what has happened to a connection so far was observed.
func (x *events) drained(id string) {
	shard := &x.shards[maphash.String(x.seed, id)%uint64(len(x.shards))]
	shard.mu.Lock()
	q := shard.queues[id]
	shard.mu.Unlock()
	if q != nil {
		<-q.done
	}
}

// wait returns once all events have been observed.
func (x *events) wait() { x.running.Wait() }
