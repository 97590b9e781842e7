//go:build linux

package main

import (
	"math/bits"
	"time"
)

// histogram counts durations in buckets that are at most 1/32 wide, relative
// to their lower end, so that adding one costs nothing that shows.
type histogram struct {
	counts [32 * (64 - 4)]uint32
	total  uint64
}

func (h *histogram) add(d time.Duration) {
	h.counts[bucket(uint64(max(d, 0)))]++
	h.total++
}

// bucket is exact below 32; above, 32 buckets share each power of two.
func bucket(v uint64) int {
	if v < 32 {
		return int(v)
	}
	shift := bits.Len64(v) - 6
	return 32*shift + int(v>>shift)
}

// lower is the least value of a bucket.
func lower(bucket int) uint64 {
	if bucket < 64 {
		return uint64(bucket)
	}
	shift := bucket/32 - 1
	return uint64(bucket-32*shift) << shift
}

// quantile returns the duration that a share q of all is not above, to within
// a bucket; 0 where there are none.
func (h *histogram) quantile(q float64) time.Duration {
	rank, seen := uint64(q*float64(h.total)), uint64(0)
	for i, n := range h.counts {
		if seen += uint64(n); seen > rank || n > 0 && seen == h.total {
			return time.Duration(lower(i))
		}
	}
	return 0
}

func (h *histogram) reset() { *h = histogram{} }
