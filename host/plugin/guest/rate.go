package guest

import (
	"sync"
	"time"
)

// Rate is the budget of host calls of one plugin, which its instances draw on:
// a bucket with the calls of one second. Instances take several at once, so
// that its lock is seldom fought for. It is safe for concurrent use.
type Rate struct {
	perSecond float64
	portion   int

	mu   sync.Mutex
	left float64
	at   time.Time
}

// maxPortion bounds what an instance takes at once: what it does not use is
// missing for the others until it does.
const maxPortion = 256

// NewRate allows so many calls a second, at least 1, and as many at once.
func NewRate(perSecond int) *Rate {
	perSecond = max(perSecond, 1)
	return &Rate{
		perSecond: float64(perSecond), left: float64(perSecond), at: time.Now(),
		portion: min(max(perSecond/1000, 1), maxPortion),
	}
}

// Take returns how many calls may be made before it is asked again; 0: none at
// present.
func (r *Rate) Take() int {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if since := now.Sub(r.at); since > 0 {
		r.left = min(r.perSecond, r.left+since.Seconds()*r.perSecond)
		r.at = now
	}
	n := min(int(r.left), r.portion)
	r.left -= float64(n)
	return n
}

// Give returns calls that were taken and will not be made.
func (r *Rate) Give(calls int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left = min(r.perSecond, r.left+float64(calls))
}
