package memory

import (
	"math/rand/v2"
	"strings"
	"sync"
	"unsafe"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// streamSize is what a stream takes up beside its name and its ring, with its
// entries in the table and in its rank.
const streamSize = int64(unsafe.Sizeof(stream{})) + 64

// open returns a channel's stream, which it makes where it is missing, to be
// kept, and there is room for it; the channel's order is locked.
func (c *channels) open(hash uint64, channel string, keep backplane.Keep) *stream {
	s := c.streams.find(hash, channel)
	if s != nil || keep.Count <= 0 {
		return s
	}
	size := streamSize + int64(len(channel))
	if !c.reserve(size) {
		return nil
	}
	s = newStream(hash, strings.Clone(channel), rand.Uint64())
	s.touch(c.now())
	s.raise(keep)
	s.bytes = size
	c.enter(s)
	return s
}

// enter puts a stream in its places.
func (c *channels) enter(s *stream) {
	c.streams.add(s.hash, s.channel, s, nil)
	c.ranks[s.hash%shardCount].add(s)
}

// store has a message in the ring, after what is too old or too much has gone.
// One that there is no room for leaves the stream empty, for there are no gaps
// in it. The stream is locked.
func (c *channels) store(s *stream, m slot) {
	c.trim(s, m.at, s.count-1)
	for {
		slots := s.ring.grown(s.count)
		growth := int64(slots-len(s.ring.slots)) * slotSize
		size := int64(len(m.data))
		if s.bytes+growth+size <= c.limit && c.reserve(growth+size) {
			s.bytes += growth + size
			s.ring.resize(slots)
			s.ring.push(m)
			return
		}
		if s.ring.n == 0 {
			return
		}
		c.pop(s)
		c.shrink(s)
	}
}

// trim removes what is too old, and what is more than count; the stream is
// locked.
func (c *channels) trim(s *stream, now int64, count int) {
	for s.ring.n > 0 && (s.ring.n > count || s.expired(s.ring.at(0).at, now)) {
		c.pop(s)
	}
}

func (c *channels) pop(s *stream) { c.release(s, int64(len(s.ring.pop().data))) }

// shrink gives back the room of slots that are not needed; the stream is
// locked.
func (c *channels) shrink(s *stream) {
	slots := s.ring.shrunk()
	c.release(s, int64(len(s.ring.slots)-slots)*slotSize)
	s.ring.resize(slots)
}

// reserve accounts for bytes, and drops the longest unused streams until there
// is room for them.
func (c *channels) reserve(bytes int64) bool {
	if bytes > c.limit {
		return false
	}
	for {
		held := c.held.Load()
		switch {
		case held+bytes <= c.limit:
			if c.held.CompareAndSwap(held, held+bytes) {
				return true
			}
		case !c.evict():
			return false
		}
	}
}

// release takes a reserve of a stream back; it is locked.
func (c *channels) release(s *stream, bytes int64) {
	s.bytes -= bytes
	c.held.Add(-bytes)
}

// evictAttempts is how many streams in use evict passes over.
const evictAttempts = 4

// evict drops the longest unused stream. It waits for no stream's lock, so the
// caller may hold one; a stream that is locked is in use.
func (c *channels) evict() bool {
	for range evictAttempts {
		r := c.lastRank()
		if r == nil {
			return false
		}
		if s := r.take(c.now()); s != nil {
			c.forget(s)
			s.mu.Unlock()
			return true
		}
	}
	return false
}

// lastRank returns the rank of the longest unused stream.
func (c *channels) lastRank() (last *rank) {
	var longest int64
	for i := range c.ranks {
		if used, ok := c.ranks[i].first(); ok && (last == nil || used < longest) {
			last, longest = &c.ranks[i], used
		}
	}
	return last
}

// forget takes a stream out of the store; it is locked, and in no rank.
func (c *channels) forget(s *stream) {
	s.gone = true
	s.ring = ring{}
	c.release(s, s.bytes)
	c.keepGone(s) // before another can begin
	c.streams.remove(s.hash, s.channel)
}

// sweepShards is how many shards a sweep looks at.
const sweepShards = 4

// sweep gives back the memory of messages that are too old, and drops streams
// that are idle, in some of the shards; the next ones are next time's.
func (c *channels) sweep() {
	for range sweepShards {
		i := int(c.swept.Add(1) % shardCount)
		for _, s := range c.streams.values(i) {
			s.mu.Lock()
			c.clean(s, &c.ranks[i])
			s.mu.Unlock()
		}
	}
}

func (c *channels) clean(s *stream, r *rank) {
	if s.gone {
		return
	}
	now := c.now()
	c.trim(s, now, s.count)
	c.shrink(s)
	if s.idle(now) && r.remove(s) {
		c.forget(s)
		return
	}
	c.keepTrimmed(s)
}

// rank orders the streams of a shard by their last use. A use is noted in the
// stream only; the order is mended when the first one is asked for.
type rank struct {
	mu    sync.Mutex
	queue queue[*stream]
	_     [32]byte // keep neighbours off one cache line
}

func (s *stream) due() int64  { return s.ranked }
func (s *stream) place() *int { return &s.index }

func (r *rank) add(s *stream) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.ranked = s.used.Load()
	r.queue.push(s)
}

// remove takes a stream out and reports whether it was in.
func (r *rank) remove(s *stream) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.index == nowhere {
		return false
	}
	r.queue.remove(s)
	return true
}

// first returns when the longest unused stream was used.
func (r *rank) first() (used int64, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.mend()
	if s == nil {
		return 0, false
	}
	return s.ranked, true
}

// take takes the longest unused stream out and returns it locked; where it is
// locked already it counts as used now.
func (r *rank) take(now int64) *stream {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.mend()
	if s == nil {
		return nil
	}
	if !s.mu.TryLock() {
		s.touch(now)
		return nil
	}
	r.queue.remove(s)
	return s
}

// mend brings the longest unused stream to the head and returns it.
func (r *rank) mend() *stream {
	for len(r.queue) > 0 {
		s := r.queue[0]
		used := s.used.Load()
		if used == s.ranked {
			return s
		}
		s.ranked = used
		r.queue.fix(s)
	}
	return nil
}
