package journal

import (
	"os"
	"sync/atomic"
	"time"
)

// Stats is what a journal has done since it was opened.
type Stats struct {
	// Commits is how many transactions were written, Changes how many changes
	// with them, Bytes those of their keys and values.
	Commits, Changes, Bytes int64
	// LastCommit is how long the last one took, Committing all of them together:
	// by Commits it is the mean.
	LastCommit, Committing time.Duration
	// PendingChanges are those that are not kept and told yet, PendingBytes
	// theirs.
	PendingChanges, PendingBytes int64
	// FileSize is how large the file is, in bytes. It does not become smaller;
	// what is free in it is used again.
	FileSize int64
}

// counters are the numbers of Stats that grow.
type counters struct {
	commits, changes, bytes atomic.Int64
	last, sum               atomic.Int64 // ns
}

func (c *counters) add(b *batch, took time.Duration) {
	c.changes.Add(int64(len(b.changes)))
	c.bytes.Add(int64(b.bytes))
	if b.entries > 0 {
		c.commits.Add(1)
		c.last.Store(int64(took))
		c.sum.Add(int64(took))
	}
}

// Stats returns what the journal has done. The numbers are each right at some
// moment of the call, not all at the same one.
func (j *Journal) Stats() Stats {
	c := &j.stats
	stats := Stats{
		Commits: c.commits.Load(), Changes: c.changes.Load(), Bytes: c.bytes.Load(),
		LastCommit: time.Duration(c.last.Load()), Committing: time.Duration(c.sum.Load()),
	}
	j.mu.Lock()
	for _, b := range j.queue {
		stats.PendingChanges += int64(len(b.changes))
		stats.PendingBytes += int64(b.bytes)
	}
	j.mu.Unlock()
	if info, err := os.Stat(j.path); err == nil {
		stats.FileSize = info.Size()
	}
	return stats
}
