package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// supervise connects, again and again, until the client ends.
func (c *Client) supervise() {
	var (
		urls   []string // of this round that have not been tried
		failed int      // attempts in a row
		rounds int      // of these, with a pause before each
		before bool     // there was a connection
	)
	for c.ctx.Err() == nil {
		if len(urls) == 0 {
			urls = shuffled(c.options.URLs)
		}
		url := urls[0]
		urls = urls[1:]
		restored, err := c.attempt(url, &before)
		if restored {
			urls, failed, rounds = nil, 0, 0
		} else {
			failed++
		}
		switch {
		case c.ctx.Err() != nil:
			return
		case forGood(err):
			c.finish(err)
			return
		case c.options.Attempts > 0 && failed >= c.options.Attempts:
			c.finish(fmt.Errorf("client: %d attempts have failed, the last one: %w", failed, err))
			return
		case len(urls) > 0:
			continue // another server may be well
		}
		c.pause(c.backoff(rounds, restored && goingAway(err)))
		rounds++
	}
}

// attempt makes a connection and lives with it until it ends, with why. before is
// whether there was one before.
func (c *Client) attempt(url string, before *bool) (restored bool, err error) {
	k, err := c.connect(c.ctx, url)
	if err != nil {
		c.mu.Lock()
		c.failed = err
		c.mu.Unlock()
		return false, err
	}
	restored, err = c.live(k, *before)
	*before = true
	return restored, err
}

func shuffled(urls []string) []string {
	order := make([]string, len(urls))
	for i, j := range rand.Perm(len(urls)) {
		order[i] = urls[j]
	}
	return order
}

// backoff is a random pause below a bound that grows: those who lost a server
// together do not come back together.
func (c *Client) backoff(rounds int, atOnce bool) time.Duration {
	bound := c.options.ReconnectMax
	if grown := c.options.ReconnectInterval << min(rounds, 30); grown > 0 && grown>>min(rounds, 30) == c.options.ReconnectInterval {
		bound = min(bound, grown)
	}
	if atOnce {
		bound = min(bound, c.options.ReconnectInterval/4)
	}
	return rand.N(bound + 1)
}

func (c *Client) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.ctx.Done():
	}
}

// live is the life of a connection. It returns when nothing of it is left: whether
// everything had been restored, and why it ended.
func (c *Client) live(k *conn, before bool) (restored bool, err error) {
	ran := make(chan struct{})
	c.wg.Go(func() {
		defer close(ran)
		k.run(func(f *frame, size int) { c.take(k, f, size) })
	})
	stop := context.AfterFunc(c.ctx, func() { k.end(c.Err()) })
	defer stop()
	restoring, given := make(chan struct{}), make(chan struct{})
	c.wg.Go(func() {
		defer close(given)
		if c.restore(k) {
			close(restoring)
		}
	})
	restored = c.watch(k, restoring, before)
	<-ran
	<-given
	c.use(nil)
	err = k.cause()
	if c.options.OnDisconnect != nil && !errors.Is(err, ErrClosed) {
		c.notify(func() { c.options.OnDisconnect(err) })
	}
	// One that lasted was a good one, even if a handler is still at what it missed.
	return restored || time.Since(k.began) > c.options.ReconnectMax, err
}

// errSilent ends a connection that gives no sign of life.
var errSilent = errors.New("client: the server gives no sign of life")

// watch waits for the end of a connection, and asks for signs of life meanwhile.
func (c *Client) watch(k *conn, restoring <-chan struct{}, before bool) (restored bool) {
	silence, patience := c.options.Silence, c.options.ConnectTimeout
	timer := time.NewTimer(silence)
	defer timer.Stop()
	for {
		select {
		case <-k.ended:
			return restored
		case <-restoring:
			restored, restoring = true, nil
			if before && c.options.OnReconnect != nil {
				c.notify(c.options.OnReconnect)
			}
		case <-timer.C:
			switch silent := k.silent(); {
			case silent < silence:
				timer.Reset(silence - silent)
			case silent < silence+patience:
				k.answer("mesh/noop")
				timer.Reset(silence + patience - silent)
			default:
				k.end(errSilent)
			}
		}
	}
}

// restore makes the server know what the client is in and follows, and reports
// whether it came to its end.
func (c *Client) restore(k *conn) bool {
	waiting := c.rejoin(k)
	for _, s := range c.use(k) {
		restored := make(chan struct{})
		s.up(k, restored)
		waiting = append(waiting, either{restored, s.done})
	}
	for _, w := range waiting {
		select {
		case <-w.restored:
		case <-w.ended:
		case <-k.ended:
			return false
		}
	}
	return k.cause() == nil
}

// either is the end of something that is being restored: one way or the other.
type either struct{ restored, ended <-chan struct{} }
