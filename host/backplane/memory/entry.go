package memory

import (
	"container/heap"
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
	expires int64 // by Backplane.now; 0: never
	index   int   // in the shard's expiries, where expires is set
}

// size is what the entry counts towards its namespace's usage.
func size(n name, value []byte) int64 {
	return int64(len(n.key) + len(value) + backplane.EntryOverhead)
}

func (e *entry) expired(now int64) bool { return e.expires != 0 && e.expires <= now }

// shard is a part of the entries, whatever their namespaces.
type shard struct {
	mu       sync.RWMutex
	entries  map[name]*entry
	expiries expiries
	_        [8]byte // keep neighbours off one cache line
}

func (b *Backplane) shard(n name) *shard {
	hash := maphash.String(b.seed, n.namespace)*31 + maphash.String(b.seed, n.key)
	return &b.shards[hash%shardCount]
}

// live returns the entry under a name, nil where there is none or it has
// expired; the shard is locked, for reading at least.
func (s *shard) live(n name, b *Backplane) *entry {
	e := s.entries[n]
	if e == nil || e.expires != 0 && e.expires <= b.now() {
		return nil
	}
	return e
}

// put writes an entry, whose bytes are accounted for already; the shard is
// locked.
func (s *shard) put(e *entry, n name, sp *space, value []byte, expires int64) {
	if e == nil {
		e = &entry{name: n, space: sp}
		s.entries[n] = e
	}
	e.value = value
	switch had := e.expires != 0; {
	case had && expires != 0:
		e.expires = expires
		heap.Fix(&s.expiries, e.index)
	case had:
		heap.Remove(&s.expiries, e.index)
		e.expires = 0
	case expires != 0:
		e.expires = expires
		heap.Push(&s.expiries, e)
	}
}

// remove deletes an entry and gives its bytes back; the shard is locked.
func (b *Backplane) remove(s *shard, e *entry) {
	delete(s.entries, e.name)
	if e.expires != 0 {
		heap.Remove(&s.expiries, e.index)
	}
	b.giveBack(e.name.namespace, e.space, size(e.name, e.value))
}

// evict removes at most limit expired entries and reports whether there may be
// more; the shard is locked.
func (b *Backplane) evict(s *shard, now int64, limit int) bool {
	for range limit {
		if len(s.expiries) == 0 || !s.expiries[0].expired(now) {
			return false
		}
		b.remove(s, s.expiries[0])
	}
	return true
}

// expiries is a heap of the entries that expire, the next one first.
type expiries []*entry

var _ heap.Interface = (*expiries)(nil)

// Len implements heap.Interface.
func (x expiries) Len() int { return len(x) }

// Less implements heap.Interface.
func (x expiries) Less(i, j int) bool { return x[i].expires < x[j].expires }

// Swap implements heap.Interface.
func (x expiries) Swap(i, j int) {
	x[i], x[j] = x[j], x[i]
	x[i].index, x[j].index = i, j
}

// Push implements heap.Interface.
func (x *expiries) Push(e any) {
	e.(*entry).index = len(*x)
	*x = append(*x, e.(*entry))
}

// Pop implements heap.Interface.
func (x *expiries) Pop() any {
	last := len(*x) - 1
	e := (*x)[last]
	(*x)[last] = nil
	*x = (*x)[:last]
	return e
}
