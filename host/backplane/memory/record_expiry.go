package memory

import "github.com/mesh-host/mesh-host/host/backplane"

func (r *record) due() int64        { return r.ends }
func (r *record) setDue(at int64)   { r.ends = at }
func (r *record) place() *int       { return &r.index }
func (r *record) shardHash() uint64 { return r.hash }

// endsAt sets when a record's value expires, or its tombstone is forgotten, 0 for
// never; it is locked.
func (s *Store) endsAt(r *record, at int64) {
	if r.ends != at { // else it is never, or both would have passed
		s.recordEnds.schedule(r, at)
	}
}

// endRecords ends the records whose time has come. A record may have been written
// meanwhile.
func (s *Store) endRecords(n *Node) {
	s.recordEnds.pass(s.now(), func(r *record) {
		r.mu.Lock()
		s.settle(n, r)
		s.closeRecord(r)
	})
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
		s.endsAt(r, 0)
		to.forget(r)
		to.send()
	}
	s.recordBytes.Add(r.size() - before)
}
