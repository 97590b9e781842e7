package memory

import (
	"sync"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// recordEnds is when values of records expire, and tombstones are forgotten.
type recordEnds [shardCount]struct {
	mu    sync.Mutex
	queue queue[*record]
	_     [32]byte // keep neighbours off one cache line
}

func (r *record) due() int64  { return r.ends }
func (r *record) place() *int { return &r.index }

// schedule sets when a record ends, 0 for never; it is locked.
func (e *recordEnds) schedule(r *record, ends int64) {
	if r.ends == ends {
		return // which is never, or both would have passed
	}
	shard := &e[r.hash%shardCount]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	r.ends = ends
	switch queued := r.index != nowhere; {
	case queued && ends == 0:
		shard.queue.remove(r)
	case queued:
		shard.queue.fix(r)
	case ends != 0:
		shard.queue.push(r)
	}
}

// take takes records of a shard whose end has come off the queue, at most as
// many as there is room for in batch.
func (e *recordEnds) take(i int, now int64, batch []*record) []*record {
	shard := &e[i]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	for len(batch) < cap(batch) && len(shard.queue) > 0 && shard.queue[0].ends <= now {
		r := shard.queue[0]
		shard.queue.remove(r)
		batch = append(batch, r)
	}
	return batch
}

// endRecords ends the records whose time has come. Between being taken off the
// queue and being locked a record may have been written; what counts is what it
// is under the lock, so of several callers one ends it.
func (s *Store) endRecords(n *Node) {
	now := s.now()
	var batch [sweepBatch]*record
	for i := range s.recordEnds {
		for more := true; more; {
			taken := s.recordEnds.take(i, now, batch[:0])
			for _, r := range taken {
				r.mu.Lock()
				s.settle(n, r)
				s.closeRecord(r)
			}
			more = len(taken) == len(batch)
		}
	}
}

// settle does to a record what time has done: an expired value is deleted, by a
// version that the node makes, and a tombstone that has been kept for long
// enough leaves the record blank. The record is locked.
func (s *Store) settle(n *Node, r *record) {
	if r.ends == 0 || r.ends > s.now() || r.number == 0 {
		return
	}
	to := news{node: n}
	before := r.size()
	if r.value != nil {
		c := s.write(r, &backplane.RecordWrite{Tombstone: r.tombstone}, &to)
		c.Expired = true
		to.tell(r, c)
		to.send(r)
	} else {
		r.epoch, r.number = "", 0
		s.recordEnds.schedule(r, 0)
		to.forget(r)
		to.send()
	}
	s.recordBytes.Add(r.size() - before)
}
