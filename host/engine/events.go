package engine

import (
	"context"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// The bounds of events that wait for their hooks, beside limits.hooks.
const (
	// maxQueued is how many of one connection or record may wait: one that
	// changes faster than its hooks run holds up no one else.
	maxQueued = 64
	// maxQueuedBytes is how much all of them may keep.
	maxQueuedBytes = 64 << 20
	// fairShare is the part of all, of their number and their bytes, that one
	// connection may fill.
	fairShare = 8
	// admitPatience is how long a change waits for room, and admitPause how
	// often it looks.
	admitPatience = time.Second
	admitPause    = 5 * time.Millisecond
)

// events runs the observer for what happens to rooms and records: each event
// once, those of a connection or a record in order, beside whatever caused them. A
// change that someone asks for is not made while too many wait; what follows from
// an end, such as a connection's, always is.
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
	queues map[string]*queue // by what they are about
	shares map[string]share  // by who has caused them
}

// share is what of a connection's waits.
type share struct{ events, bytes int64 }

// queue holds the events about one thing while one of them runs.
type queue struct {
	events []event
	done   chan struct{} // closed when the last one has run
}

func (x *events) init(o Observer, limit int, t *tasks) {
	x.observer, x.limit, x.tasks, x.seed = o, int64(limit), t, maphash.MakeSeed()
	x.life, x.end = context.WithCancel(context.Background())
	for i := range x.shards {
		x.shards[i].queues = make(map[string]*queue)
		x.shards[i].shares = make(map[string]share)
	}
}

func (x *events) shard(about string) *eventShard {
	return &x.shards[maphash.String(x.seed, about)%uint64(len(x.shards))]
}

// crowded reports whether a change of something, by a connection, would have to
// wait.
func (x *events) crowded(about, by string) bool {
	return x.waiting.Load() > 0 && (x.full() || x.queued(about) >= maxQueued || x.greedy(by))
}

// greedy reports whether a connection has filled its share.
func (x *events) greedy(by string) bool {
	if by == "" {
		return false
	}
	shard := x.shard(by)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	has := shard.shares[by]
	return has.events >= max(maxQueued, x.limit/fairShare) || has.bytes >= maxQueuedBytes/fairShare
}

// count takes note of an event that waits, or with -1 does no more.
func (x *events) count(e event, sign int64) {
	size := sign * e.size()
	x.waiting.Add(sign)
	x.bytes.Add(size)
	by := e.by()
	if by == "" {
		return
	}
	shard := x.shard(by)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	has := shard.shares[by]
	if has = (share{has.events + sign, has.bytes + size}); has.events == 0 {
		delete(shard.shares, by)
	} else {
		shard.shares[by] = has
	}
}

// full reports whether too many events wait, whatever they are about.
func (x *events) full() bool { return x.waiting.Load() >= x.limit || x.bytes.Load() >= maxQueuedBytes }

// queued is how many events about something wait.
func (x *events) queued(about string) int {
	shard := x.shard(about)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if q := shard.queues[about]; q != nil {
		return len(q.events)
	}
	return 0
}

// hooked marks the context of a hook's run. What a hook changes does not wait for
// the others about the same thing: it is what they wait for.
type hooked struct{}

// crowdedFor is crowded for a change within a context.
func (x *events) crowdedFor(ctx context.Context, about, by string) bool {
	if ctx.Value(hooked{}) != nil {
		return x.full()
	}
	return x.crowded(about, by)
}

// admit waits a moment until a change of something may bring an event.
func (x *events) admit(ctx context.Context, about, by string) error {
	if !x.crowdedFor(ctx, about, by) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, admitPatience)
	defer cancel()
	ticker := time.NewTicker(admitPause)
	defer ticker.Stop()
	for x.crowdedFor(ctx, about, by) {
		select {
		case <-ctx.Done():
			return protocol.NewError(abi.CodeRateLimit, fmt.Sprintf(
				"Too many events wait for their hooks: %d of this connection or record, an eighth of what may wait by this connection, or limits.hooks (%d) or %d MiB of all", maxQueued, x.limit, maxQueuedBytes>>20))
		case <-ticker.C:
		}
	}
	return nil
}

// Crowded reports whether joining or leaving a room would have to wait for
// hooks, as Join and Leave then do for up to a second.
func (e *Engine) Crowded(connection string) bool { return e.events.crowded(connection, connection) }

// CrowdedRecord reports whether writing a record, by a connection, would have to
// wait for hooks, as Write and Transact then do for up to a second.
func (e *Engine) CrowdedRecord(id, connection string) bool {
	return e.events.observer.ObservesRecord(id) && e.events.crowded(recordKey(id), connection)
}

// add has an event observed. It never blocks.
func (x *events) add(e event) {
	if x.enqueue(e) {
		x.count(e, 1)
	}
}

// enqueue reports false where no one is told any more.
func (x *events) enqueue(e event) bool {
	about := e.about()
	shard := x.shard(about)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	q := shard.queues[about]
	if q == nil {
		q = &queue{done: make(chan struct{})}
		if !x.tasks.start(func() { x.run(about, q) }) {
			return false
		}
		shard.queues[about] = q
	}
	q.events = append(q.events, e)
	return true
}

// run observes the events of a queue until there are none.
func (x *events) run(about string, q *queue) {
	life := context.WithValue(x.life, hooked{}, true)
	for {
		next := x.next(about, q)
		if next == nil {
			close(q.done)
			return
		}
		next.tell(life, x.observer)
		x.count(next, -1)
	}
}

// next takes an event off a queue; without one the queue ends.
func (x *events) next(about string, q *queue) event {
	shard := x.shard(about)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if len(q.events) == 0 {
		delete(shard.queues, about)
		return nil
	}
	next := q.events[0]
	q.events[0] = nil
	q.events = q.events[1:]
	return next
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

// WaitingHooks returns how many joins, leaves and versions of records wait for
// their hooks.
func (e *Engine) WaitingHooks() int { return int(e.events.waiting.Load()) }
