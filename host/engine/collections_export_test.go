package engine

import (
	"fmt"
	"time"
)

// CollectionsLeft says what an engine's collections keep once the tables that are
// kept for a while are gone, "" for nothing.
func CollectionsLeft(e *Engine) string {
	x := &e.collections
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, f := range x.families {
		x.expire(f, time.Now().Add(keptFor))
	}
	if len(x.byID)+len(x.families)+len(x.holders) == 0 && x.concerned.Load() == nil {
		return ""
	}
	return fmt.Sprintf("%d collections, %d families and %d holders", len(x.byID), len(x.families), len(x.holders))
}

// Covered returns how many records a session's collections cover.
func Covered(e *Engine, session string) int64 {
	x := &e.collections
	x.mu.Lock()
	defer x.mu.Unlock()
	for s, h := range x.holders {
		if s.ID() == session {
			return h.covered.Load()
		}
	}
	return 0
}

// Lingering counts the interest that outlives the last collection.
func Lingering(e *Engine) int {
	x := &e.collections.linger
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.held {
		return 1
	}
	return 0
}
