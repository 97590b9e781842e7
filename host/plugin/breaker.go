package plugin

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mesh-host/mesh-host/host/plugin/guest"
)

// breaker keeps calls away from a handler that does nothing but fail: after
// so many faults, timeouts and ends of the fuel in a row it is suspended, and calls are refused at
// once. After a pause one call is let through, whose outcome decides. A breaker
// that has seen nothing wrong is only read. It is safe for concurrent use.
type breaker struct {
	threshold int // 0: never
	what      string
	now       func() time.Time

	state atomic.Int32

	mu       sync.Mutex
	failures int
	pause    time.Duration
	until    time.Time
	trying   bool // a call was let through
}

// The states of a breaker.
const (
	clean     int32 = iota // the last call went well
	failing                // it did not
	suspended              // as many did not as the threshold says
)

// The pauses of a suspended handler: each twice as long as the one before.
const (
	minPause = time.Second
	maxPause = 30 * time.Second
)

// errSuspended is the outcome of a call that a breaker refuses.
var errSuspended = errors.New("plugin: the handler is suspended")

func newBreaker(threshold int, what string) *breaker {
	return &breaker{threshold: threshold, what: what, now: time.Now}
}

// admit reports whether a call may go on; then done must be told its outcome.
func (b *breaker) admit() bool {
	if b.state.Load() != suspended {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state.Load() != suspended {
		return true
	}
	now := b.now()
	if now.Before(b.until) {
		return false
	}
	// Should its outcome never be told, another one is let through.
	b.trying, b.until = true, now.Add(maxPause)
	return true
}

// change is what the outcome of a call did to a breaker.
type change int

const (
	nothing change = iota
	opened
	closed
)

func (b *breaker) done(err error) change {
	if err == nil && b.state.Load() == clean {
		return nothing
	}
	switch {
	case b.threshold == 0:
		return nothing
	case errors.Is(err, guest.ErrBusy) || errors.Is(err, guest.ErrClosed):
		b.undecided()
		return nothing
	case hasFailed(err):
		return b.fail()
	}
	return b.succeed()
}

// hasFailed tells what a broken plugin does from what it answers.
func hasFailed(err error) bool {
	var fault *guest.Fault
	return errors.Is(err, guest.ErrTimeout) || errors.Is(err, guest.ErrFuel) || errors.As(err, &fault)
}

// undecided lets another call through where the one that was found no instance.
func (b *breaker) undecided() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.trying {
		b.trying, b.until = false, b.now()
	}
}

func (b *breaker) fail() change {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures++
	switch {
	case b.state.Load() == suspended && !b.trying: // it began before that
		return nothing
	case b.state.Load() == suspended:
		b.pause = min(2*b.pause, maxPause)
	case b.failures < b.threshold:
		b.state.Store(failing)
		return nothing
	default:
		b.pause = minPause
	}
	b.trying, b.until = false, b.now().Add(b.pause)
	if b.state.Swap(suspended) == suspended {
		return nothing
	}
	return opened
}

func (b *breaker) succeed() change {
	if b.state.Load() == clean {
		return nothing
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures, b.trying, b.pause = 0, false, 0
	if b.state.Swap(clean) == suspended {
		return closed
	}
	return nothing
}

// Suspension is a handler that is kept from being called, since it failed again
// and again.
type Suspension struct {
	// Handler names it: command "echo".
	Handler string `json:"handler"`
	// Failures are how many there were in a row.
	Failures int `json:"failures"`
	// Until is when a call is let through to see whether it still fails.
	Until time.Time `json:"until"`
}

// suspension returns what there is to tell of a breaker, if anything.
func (b *breaker) suspension() (Suspension, bool) {
	if b.state.Load() != suspended {
		return Suspension{}, false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return Suspension{Handler: b.what, Failures: b.failures, Until: b.until.UTC()}, true
}

// breakers are those of a version's handlers.
type breakers struct {
	mu  sync.Mutex
	all []*breaker
}

func (l *breakers) add(b *breaker) *breaker {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, b)
	return b
}

func (l *breakers) suspensions() (list []Suspension) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range l.all {
		if s, ok := b.suspension(); ok {
			list = append(list, s)
		}
	}
	return list
}

// note logs what the outcome of a call did to its handler's breaker. These
// lines are few, and not dropped with those of the faults that led to them.
func (c *call) note(what change) {
	v := c.version
	switch what {
	case opened:
		v.log.Error("plugin handler suspended: it failed again and again", "version", v.hash, "handler", c.what,
			"failures", v.limits.Breaker, "pause", minPause)
	case closed:
		v.log.Info("plugin handler serves again", "version", v.hash, "handler", c.what)
	}
}
