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
	"github.com/mesh-host/mesh-host/host/protocol"
)

// Observer learns of what happens to rooms. Its failures are its own to log.
type Observer interface {
	// ObservesRooms reports whether anyone wants to know.
	ObservesRooms() bool
	// RoomChanged is told of one event. Those of one connection come one after
	// the other, in the order of the changes, and never within a call into a
	// plugin. It returns soon once ctx is done.
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

// size is what a waiting event keeps, in bytes, roughly.
func (e *RoomEvent) size() int64 { return int64(len(e.Metadata)) + 256 }

// The bounds of events that wait for their hooks, beside limits.hooks.
const (
	// maxQueued is how many of one connection may wait: one that joins and
	// leaves faster than its hooks run holds up no one else.
	maxQueued = 64
	// maxQueuedBytes is how much all of them may keep.
	maxQueuedBytes = 64 << 20
	// admitPatience is how long a change waits for room, and admitPause how
	// often it looks.
	admitPatience = time.Second
	admitPause    = 5 * time.Millisecond
)

// events runs the observer for what happens to rooms: each event once, those of
// a connection in order, beside whatever caused them. A change that someone
// asks for is not made while too many wait; what follows from an end, such as a
// connection's, always is.
type events struct {
	observer Observer
	limit    int64
	waiting  atomic.Int64
	bytes    atomic.Int64
	seed     maphash.Seed
	shards   [64]eventShard

	// life ends when no one is to be told any more.
	life  context.Context
	end   context.CancelFunc
	tasks *tasks
}

type eventShard struct {
	mu     sync.Mutex
	queues map[string]*queue
}

// queue holds a connection's events while one of them runs.
type queue struct {
	events []RoomEvent
	done   chan struct{} // closed when the last one has run
}

func (x *events) init(o Observer, limit int, t *tasks) {
	x.observer, x.limit, x.tasks, x.seed = o, int64(limit), t, maphash.MakeSeed()
	x.life, x.end = context.WithCancel(context.Background())
	for i := range x.shards {
		x.shards[i].queues = make(map[string]*queue)
	}
}

func (x *events) shard(connection string) *eventShard {
	return &x.shards[maphash.String(x.seed, connection)%uint64(len(x.shards))]
}

// crowded reports whether a connection's change would have to wait.
func (x *events) crowded(connection string) bool {
	if x.waiting.Load() == 0 {
		return false
	}
	shard := x.shard(connection)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	q := shard.queues[connection]
	return q != nil && len(q.events) >= maxQueued || x.waiting.Load() >= x.limit || x.bytes.Load() >= maxQueuedBytes
}

// admit waits a moment until a connection's change may bring an event.
func (x *events) admit(ctx context.Context, connection string) error {
	if !x.crowded(connection) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, admitPatience)
	defer cancel()
	ticker := time.NewTicker(admitPause)
	defer ticker.Stop()
	for x.crowded(connection) {
		select {
		case <-ctx.Done():
			return protocol.NewError(abi.CodeRateLimit, fmt.Sprintf(
				"Too many events wait for their hooks: %d of this connection, or limits.hooks (%d) of all", maxQueued, x.limit))
		case <-ticker.C:
		}
	}
	return nil
}

// Crowded reports whether joining or leaving a room would have to wait for
// hooks, as Join and Leave then do for up to a second.
func (e *Engine) Crowded(connection string) bool { return e.events.crowded(connection) }

// add has an event observed. It never blocks.
func (x *events) add(e RoomEvent) {
	if !x.observer.ObservesRooms() {
		return
	}
	shard := x.shard(e.Connection)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	q := shard.queues[e.Connection]
	if q == nil {
		q = &queue{done: make(chan struct{})}
		if !x.tasks.start(func() { x.run(e.Connection, q) }) {
			return // no one is told any more
		}
		shard.queues[e.Connection] = q
	}
	q.events = append(q.events, e)
	x.waiting.Add(1)
	x.bytes.Add(e.size())
}

// run observes a connection's events until there are none.
func (x *events) run(connection string, q *queue) {
	for {
		next, more := x.next(connection, q)
		if !more {
			close(q.done)
			return
		}
		x.observer.RoomChanged(x.life, next)
		x.waiting.Add(-1)
		x.bytes.Add(-next.size())
	}
}

// next takes an event off a queue; without one the queue ends.
func (x *events) next(connection string, q *queue) (RoomEvent, bool) {
	shard := x.shard(connection)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if len(q.events) == 0 {
		delete(shard.queues, connection)
		return RoomEvent{}, false
	}
	next := q.events[0]
	q.events[0] = RoomEvent{}
	q.events = q.events[1:]
	return next, true
}

// drained waits until what has happened to a connection so far was observed,
// or ctx is done.
func (x *events) drained(ctx context.Context, connection string) {
	shard := x.shard(connection)
	shard.mu.Lock()
	q := shard.queues[connection]
	shard.mu.Unlock()
	if q == nil {
		return
	}
	select {
	case <-q.done:
	case <-ctx.Done():
	}
}

// WaitingHooks returns how many joins and leaves wait for their hooks.
func (e *Engine) WaitingHooks() int { return int(e.events.waiting.Load()) }
