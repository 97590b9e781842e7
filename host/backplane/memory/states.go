package memory

func (m *member) due() int64        { return m.expires }
func (m *member) setDue(at int64)   { m.expires = at }
func (m *member) place() *int       { return &m.index }
func (m *member) shardHash() uint64 { return m.room.hash }

// expireStates clears the states that have expired. A member may have gone
// meanwhile, or got another state.
func (s *Store) expireStates() {
	now := s.now()
	s.states.pass(now, func(m *member) {
		m.room.mu.Lock()
		defer m.room.mu.Unlock()
		if m.expires != 0 && m.expires <= now {
			s.clearState(m)
		}
	})
}
