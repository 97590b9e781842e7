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
	order [shardCount]order
}

// order is locked while a message of no stream is delivered.
type order struct {
	sync.Mutex
	// late counts what the journal has yet to deliver, or to remove of streams,
	// before a message of no stream may be delivered at once.
	late atomic.Int64
	_    [48]byte // keep neighbours off one cache line
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
	at, place := c.publish(channel, data, keep)
	if err := c.kept(ctx, place); err != nil {
		return backplane.Position{}, err
	}
	return at, nil
}

// publish publishes a message, and returns the place in the journal after which
// it has been delivered.
func (c *channels) publish(channel string, data []byte, keep backplane.Keep) (at backplane.Position, place int64) {
	hash := c.hash(channel)
	var m newMessage
	for {
		var s *stream
		if keep.Count > 0 {
			s = c.streams.find(hash, channel)
		}
		if s == nil {
			s, place = c.begin(hash, channel, keep, data)
		}
		if s == nil {
			return backplane.Position{}, place
		}
		if m.data == nil {
			m = c.newMessage(data)
		}
		if at, place, ok := c.append(s, m, keep); ok {
			return at, place
		}
	}
}

// begin returns a channel's stream, which it makes if it is to be kept. Where
// there is to be none, or no room for one, it delivers the message instead and
// returns nil.
func (c *channels) begin(hash uint64, channel string, keep backplane.Keep, data []byte) (s *stream, place int64) {
	order := &c.order[hash%shardCount]
	order.Lock()
	defer order.Unlock()
	if s := c.open(hash, channel, keep); s != nil {
		return s, 0
	}
	m := backplane.Message{Time: milliseconds(), Data: data}
	if order.late.Load() > 0 {
		return nil, c.deliverLate(order, hash, channel, m)
	}
	c.deliverMessage(hash, channel, m)
	return nil, 0
}

// append gives a message the next offset of a stream and delivers it, now or
// when the journal has kept it. It reports false where the stream is gone.
func (c *channels) append(s *stream, m newMessage, keep backplane.Keep) (at backplane.Position, place int64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return backplane.Position{}, 0, false
	}
	now := time.Now()
	since := int64(now.Sub(c.start))
	s.published.Store(true)
	s.touch(since)
	raised := s.raise(keep)
	s.top++
	s.time = max(s.time, now.UnixMilli())
	c.store(s, slot{at: since, time: s.time, data: m.data})
	told := backplane.Message{Position: s.position(), Time: s.time, Data: m.data}
	if c.journal == nil {
		c.deliverMessage(s.hash, s.channel, told)
	} else {
		c.keepMessage(s, m, told, raised)
	}
	return told.Position, s.at, true
}

// Read implements backplane.Channels.
func (c *channels) Read(ctx context.Context, channel string, q backplane.Query) (backplane.Page, error) {
	if err := ctx.Err(); err != nil {
		return backplane.Page{}, err
	}
	page, place := c.read(channel, q)
	if err := c.kept(ctx, place); err != nil {
		return backplane.Page{}, err
	}
	return page, nil
}

// read reads a stream, with the place in the journal of what it has seen.
func (c *channels) read(channel string, q backplane.Query) (page backplane.Page, place int64) {
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
			return backplane.Page{}, 0
		}
		c.use(s, q.Keep)
		if page, place, ok := s.read(c.now(), q); ok {
			return page, place
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
		if s.raise(keep) {
			c.keepStream(s)
		}
		s.mu.Unlock()
	}
}
