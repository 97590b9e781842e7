package wasm

import (
	"crypto/sha256"
	"sync"
)

// sameness lets one at a time compile the same content. The compiler's cache
// shares the result of the first, and gives it to the second before it is
// complete.
type sameness struct {
	mu   sync.Mutex
	busy map[[sha256.Size]byte]*turn
}

// turn is who compiles a content, or waits to.
type turn struct {
	mu    sync.Mutex
	users int // guarded by sameness.mu
}

// lock waits for the turn to compile a content; the returned function ends it.
func (s *sameness) lock(content []byte) (unlock func()) {
	sum := sha256.Sum256(content)
	s.mu.Lock()
	t := s.busy[sum]
	if t == nil {
		if s.busy == nil {
			s.busy = make(map[[sha256.Size]byte]*turn)
		}
		t = new(turn)
		s.busy[sum] = t
	}
	t.users++
	s.mu.Unlock()
	t.mu.Lock()
	return func() {
		t.mu.Unlock()
		s.mu.Lock()
		defer s.mu.Unlock()
		if t.users--; t.users == 0 {
			delete(s.busy, sum)
		}
	}
}
