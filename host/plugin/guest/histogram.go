package guest

import (
	"sync/atomic"
	"time"
)

// Bounds are the upper bounds of a Histogram's buckets; what is longer is in
// one more.
var Bounds = [...]time.Duration{
	10 * time.Microsecond, 25 * time.Microsecond, 50 * time.Microsecond,
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
	10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second,
}

// Tally counts durations under someone else's lock.
type Tally struct {
	buckets [len(Bounds) + 1]uint64
	sum     time.Duration
}

// Add counts a duration.
func (t *Tally) Add(d time.Duration) {
	i := 0
	for i < len(Bounds) && d > Bounds[i] { // most calls take no longer than the first
		i++
	}
	t.buckets[i]++
	t.sum += d
}

// Histogram counts durations. It is safe for concurrent use; the zero value is
// ready.
type Histogram struct {
	buckets [len(Bounds) + 1]atomic.Uint64
	sum     atomic.Int64
}

// Take adds what a tally has counted, and empties it.
func (h *Histogram) Take(t *Tally) {
	if t.sum == 0 && t.buckets[0] == 0 {
		return
	}
	for i, n := range t.buckets {
		if n > 0 {
			h.buckets[i].Add(n)
		}
	}
	h.sum.Add(int64(t.sum))
	*t = Tally{}
}

// Durations are a snapshot of a Histogram.
type Durations struct {
	// Counts are those of the buckets of Bounds, each for itself, and of what
	// is longer.
	Counts []uint64 `json:"counts"`
	// Sum is the time that all calls took together.
	Sum time.Duration `json:"sumNanoseconds"`
}

// Snapshot reads the histogram, one bucket after the other.
func (h *Histogram) Snapshot() Durations {
	d := Durations{Counts: make([]uint64, len(h.buckets)), Sum: time.Duration(h.sum.Load())}
	for i := range h.buckets {
		d.Counts[i] = h.buckets[i].Load()
	}
	return d
}
