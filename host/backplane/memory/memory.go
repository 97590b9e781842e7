// Package memory is the embedded backplane: one process, nothing to install. All
// of it is in memory; a Journal, if there is one, keeps what must outlive the
// process.
//
// A Store is what all nodes share, a Node is one of them; the usual server has
// one of each. A room, a connection, a stream and a record change under a lock
// of their own, and what they tell of is delivered under it, so that the order
// of deliveries is that of the changes. The tables in which they are found are
// sharded, and locked for a look-up only.
//
// With a journal, what it keeps changes in memory at once, but no one is told
// before it is kept: messages are delivered when the journal says so, writes
// return then, and a read waits, outside of all locks, for what it has seen.
//
// # Lock order
//
//	Node.mu → room.mu → connection.mu
//	channels.order → stream.mu
//	record.mu → record.mu of a greater id
//
// and below all of these, with no other lock taken under them: the shards of
// tables, users, topics, values, states and ends of records, Store.mu, and what
// the journal locks. The shards of ranks are of that kind too, save that a
// stream's lock is tried under them, never waited for. A stream's lock, a room's
// and a record's are never held together.
package memory

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

// The defaults of Options.
const (
	DefaultLease       = 10 * time.Second
	DefaultHistorySize = 256 << 20
)

// Options says how a Store works. The zero value is that of a usual server.
type Options struct {
	// Lease is how long a node that does not run counts as alive; 0 is
	// DefaultLease.
	Lease time.Duration
	// HistorySize is the most bytes that the streams of all channels may take
	// up together, with what keeping them costs; 0 is DefaultHistorySize.
	HistorySize int64
	// Journal keeps records, streams, the metadata of rooms and the values of
	// the KV; nil: nothing outlives the process. It is Open that uses it.
	Journal Journal
	// NewEpochs has Open give every record, tombstones too, and every stream of
	// the journal a new epoch. Values, versions, messages and offsets stay, the
	// patches of records go. It is for a journal that was put back to an earlier
	// state. No client is then patched from what it knows of the other history.
	NewEpochs bool
}

// Store is what the nodes of an embedded backplane share. It is safe for
// concurrent use; no lock of it is shared by all keys, and everything in it is
// bounded, expires, or goes with the connection that it belongs to.
type Store struct {
	clock
	seed    maphash.Seed
	lease   time.Duration
	journal Journal // nil: nothing outlives the process

	values      values
	channels    channels
	connections table[*connection]
	users       users
	rooms       table[*room]
	states      deadlines[*member]
	records     table[*record]
	recordEnds  deadlines[*record]
	recordBytes atomic.Int64       // of all records
	counts      [shardCount]counts // of rooms, by their shards
	metadata    atomic.Int64       // bytes of the metadata of all rooms
	seq         atomic.Int64       // of the last presence event

	mu   sync.Mutex
	live atomic.Pointer[[]*Node] // replaced as a whole, under mu
}

// New makes an empty store, which uses no journal.
func New(o Options) *Store {
	if o.Lease <= 0 {
		o.Lease = DefaultLease
	}
	if o.HistorySize <= 0 {
		o.HistorySize = DefaultHistorySize
	}
	s := &Store{clock: clock{time.Now()}, seed: maphash.MakeSeed(), lease: o.Lease}
	s.live.Store(new([]*Node))
	s.values.init(s)
	s.channels.init(s, o.HistorySize)
	s.connections.init()
	s.users.init()
	s.rooms.init()
	s.records.init()
	return s
}

func (s *Store) hash(name string) uint64 { return maphash.String(s.seed, name) }

// clock tells the time since the start, by the monotonic clock, so that no
// change of the machine's date makes anything expire.
type clock struct{ start time.Time }

func (c clock) now() int64 { return int64(time.Since(c.start)) }

// expiry is when something expires that begins now, 0 for never.
func (c clock) expiry(ttl time.Duration) int64 {
	now := c.now()
	if ttl <= 0 || now+int64(ttl) < now {
		return 0
	}
	return now + int64(ttl)
}

// toDate turns a time of the clock into milliseconds since 1970, rounded up:
// what outlives the process goes by the machine's date. 0 is never.
func (c clock) toDate(at int64) uint64 {
	if at == 0 {
		return 0
	}
	date := time.Now().Add(time.Duration(at - c.now()))
	return uint64(max(0, date.UnixMilli()) + 1)
}

// fromDate turns it back; what has passed is below 0.
func (c clock) fromDate(date int64) int64 {
	if date == 0 {
		return 0
	}
	left := time.Until(time.UnixMilli(date))
	if left <= 0 {
		return -1
	}
	return c.expiry(left)
}

// milliseconds is the time as events carry it.
func milliseconds() int64 { return time.Now().UnixMilli() }

// owned returns a copy of value that is never nil.
func owned(value []byte) []byte { return append([]byte{}, value...) }

// ownedOrNil returns a copy of value, nil of nil.
func ownedOrNil(value []byte) []byte {
	if value == nil {
		return nil
	}
	return owned(value)
}
