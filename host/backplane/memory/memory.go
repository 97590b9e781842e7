// Package memory is the embedded backplane: one process, nothing to install,
// nothing kept after it ends.
package memory

import (
	"context"
	"hash/maphash"
	"sync"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
)

const shardCount = 64

// sweepInterval is how often Run looks for what has expired. Expired entries
// are invisible at once; the sweep only gives their memory back.
const sweepInterval = time.Second

// Backplane implements the interfaces of package backplane in memory. It is
// safe for concurrent use; no lock of it is shared by all keys, and none is
// held for longer than a few entries take.
type Backplane struct {
	seed   maphash.Seed
	start  time.Time // what expiry is measured from
	shards [shardCount]shard
	spaces sync.Map // namespace → *space
}

var _ backplane.KV = (*Backplane)(nil)

// New makes an empty backplane. It works without Run, which only gives memory
// back earlier.
func New() *Backplane {
	b := &Backplane{seed: maphash.MakeSeed(), start: time.Now()}
	for i := range b.shards {
		b.shards[i].entries = make(map[name]*entry)
	}
	return b
}

// Run gives back the memory of what has expired, until ctx is done.
func (b *Backplane) Run(ctx context.Context) {
	ticker := time.NewTicker(sweepInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			b.sweep()
		}
	}
}

// sweepBatch is how many entries are removed under one hold of a lock.
const sweepBatch = 128

// sweep removes everything that has expired. It looks at nothing else.
func (b *Backplane) sweep() {
	now := b.now()
	for i := range b.shards {
		shard := &b.shards[i]
		for more := true; more; {
			shard.mu.Lock()
			more = b.evict(shard, now, sweepBatch)
			shard.mu.Unlock()
		}
	}
}

// now is the time since the start, in nanoseconds of the monotonic clock, so
// that no change of the machine's date makes a key expire.
func (b *Backplane) now() int64 { return int64(time.Since(b.start)) }
