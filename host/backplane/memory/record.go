package memory

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// record is a value with its versions. It is there from its first write until
// its tombstone is forgotten; before and after it is blank, which no one sees
// but who holds its lock.
type record struct {
	id   string
	hash uint64

	mu     sync.Mutex
	epoch  string
	number int64  // 0 while it is blank
	value  []byte // nil where it is deleted
	log    patchLog
	// tombstone is how long the version of its next deletion is kept.
	tombstone time.Duration

	// When the value expires, or the tombstone is forgotten; changed under the
	// lock of the queue as well.
	ends  int64 // by the store's clock; 0: never
	index int   // in the queue of ends; under its lock alone

	// With a journal: at is the place there of what is to be seen, unkept
	// counts the versions that are not kept yet.
	at     int64
	unkept atomic.Int32

	gone bool // no longer in the store: look the id up again; under mu
}

func newEpoch() string { return strconv.FormatUint(rand.Uint64(), 36) }

// findRecord returns a record as it is now, locked, nil where there is none.
// Where its value has expired, that is the node's change.
func (s *Store) findRecord(n *Node, id string) *record {
	hash := s.hash(id)
	for {
		r := s.records.find(hash, id)
		if r == nil {
			return nil
		}
		r.mu.Lock()
		if !r.gone {
			s.settle(n, r)
			return r
		}
		r.mu.Unlock()
	}
}

// openRecord does the same, and makes a blank record where there is none. Who
// finds or opens it closes it.
func (s *Store) openRecord(n *Node, id string) *record {
	for {
		if r := s.findRecord(n, id); r != nil {
			return r
		}
		id = strings.Clone(id)
		r := &record{id: id, hash: s.hash(id), index: nowhere}
		r.mu.Lock()
		if s.records.add(r.hash, id, r, nil) {
			return r
		}
	}
}

// closeRecord unlocks a record, and removes it if it is blank. One whose last
// deletion might still be lost stays a while, for who finds nothing does not
// wait for anything to be kept.
func (s *Store) closeRecord(r *record) {
	switch {
	case r.number != 0 || r.gone:
	case r.unkept.Load() > 0:
		s.endsAt(r, s.expiry(expireInterval))
	default:
		r.gone = true
		s.endsAt(r, 0)
		s.records.remove(r.hash, r.id)
	}
	r.mu.Unlock()
}

func (r *record) version() backplane.Version {
	return backplane.Version{Epoch: r.epoch, Number: r.number}
}

func (r *record) read() backplane.Record {
	return backplane.Record{ID: r.id, Version: r.version(), Value: r.value}
}

// size is what the record counts towards the limit of all.
func (r *record) size() int64 {
	if r.number == 0 {
		return 0
	}
	return recordSize(r.id, r.value, r.log.count(), r.log.size())
}

func recordSize(id string, value []byte, patches, log int) int64 {
	return int64(len(id) + len(value) + backplane.RecordOverhead + log + patches*backplane.PatchOverhead)
}

// growth is by how many bytes a write makes the record larger.
func (r *record) growth(w *backplane.RecordWrite) int64 {
	if w.Keep {
		return 0
	}
	patches, added, log := r.log.fit(w)
	if added {
		patches++
	}
	return recordSize(r.id, w.Value, patches, log) - r.size()
}

// write makes the next version, whose growth is accounted for already; the
// record is locked.
func (s *Store) write(r *record, w *backplane.RecordWrite, to *news) backplane.RecordChange {
	c := backplane.RecordChange{Previous: r.value, By: w.By}
	if r.number == 0 {
		r.epoch = newEpoch()
	}
	stay, logged, _ := r.log.fit(w)
	for r.log.count() > stay {
		to.drop(r)
	}
	r.number++
	if w.Value != nil && w.Patch != nil {
		c.Patch = to.patch(r, w, logged)
	}
	r.log.shrink()
	r.tombstone = max(1, w.Tombstone)
	ttl := w.TTL
	if w.Value == nil {
		ttl = r.tombstone
	}
	s.endsAt(r, s.expiry(ttl))
	r.value = to.value(r, w.Value)
	c.Record = r.read()
	return c
}

// prolong begins the TTL of a value anew; the record is locked.
func (s *Store) prolong(r *record, w *backplane.RecordWrite, to *news) {
	if w.TTL <= 0 || r.value == nil {
		return
	}
	r.tombstone = max(1, w.Tombstone)
	s.endsAt(r, s.expiry(w.TTL))
	if s.journal != nil {
		r.value = to.value(r, r.value)
	}
}

// reserveRecords accounts for growth bytes if there is room for them. What
// makes no growth is always in order.
func (s *Store) reserveRecords(growth, limit int64) bool {
	for {
		used := s.recordBytes.Load()
		if growth > 0 && limit > 0 && used+growth > limit {
			return false
		}
		if growth == 0 || s.recordBytes.CompareAndSwap(used, used+growth) {
			return true
		}
	}
}
