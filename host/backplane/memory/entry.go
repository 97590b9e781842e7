package memory

import (
	"hash/maphash"
	"sync"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// name is a key with its namespace.
type name struct{ namespace, key string }

// entry is one value. It is read and changed under its shard's lock; the bytes
// of value are never changed, so that readers may keep them.
type entry struct {
	name    name
	space   *space
	value   []byte
	expires int64 // by the clock; 0: never
	index   int   // in the shard's expiries, where expires is set
	at      int64 // the value's place in the journal
}

// size is what the entry counts towards its namespace's usage.
func size(n name, value []byte) int64 {
	return int64(len(n.key) + len(value) + backplane.EntryOverhead)
}

func (e *entry) due() int64  { return e.expires }
func (e *entry) place() *int { return &e.index }

func (e *entry) expired(now int64) bool { return e.expires != 0 && e.expires <= now }

// valueShard is a part of the entries, whatever their namespaces.
type valueShard struct {
	mu       sync.RWMutex
	entries  map[name]*entry
	expiries queue[*entry]
	deleted  int64 // place of the last Delete in the journal
	// With deleted the shard fills a cache line, which keeps neighbours off it.
}

func (v *values) shard(n name) *valueShard {
	hash := maphash.String(v.seed, n.namespace)*31 + maphash.String(v.seed, n.key)
	return &v.shards[hash%shardCount]
}

// live returns the entry under a name, nil where there is none or it has
// expired; the shard is locked, for reading at least.
func (s *valueShard) live(n name, c clock) *entry {
	e := s.entries[n]
	if e == nil || e.expires != 0 && e.expired(c.now()) {
		return nil
	}
	return e
}

// put writes an entry, whose bytes are accounted for already, and returns it;
// the shard is locked.
func (s *valueShard) put(e *entry, n name, sp *space, value []byte, expires int64) *entry {
	if e == nil {
		e = &entry{name: n, space: sp}
		s.entries[n] = e
	}
	e.value = value
	switch had := e.expires != 0; {
	case had && expires != 0:
		e.expires = expires
		s.expiries.fix(e)
	case had:
		s.expiries.remove(e)
		e.expires = 0
	case expires != 0:
		e.expires = expires
		s.expiries.push(e)
	}
	return e
}

// remove deletes an entry and gives its bytes back; the shard is locked.
func (v *values) remove(s *valueShard, e *entry) {
	delete(s.entries, e.name)
	if e.expires != 0 {
		s.expiries.remove(e)
	}
	v.giveBack(e.name.namespace, e.space, size(e.name, e.value))
}

// evict removes at most limit expired entries and reports whether there may be
// more; the shard is locked.
func (v *values) evict(s *valueShard, now int64, limit int) bool {
	for range limit {
		if len(s.expiries) == 0 || !s.expiries[0].expired(now) {
			return false
		}
		v.expire(s, s.expiries[0])
	}
	return true
}

// expire removes an entry that has expired; the shard is locked. No one has to
// wait until the journal has done the same: it would expire there, too.
func (v *values) expire(s *valueShard, e *entry) {
	v.remove(s, e)
	v.keep(e.name, nil, 0)
}

// sweepBatch is how many entries are removed under one hold of a lock.
const sweepBatch = 128

// sweep removes everything that has expired. It looks at nothing else. Expired
// entries are invisible at once; the sweep only gives their memory back.
func (v *values) sweep() {
	now := v.now()
	for i := range v.shards {
		shard := &v.shards[i]
		for more := true; more; {
			shard.mu.Lock()
			more = v.evict(shard, now, sweepBatch)
			shard.mu.Unlock()
		}
	}
}

func (v *values) count() (n int) {
	for i := range v.shards {
		v.shards[i].mu.RLock()
		n += len(v.shards[i].entries)
		v.shards[i].mu.RUnlock()
	}
	return n
}
