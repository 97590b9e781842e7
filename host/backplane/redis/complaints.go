package redis

import (
	"errors"
	"sync"
	"time"
)

// complaints has the log told of what Redis refuses while it is there: those who
// have asked are only told that it is not to be had, whatever the operator would
// have to do about it.
type complaints struct {
	mu   sync.Mutex
	said map[string]time.Time // by what was refused, and with which word
}

// complainEvery is how often the same is said.
const complainEvery = time.Minute

// due reports whether something is to be said again.
func (c *complaints) due(what string, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if last, ok := c.said[what]; ok && now.Sub(last) < complainEvery {
		return false
	}
	if c.said == nil {
		c.said = make(map[string]time.Time)
	}
	c.said[what] = now
	return true
}

// complain logs an error over something, seldom. What says that the server is
// away is not for here, see outages.
func (n *Node) complain(what string, err error) {
	word := code(err)
	own := errors.Is(err, errNotKept) || errors.Is(err, errCrowded)
	if own || word != "" && !isAway(err) {
		if n.complaints.due(what+" "+word, time.Now()) {
			n.log.Warn("redis has refused a request; it was answered as unavailable",
				"request", what, "prefix", n.options.Prefix, "error", explain(err))
		}
	}
}
