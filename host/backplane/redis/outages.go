package redis

import (
	"log/slog"
	"sync"
	"time"
)

// outages writes the log of what is away: once when the first that notices says
// so, and once when the last is well again.
type outages struct {
	log *slog.Logger

	mu  sync.Mutex
	now map[string]*outage
}

type outage struct {
	count int
	since time.Time
}

func (o *outages) begin(what string, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.now == nil {
		o.now = make(map[string]*outage)
	}
	if now := o.now[what]; now != nil {
		now.count++
		return
	}
	o.now[what] = &outage{count: 1, since: time.Now()}
	o.log.Warn("redis is away: commands that need it are refused until it answers", "part", what, "error", explain(err))
}

func (o *outages) end(what string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.now[what]
	if now == nil {
		return
	}
	if now.count--; now.count > 0 {
		return
	}
	delete(o.now, what)
	o.log.Info("redis is back", "part", what, "away", time.Since(now.since).Round(time.Millisecond))
}
