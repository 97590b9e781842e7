package memory

import (
	"sort"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// minIdle is how long a stream without messages is kept after its last use at
// least, so that a short TTL does not make for many epochs.
const minIdle = 10 * time.Minute

// stream is what is kept of a channel.
type stream struct {
	channel string
	hash    uint64
	id      uint64 // of its messages in the journal
	life    uint64 // the epoch as a number: the id, until it is renewed
	epoch   string // as text
	// used is when it was last used, by the store's clock, and blank long
	// before where nothing was ever published on it.
	used atomic.Int64
	// published says that something was.
	published atomic.Bool

	// Its place among the longest unused; under the lock of its rank.
	ranked int64
	index  int

	mu    sync.RWMutex
	gone  bool // no longer in the store: look the name up again
	count int  // how many messages are kept
	ttl   int64
	top   int64 // offset of the newest message
	time  int64 // of the newest message, in milliseconds since 1970; never goes back
	ring  ring
	bytes int64 // counted in channels.held

	// With a journal: whether the stream has an entry there, the first offset
	// whose message may have one, and the place of the last change.
	journaled bool
	first     int64
	at        int64
}

func newStream(hash uint64, channel string, id uint64) *stream {
	s := &stream{channel: channel, hash: hash, id: id, first: 1, index: nowhere}
	s.begin(id)
	return s
}

// begin has an epoch begin, which is the one of all that is kept.
func (s *stream) begin(epoch uint64) {
	s.life, s.epoch = epoch, strconv.FormatUint(epoch, 36)
}

// blank is what sets a stream that nothing was published on behind all others
// when there is no room: clients make such streams by subscribing, and must not
// push out what others have said.
const blank = int64(1) << 60

// touch takes note of a use.
func (s *stream) touch(now int64) {
	if !s.published.Load() {
		now -= blank
	}
	s.used.Store(now)
}

func ttlOf(keep backplane.Keep) int64 {
	if keep.TTL <= 0 {
		return int64(backplane.DefaultKeepTTL)
	}
	return int64(keep.TTL)
}

// exceeds reports whether more is asked for than the stream keeps; it is
// locked, for reading at least.
func (s *stream) exceeds(keep backplane.Keep) bool {
	return keep.Count > 0 && (keep.Count > s.count || ttlOf(keep) > s.ttl)
}

// raise makes the stream keep what is asked for, if that is more, and reports
// whether it is; it is locked.
func (s *stream) raise(keep backplane.Keep) bool {
	if !s.exceeds(keep) {
		return false
	}
	s.count = max(s.count, keep.Count)
	s.ttl = max(s.ttl, ttlOf(keep))
	return true
}

func (s *stream) position() backplane.Position {
	return backplane.Position{Epoch: s.epoch, Offset: s.top}
}

// oldest is the offset of the ring's first message, that after the top where
// there is none; it is locked, for reading at least.
func (s *stream) oldest() int64 { return s.top - int64(s.ring.n) + 1 }

// expired reports whether something from a time is too old to be kept.
func (s *stream) expired(at, now int64) bool { return now-at >= s.ttl }

// idle reports whether the stream holds nothing and has not been used for so
// long that it may go; it is locked.
func (s *stream) idle(now int64) bool {
	unused := now - s.used.Load()
	if !s.published.Load() {
		return unused-blank >= int64(minIdle)
	}
	return s.ring.n == 0 && unused >= max(s.ttl, int64(minIdle))
}

// read answers a query, with the place in the journal of what it has seen, and
// false where the stream is gone. What is too old is left out, whether or not it
// has been removed yet.
func (s *stream) read(now int64, q backplane.Query) (page backplane.Page, place int64, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.gone {
		return backplane.Page{}, 0, false
	}
	n := s.ring.n
	from := sort.Search(n, func(i int) bool { return !s.expired(s.ring.at(i).at, now) })
	base := s.oldest()
	page = backplane.Page{Position: s.position(), Oldest: base + int64(from)}
	if q.After >= base {
		from = max(from, int(min(q.After-base+1, int64(n))))
	}
	from += sort.Search(n-from, func(i int) bool { return s.ring.at(from+i).time >= q.Since })
	from, to := s.fit(from, n, q)
	if from == to {
		return page, s.at, true
	}
	page.Messages = make([]backplane.Message, 0, to-from)
	for i := from; i < to; i++ {
		kept := s.ring.at(i)
		page.Messages = append(page.Messages, backplane.Message{
			Position: backplane.Position{Epoch: s.epoch, Offset: base + int64(i)},
			Time:     kept.time,
			Data:     kept.data,
		})
	}
	return page, s.at, true
}

// fit narrows a range of the ring to the limits of a query.
func (s *stream) fit(from, to int, q backplane.Query) (int, int) {
	n := to - from
	if q.Limit != 0 {
		n = max(0, min(n, q.Limit))
	}
	if q.Bytes > 0 {
		n = s.fitBytes(from, to, n, q)
	}
	if q.Newest {
		return to - n, to
	}
	return from, from + n
}

// fitBytes returns how many of n messages, from that end of a range that the
// query asks for, are together no larger than it allows; one is in any case.
func (s *stream) fitBytes(from, to, n int, q backplane.Query) int {
	size := 0
	for i := range n {
		next := from + i
		if q.Newest {
			next = to - 1 - i
		}
		if size += len(s.ring.at(next).data); size > q.Bytes && i > 0 {
			return i
		}
	}
	return n
}
