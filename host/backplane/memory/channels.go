package memory

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// channels implements backplane.Channels.
type channels struct {
	*Store
	limit   int64
	held    atomic.Int64 // bytes of all streams
	streams table[*stream]
	ranks   [shardCount]rank
	swept   atomic.Uint64 // how many shards sweep has looked at
	// order is locked, by the hash of the channel, while a message is
	// delivered that belongs to no stream, and while a stream begins: so such
	// messages are in order, and none overtakes a stream's first.
	order [shardCount]struct {
		sync.Mutex
		_ [56]byte // keep neighbours off one cache line
	}
}

func (c *channels) init(s *Store, limit int64) {
	c.Store, c.limit = s, limit
	c.streams.init()
}

// Publish implements backplane.Channels.
func (c *channels) Publish(ctx context.Context, channel string, data []byte, keep backplane.Keep) (backplane.Position, error) {
	if err := ctx.Err(); err != nil {
		return backplane.Position{}, err
	}
	hash := c.hash(channel)
	var kept []byte
	for {
		var s *stream
		if keep.Count > 0 {
			s = c.streams.find(hash, channel)
		}
		if s == nil {
			s = c.begin(hash, channel, keep, data)
		}
		if s == nil {
			return backplane.Position{}, nil
		}
		if kept == nil {
			kept = owned(data)
		}
		if at, ok := c.append(s, kept, keep); ok {
			return at, nil
		}
	}
}

// begin returns a channel's stream, which it makes if it is to be kept. Where
// there is to be none, or no room for one, it delivers the message instead and
// returns nil.
func (c *channels) begin(hash uint64, channel string, keep backplane.Keep, data []byte) *stream {
	order := &c.order[hash%shardCount]
	order.Lock()
	defer order.Unlock()
	s := c.open(hash, channel, keep)
	if s == nil {
		c.deliverMessage(hash, channel, backplane.Message{Time: milliseconds(), Data: data})
	}
	return s
}

// append gives a message the next offset of a stream and delivers it. It
// reports false where the stream is gone.
func (c *channels) append(s *stream, data []byte, keep backplane.Keep) (backplane.Position, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return backplane.Position{}, false
	}
	now := time.Now()
	at := int64(now.Sub(c.start))
	s.published.Store(true)
	s.touch(at)
	s.raise(keep)
	s.top++
	s.time = max(s.time, now.UnixMilli())
	c.store(s, slot{at: at, time: s.time, data: data})
	c.deliverMessage(s.hash, s.channel, backplane.Message{Position: s.position(), Time: s.time, Data: data})
	return s.position(), true
}

// Read implements backplane.Channels.
func (c *channels) Read(ctx context.Context, channel string, q backplane.Query) (backplane.Page, error) {
	if err := ctx.Err(); err != nil {
		return backplane.Page{}, err
	}
	hash := c.hash(channel)
	for {
		s := c.streams.find(hash, channel)
		if s == nil && q.Keep.Count > 0 {
			order := &c.order[hash%shardCount]
			order.Lock()
			s = c.open(hash, channel, q.Keep)
			order.Unlock()
		}
		if s == nil {
			return backplane.Page{}, nil
		}
		c.use(s, q.Keep)
		if page, ok := s.read(c.now(), q); ok {
			return page, nil
		}
	}
}

// use counts a query that keeps something as a stream's use.
func (c *channels) use(s *stream, keep backplane.Keep) {
	if keep.Count <= 0 {
		return
	}
	s.touch(c.now())
	s.mu.RLock()
	more := s.exceeds(keep)
	s.mu.RUnlock()
	if more {
		s.mu.Lock()
		s.raise(keep)
		s.mu.Unlock()
	}
}
