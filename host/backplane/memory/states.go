package memory

import "sync"

// states is when the states of members expire.
type states [shardCount]struct {
	mu    sync.Mutex
	queue queue[*member]
	_     [32]byte // keep neighbours off one cache line
}

func (m *member) due() int64  { return m.expires }
func (m *member) place() *int { return &m.index }

// schedule sets when a member's state expires, 0 for never; its room is
// locked.
func (s *states) schedule(m *member, expires int64) {
	shard := &s[m.room.hash%shardCount]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	m.expires = expires
	switch queued := m.index != nowhere; {
	case queued && expires == 0:
		shard.queue.remove(m)
	case queued:
		shard.queue.fix(m)
	case expires != 0:
		shard.queue.push(m)
	}
}

// take takes members of a shard whose states have expired off the queue, at
// most as many as there is room for in batch.
func (s *states) take(i int, now int64, batch []*member) []*member {
	shard := &s[i]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	for len(batch) < cap(batch) && len(shard.queue) > 0 && shard.queue[0].expires <= now {
		m := shard.queue[0]
		shard.queue.remove(m)
		batch = append(batch, m)
	}
	return batch
}

// expireStates clears the states that have expired. Between being taken off
// the queue and the room's lock a member may have gone or got another state;
// what counts is what it has under the lock, so of several callers one clears.
func (s *Store) expireStates() {
	now := s.now()
	var batch [sweepBatch]*member
	for i := range s.states {
		for more := true; more; {
			taken := s.states.take(i, now, batch[:0])
			for _, m := range taken {
				m.room.mu.Lock()
				if m.expires != 0 && m.expires <= now {
					s.clearState(m)
				}
				m.room.mu.Unlock()
			}
			more = len(taken) == len(batch)
		}
	}
}
