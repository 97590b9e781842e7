package wasm

// Footprint returns how many instances are at rest, and the bytes of linear
// memory that they hold together. For the tools of authors: those that run a
// call are not counted.
func (p *Plugin) Footprint() (instances int, bytes int64) {
	pool := p.calls.pool
	pool.mu.Lock()
	defer pool.mu.Unlock()
	for _, s := range pool.free {
		if i := s.guest.(*instance); i.started() {
			instances++
			bytes += int64(len(i.memory.bytes))
		}
	}
	return instances, bytes
}
