// Package hub holds the sessions of this node: who is connected, who subscribes
// to what, what waits to be written to whom, who still lives. It knows frames,
// topics and causes, not commands.
//
// Locks are taken in this order: a session's subscriptions, a shard of the
// index of topics or a topic (never both), an outbox, the flusher's queue or
// the wheel. liveness.mu comes before an outbox. A topic's lock is held for the
// whole of a fan-out, so that all of its subscribers see one order; no lock is
// held across a write.
package hub

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

// Limits bound every session of a hub.
type Limits struct {
	// Connections is the most sessions at a time; 0 is no limit.
	Connections int
	// Outbox is the most bytes of pushes that wait for one session.
	Outbox int
	// PingInterval and LatencyInterval are multiples of Tick in effect; 0
	// turns either off.
	PingInterval, LatencyInterval time.Duration
	// MaxMissedPongs pings in a row may go unanswered.
	MaxMissedPongs int32
	// CloseTimeout is how long a peer has to answer a close frame.
	CloseTimeout time.Duration
}

// ErrFull reports that Limits.Connections sessions are connected; ErrDraining
// that the hub takes no more.
var (
	ErrFull     = errors.New("hub: too many connections")
	ErrDraining = errors.New("hub: shutting down")
)

const shardCount = 64

// Hub is the set of a node's sessions. It is safe for concurrent use. Requests
// and replies share no lock with other sessions, pushes only that of the
// flusher's queue, once for a chain of sessions.
type Hub struct {
	limits  Limits
	wheel   *Wheel
	seed    maphash.Seed
	shards  [shardCount]shard
	topics  topics
	flusher flusher
	slow    slow
	count   atomic.Int64
	drain   atomic.Bool
}

type shard struct {
	mu       sync.RWMutex
	sessions map[string]*Session
	_        [32]byte // keep neighbours off one cache line
}

// New makes an empty hub.
func New(limits Limits) *Hub {
	h := &Hub{limits: limits, wheel: NewWheel(), seed: maphash.MakeSeed()}
	for i := range h.shards {
		h.shards[i].sessions = make(map[string]*Session)
	}
	h.topics.init(h.seed)
	h.flusher.init()
	return h
}

// Run drives the sessions' timers until ctx is done.
func (h *Hub) Run(ctx context.Context) { h.wheel.Run(ctx) }

// After has t fire once after d, and not when it was to before. It fires on the
// goroutine of Run, up to one Tick late: it must not block.
func (h *Hub) After(t *Timer, d time.Duration) { h.wheel.Schedule(t, d) }

// Stop keeps t from firing; a Fire that has begun goes on.
func (h *Hub) Stop(t *Timer) { h.wheel.Stop(t) }

// Now returns the time on the hub's coarse clock, which Run advances with each
// Tick: the one of Session.LastSeen.
func (h *Hub) Now() time.Duration { return h.wheel.Now() }

// Register adds a session whose outbox is corked until Uncork. The caller must
// End it. It fails with ErrFull or ErrDraining.
func (h *Hub) Register(wire Wire, info Info) (*Session, error) {
	if h.drain.Load() {
		return nil, ErrDraining
	}
	if n := h.count.Add(1); h.limits.Connections > 0 && n > int64(h.limits.Connections) {
		h.count.Add(-1)
		return nil, ErrFull
	}
	s := &Session{id: newID(), info: info, hub: h, wire: wire, connectedAt: time.Now().UnixNano()}
	s.outbox.init(h.limits.Outbox)
	s.touch()
	s.heartbeat.Fire, s.deadline.Fire = s.beat, s.expire
	if info.Metadata != nil {
		s.metadata.Store(&info.Metadata)
	}
	shard := h.shard(s.id)
	shard.mu.Lock()
	shard.sessions[s.id] = s
	shard.mu.Unlock()
	if h.drain.Load() { // CloseAll may have passed this shard already
		h.remove(s)
		h.wheel.Stop(&s.deadline)
		return nil, ErrDraining
	}
	return s, nil
}

// Limit returns Limits.Connections.
func (h *Hub) Limit() int { return h.limits.Connections }

// Full reports that Register would fail with ErrFull.
func (h *Hub) Full() bool {
	return h.limits.Connections > 0 && h.count.Load() >= int64(h.limits.Connections)
}

// newID returns 128 random bits as 22 characters.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func (h *Hub) shard(id string) *shard {
	return &h.shards[maphash.String(h.seed, id)%shardCount]
}

func (h *Hub) remove(s *Session) {
	shard := h.shard(s.id)
	shard.mu.Lock()
	_, there := shard.sessions[s.id]
	delete(shard.sessions, s.id)
	shard.mu.Unlock()
	if there {
		h.count.Add(-1)
	}
}

// Get returns the session with an id, nil where there is none.
func (h *Hub) Get(id string) *Session {
	shard := h.shard(id)
	shard.mu.RLock()
	defer shard.mu.RUnlock()
	return shard.sessions[id]
}

// Len returns the number of sessions.
func (h *Hub) Len() int { return int(h.count.Load()) }

// Each calls fn for every session, outside of all locks. Sessions that come
// meanwhile may be missed, and some may have ended when fn gets them.
func (h *Hub) Each(fn func(*Session)) {
	var sessions []*Session
	for i := range h.shards {
		sessions = h.shards[i].appendTo(sessions[:0])
		for _, s := range sessions {
			fn(s)
		}
	}
}

func (sh *shard) appendTo(list []*Session) []*Session {
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	for _, s := range sh.sessions {
		list = append(list, s)
	}
	return list
}

// CloseAll ends every session with one cause and refuses new ones from then
// on.
func (h *Hub) CloseAll(cause Cause) {
	h.drain.Store(true)
	h.Each(func(s *Session) { s.Close(cause) })
}
