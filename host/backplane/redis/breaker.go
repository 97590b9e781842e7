package redis

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// The figures of a breaker.
const (
	// mostFailures in a row open it.
	mostFailures = 3
	// probeEvery is how often it then asks whether the server is back.
	probeEvery = 250 * time.Millisecond
)

// breaker answers for a server that is away. It opens after some failures in a
// row, the first of which has it ask by itself, and closes once the server has
// answered that.
type breaker struct {
	link    *link
	suspect chan struct{} // has a value where the server should be asked

	mu       sync.Mutex
	failures int
	cause    error  // why it is open, nil: it is closed
	outage   string // what its outage was reported as
}

func (b *breaker) init(l *link) {
	b.link, b.suspect = l, make(chan struct{}, 1)
}

// why is nil while it is closed.
func (b *breaker) why() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cause
}

// note takes down how a round trip went.
func (b *breaker) note(ctx context.Context, err error) {
	if err == nil {
		b.well()
		return
	}
	if ctx.Err() != nil {
		return // closing
	}
	b.link.node.counted.failures.Add(1)
	b.failed(err)
	signal(b.suspect)
}

// well takes down a success. Only a probe closes the breaker: what else succeeds
// while it is open was sent before.
func (b *breaker) well() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cause == nil {
		b.failures = 0
	}
}

// failed takes down a failure, and opens the breaker if it is one too many.
func (b *breaker) failed(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures++; b.failures < mostFailures || b.cause != nil {
		return
	}
	b.outage = b.link.where()
	b.cause = fmt.Errorf("%w: Redis is away: %s", backplane.ErrUnavailable, explain(err))
	b.link.refuse(b.cause)
	b.link.node.outages.begin(b.outage, err)
}

// where is the server that the link goes to, for the log.
func (l *link) where() string {
	if l.node.sharded {
		ctx, stop := context.WithCancel(context.Background())
		stop() // only what is known already
		if client, err := l.node.server(ctx, l.base); err == nil {
			return client.Options().Addr
		}
	}
	return fmt.Sprint(l.node.options.Addresses)
}

// run asks the server whenever it is suspect, until it answers. It ends with
// ctx, and then all requests are refused.
func (b *breaker) run(ctx context.Context) {
	defer b.link.refuse(errClosed)
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.suspect:
		}
		for ctx.Err() == nil && b.doubtful() {
			if err := b.link.probe(ctx); err != nil {
				b.note(ctx, err)
				_ = wait(ctx, probeEvery) // or ctx is done
				continue
			}
			b.mend()
		}
	}
}

// doubtful reports whether something has failed since the last success.
func (b *breaker) doubtful() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failures > 0
}

// mend closes the breaker.
func (b *breaker) mend() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures = 0; b.cause == nil {
		return
	}
	b.cause = nil
	b.link.refuse(nil)
	b.link.node.outages.end(b.outage)
}

// probe asks the server whether it takes writes, with one that changes nothing.
func (l *link) probe(ctx context.Context) error {
	l.node.reload(ctx)
	client, err := l.node.server(ctx, l.base)
	if err == nil {
		err = client.Del(ctx, l.base+"probe").Err()
	}
	var answer goredis.Error
	if errors.As(err, &answer) && !isAway(err) && code(err) != "BUSY" && code(err) != "MOVED" && code(err) != "ASK" {
		return nil // it is there, whatever it says
	}
	return err
}
