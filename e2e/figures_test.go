//go:build linux

package e2e

import (
	"fmt"
	"slices"
	"time"
)

// latencies are how long calls took.
type latencies []time.Duration

func merge(parts []latencies) (all latencies) {
	for _, part := range parts {
		all = append(all, part...)
	}
	slices.Sort(all)
	return all
}

// at returns the latency that a share of the calls, sorted, did not exceed.
func (l latencies) at(share float64) time.Duration {
	if len(l) == 0 {
		return 0
	}
	return l[min(len(l)-1, int(share*float64(len(l))))]
}

// String implements fmt.Stringer.
func (l latencies) String() string {
	return fmt.Sprintf("%d calls: p50 %v, p99 %v, max %v", len(l),
		l.at(0.5).Round(time.Microsecond), l.at(0.99).Round(time.Microsecond), l.at(1).Round(time.Microsecond))
}
