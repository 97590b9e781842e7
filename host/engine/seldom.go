package engine

import (
	"sync"
	"time"
)

// seldom lets something be said of each name once a minute at most.
type seldom struct {
	mu   sync.Mutex
	said map[string]time.Time
}

// maxSeldom bounds how many names are remembered; of others nothing is said
// until the minute of some is over.
const maxSeldom = 1000

func (x *seldom) say(name string) bool {
	now := time.Now()
	x.mu.Lock()
	defer x.mu.Unlock()
	if last, ok := x.said[name]; ok && now.Sub(last) < time.Minute {
		return false
	}
	if len(x.said) >= maxSeldom {
		for name, last := range x.said {
			if now.Sub(last) >= time.Minute {
				delete(x.said, name)
			}
		}
	}
	if x.said == nil {
		x.said = make(map[string]time.Time)
	}
	if len(x.said) >= maxSeldom {
		return false
	}
	x.said[name] = now
	return true
}
