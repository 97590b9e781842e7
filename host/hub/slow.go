package hub

import "sync/atomic"

// slow counts what becomes of sessions that read too slowly.
type slow struct{ disconnected, dropped atomic.Uint64 }

// Slow is a snapshot of what became of slow sessions since the start: how many
// were closed, and how many deliveries were dropped or replaced for others.
type Slow struct{ Disconnected, Dropped uint64 }

// Slow returns the counters.
func (h *Hub) Slow() Slow {
	return Slow{Disconnected: h.slow.disconnected.Load(), Dropped: h.slow.dropped.Load()}
}
