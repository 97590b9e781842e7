package engine

import (
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/hub"
)

// client is what the engine knows of a session of this node.
type client struct {
	session *hub.Session
	expiry  hub.Timer // when presence may lapse; see lapse.go

	ends atomic.Uint64 // see Engine.Ends

	mu    sync.Mutex
	rooms map[string]*membership // nil until the first
}

// membership is a client's place in a room.
type membership struct {
	// present says that the client is to be seen while it lives; ttl for how
	// long without a sign of life, 0: as long as it is connected.
	present bool
	ttl     time.Duration
	// perhaps says that another node has made it a member, and only the store
	// knows whether it is present.
	perhaps bool
	// lapsed says that it has outlived its TTL and is to return, owed that the
	// store is still to be told.
	lapsed, owed bool
}

// in reports whether the client is known to be in a room.
func (c *client) in(room string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rooms[room] != nil
}

const clientShards = 64

// clients is an index of this node's clients by connection id.
type clients struct {
	seed   maphash.Seed
	shards [clientShards]struct {
		mu   sync.RWMutex
		byID map[string]*client
		_    [32]byte // keep neighbours off one cache line
	}
}

func (x *clients) init() {
	x.seed = maphash.MakeSeed()
	for i := range x.shards {
		x.shards[i].byID = make(map[string]*client)
	}
}

func (x *clients) get(id string) *client {
	shard := &x.shards[maphash.String(x.seed, id)%clientShards]
	shard.mu.RLock()
	defer shard.mu.RUnlock()
	return shard.byID[id]
}

func (x *clients) add(c *client) {
	shard := &x.shards[maphash.String(x.seed, c.session.ID())%clientShards]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	shard.byID[c.session.ID()] = c
}

func (x *clients) remove(id string) {
	shard := &x.shards[maphash.String(x.seed, id)%clientShards]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	delete(shard.byID, id)
}

// Open takes a session in, before its client learns that it is connected.
// Close must follow, unless Open fails: with EUNAVAILABLE, which it has logged,
// while the store is away.
func (e *Engine) Open(ctx context.Context, s *hub.Session) error {
	c := &client{session: s}
	c.expiry.Fire = func() { e.lapses.add(c) }
	e.clients.add(c)
	err := e.node.Connections().Add(ctx, backplane.Connection{
		ID: s.ID(), User: s.User(), Node: e.node.ID(), ConnectedAt: s.ConnectedAt(), Metadata: s.Metadata(),
	})
	if err != nil {
		e.clients.remove(s.ID())
		if isAway(err) { // it may be there all the same
			e.departures.doubt(s.ID())
			e.failed("connections refused: the store does not take them", err)
		}
		return storeError("connect", err)
	}
	if s.User() != "" {
		e.follow(s, hub.Topic{Kind: hub.UserTopic, Name: s.User()})
	}
	return nil
}

// closeTimeout bounds what ends a session in the backplane.
const closeTimeout = 10 * time.Second

// Close lets go of everything that a session held, whose socket is closed:
// subscriptions, rooms, presence, its entry in the directory. It returns once
// the hooks for the rooms that it has left have run, or ctx is done. While the
// store is away, it does not wait: the store is told of the end when it is back.
func (e *Engine) Close(ctx context.Context, s *hub.Session) {
	e.remove(ctx, s)
	e.events.drained(ctx, s.ID())
}

func (e *Engine) remove(ctx context.Context, s *hub.Session) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	for _, t := range s.EndSubscriptions() {
		e.lostInterest(ctx, t)
	}
	e.collections.left(s)
	s.OnReturn(nil)
	if c := e.clients.get(s.ID()); c != nil {
		e.hub.Stop(&c.expiry)
	}
	if !e.departed(ctx, s.ID()) {
		e.departures.add(s.ID())
	}
}
