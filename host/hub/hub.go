// Package hub holds the sessions of this node: who is connected, what waits to
// be written to whom, who still lives. It knows frames and causes, not
// commands.
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

// Hub is the set of a node's sessions. It is safe for concurrent use; no lock
// of it is shared by all sessions.
type Hub struct {
	limits Limits
	wheel  *Wheel
	seed   maphash.Seed
	shards [shardCount]shard
	count  atomic.Int64
	drain  atomic.Bool
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
	return h
}

// Run drives the sessions' timers until ctx is done.
func (h *Hub) Run(ctx context.Context) { h.wheel.Run(ctx) }

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
	s := &Session{id: newID(), info: info, hub: h, wire: wire}
	s.outbox.drained.L = &s.outbox.mu
	s.outbox.corked = true
	s.flushTask = s.flushSoon
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

// Each calls fn for every session; fn must not block. Sessions that come or go
// meanwhile may be missed.
func (h *Hub) Each(fn func(*Session)) {
	for i := range h.shards {
		shard := &h.shards[i]
		shard.mu.RLock()
		for _, s := range shard.sessions {
			fn(s)
		}
		shard.mu.RUnlock()
	}
}

// CloseAll ends every session with one cause and refuses new ones from then
// on.
func (h *Hub) CloseAll(cause Cause) {
	h.drain.Store(true)
	h.Each(func(s *Session) { s.Close(cause) })
}
