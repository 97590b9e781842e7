package redis

import (
	"sync"
	"time"
)

// trust is how far a node goes by the leases of others. Where Redis was away from
// all of them, all have lapsed, though nobody is dead: before any is taken for dead
// they must have had time to be renewed.
type trust struct {
	long time.Duration // a break after which others may have lapsed, and how long they then have

	mu    sync.Mutex
	lease int64     // when the node's own ends, by the server's clock
	last  time.Time // when that was renewed
	since time.Time // when it was after the last long break
}

// renewed notes that the node's lease now ends at a time of the server's.
func (x *trust) renewed(lease int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	now := time.Now()
	if now.Sub(x.last) > x.long {
		x.since = now
	}
	x.lease, x.last = lease, now
}

// doubt has the others' leases be renewed before any is gone by.
func (x *trust) doubt() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.since = time.Now()
}

// bond is when the node's own lease ends, 0 unless others' can be gone by.
func (x *trust) bond() int64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	if now := time.Now(); now.Sub(x.last) > x.long || now.Sub(x.since) < x.long {
		return 0
	}
	return x.lease
}
