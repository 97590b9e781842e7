package memory

import (
	"cmp"
	"slices"
	"sync"
)

const shardCount = 64

// table is a map in shards. What it holds has locks of its own; those of the
// shards are held for a look-up only, and never while another lock is waited
// for.
type table[V any] [shardCount]shard[V]

type shard[V any] struct {
	mu      sync.RWMutex
	entries map[string]V
	_       [32]byte // keep neighbours off one cache line
}

// pair is an entry of a table.
type pair[V any] struct {
	key   string
	value V
}

func (t *table[V]) init() {
	for i := range t {
		t[i].entries = make(map[string]V)
	}
}

func (t *table[V]) shard(hash uint64) *shard[V] { return &t[hash%shardCount] }

// find returns what is under a key, the zero value where nothing is.
func (t *table[V]) find(hash uint64, key string) V {
	s := t.shard(hash)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.entries[key]
}

// missing reports whether nothing is under a key, and does something while
// that is so.
func (t *table[V]) missing(hash uint64, key string, then func()) bool {
	s := t.shard(hash)
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, there := s.entries[key]
	if !there {
		then()
	}
	return !there
}

// add stores a value under a key that is free, and reports whether it was.
// first, if any, is called in between.
func (t *table[V]) add(hash uint64, key string, value V, first func()) bool {
	s := t.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, taken := s.entries[key]; taken {
		return false
	}
	if first != nil {
		first()
	}
	s.entries[key] = value
	return true
}

func (t *table[V]) remove(hash uint64, key string) {
	s := t.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.entries, key)
}

func (t *table[V]) count() (n int) {
	for i := range t {
		t[i].mu.RLock()
		n += len(t[i].entries)
		t[i].mu.RUnlock()
	}
	return n
}

// values returns what a shard holds.
func (t *table[V]) values(i int) []V {
	s := &t[i]
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := make([]V, 0, len(s.entries))
	for _, v := range s.entries {
		all = append(all, v)
	}
	return all
}

// beyond returns the first entries of a shard after a place in it, in the
// order of keys. It sorts no more than it needs: what lies behind a full batch
// is passed over.
func (t *table[V]) beyond(at place, most int) []pair[V] {
	s := &t[at.shard]
	s.mu.RLock()
	defer s.mu.RUnlock()
	var first []pair[V]
	worst, full := "", false
	for key, value := range s.entries {
		if !at.before(key) || full && key >= worst {
			continue
		}
		if first = append(first, pair[V]{key, value}); len(first) >= 2*most {
			first = smallest(first, most)
			worst, full = first[most-1].key, true
		}
	}
	return smallest(first, most)
}

func smallest[V any](pairs []pair[V], most int) []pair[V] {
	slices.SortFunc(pairs, func(a, b pair[V]) int { return cmp.Compare(a.key, b.key) })
	if len(pairs) > most {
		clear(pairs[most:])
		pairs = pairs[:most]
	}
	return pairs
}
