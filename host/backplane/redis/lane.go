package redis

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// The figures of a lane.
const (
	// soonest and latest are how long it waits before it connects anew.
	soonest, latest = 50 * time.Millisecond, time.Second
	// channelsAtOnce is how many channels one command subscribes to, and askedAtOnce
	// how many handlers ask at a time.
	channelsAtOnce = 256
	askedAtOnce    = 64
)

// handler takes what is published on a channel. deliver, and what begin and resume
// return, are called by the lane's goroutine. That waits while begin and resume ask,
// each beside those of other handlers: they change nothing.
type handler interface {
	// begin is called once, when the channel has been subscribed to, before any
	// message: it may ask for a position, to be noted by what it returns. An error
	// fails the subscription.
	begin(ctx context.Context) (answered, error)
	// deliver takes one message.
	deliver(text string)
	// resume is called once the channel is subscribed to again after the
	// connection was lost for so long, before any further message. What it returns
	// delivers what was missed, or tells whoever relies on it that it was missed.
	// An error has the lane connect anew.
	resume(ctx context.Context, away time.Duration) (answered, error)
}

// answered is what a handler does once it knows what it has asked for.
type answered func(ctx context.Context) error

// topic is a channel that a lane is subscribed to.
type topic struct {
	handler handler
	// confirmed is closed once begin has returned, or the subscription has
	// failed, with err.
	confirmed chan struct{}
	once      sync.Once
	err       error
	waiting   int // callers of subscribe

	// These are the lane's goroutine's.
	begun bool
	live  bool      // messages are delivered
	heard time.Time // the last word before the connection was lost, unless live
}

func (t *topic) confirm(err error) {
	t.once.Do(func() {
		t.err = err
		close(t.confirmed)
	})
}

// settled reports whether confirm was called.
func (t *topic) settled() bool {
	select {
	case <-t.confirmed:
		return true
	default:
		return false
	}
}

// lane is a pub/sub connection and the goroutine that reads it. Everything that
// it calls is called by that goroutine, one after the other.
//
// What is said on a connection, in the order of changes to topics, is queued and
// written by another goroutine, so that nobody waits for the network with the
// lane's lock held. Redis confirms in the same order: a channel is subscribed to
// once as many confirmations have come as commands were sent.
type lane struct {
	node *Node
	base string        // of a shard that it carries, to find the server
	wake chan struct{} // has a value where the lane has something to connect for

	mu     sync.Mutex
	life   *connected // nil while there is none
	topics map[string]*topic
	down   error // why there is no connection, once it has failed
}

func newLane(n *Node) *lane {
	return &lane{node: n, wake: make(chan struct{}, 1), topics: make(map[string]*topic)}
}

// subscribe has what is published on a channel given to h, from when it returns
// at the latest. A channel has one handler at a time. It fails at once while the
// connection is lost; what has failed leaves nothing behind.
func (l *lane) subscribe(ctx context.Context, channel string, h handler) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l.mu.Lock()
	t := l.topics[channel]
	if t == nil {
		if l.down != nil {
			defer l.mu.Unlock()
			return l.down
		}
		t = &topic{handler: h, confirmed: make(chan struct{})}
		l.topics[channel] = t
		if l.life != nil {
			l.life.subscribe(channel)
		}
		signal(l.wake)
	}
	t.waiting++
	l.mu.Unlock()
	select {
	case <-t.confirmed:
	case <-ctx.Done():
	}
	return l.leave(ctx, channel, t)
}

// leave is the end of a subscribe: nobody may wait for the topic any more.
func (l *lane) leave(ctx context.Context, channel string, t *topic) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	t.waiting--
	if t.settled() {
		return t.err
	}
	if t.waiting == 0 && l.topics[channel] == t {
		l.drop(channel, t, ctx.Err())
	}
	return ctx.Err()
}

// unsubscribe takes a subscribe back. Nothing is delivered once it has returned,
// save by a deliver that is under way.
func (l *lane) unsubscribe(channel string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t := l.topics[channel]; t != nil {
		l.drop(channel, t, nil) // who still waits had a subscription until now
	}
}

// drop forgets a topic, with the lock held.
func (l *lane) drop(channel string, t *topic, err error) {
	t.confirm(err)
	delete(l.topics, channel)
	if l.life != nil {
		l.life.unsubscribe(channel)
	}
}

// why is nil unless the connection is lost.
func (l *lane) why() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.down
}

// find returns a topic that is still there.
func (l *lane) find(channel string) *topic {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.topics[channel]
}

// run keeps the connection until ctx is done.
func (l *lane) run(ctx context.Context) {
	defer l.lost(time.Now(), errClosed, true)
	pause := soonest
	for ctx.Err() == nil {
		if !l.wanted(ctx) {
			return
		}
		well, err := l.live(ctx)
		if ctx.Err() != nil {
			return
		}
		if well {
			pause = soonest
		}
		l.node.log.Debug("redis: subscriptions lost", "error", err)
		_ = wait(ctx, pause/2+rand.N(pause)) // or ctx is done
		pause = min(2*pause, latest)
		l.node.reload(ctx)
	}
}

// wanted waits until the lane has use for a connection: on a Cluster none is made
// for nothing.
func (l *lane) wanted(ctx context.Context) bool {
	for l.node.sharded {
		l.mu.Lock()
		some := len(l.topics) > 0
		if !some && l.down != nil {
			l.down = nil // nothing that was lost is missed any more
			l.node.outages.end(subscriptions)
		}
		l.mu.Unlock()
		if some {
			break
		}
		select {
		case <-l.wake:
		case <-ctx.Done():
			return false
		}
	}
	return ctx.Err() == nil
}

// subscriptions is what the log calls the lanes.
const subscriptions = "subscriptions"

// joined has a new connection subscribe to everything.
func (l *lane) joined(c *connected) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.life = c
	all := make([]string, 0, len(l.topics))
	for channel, t := range l.topics {
		all = append(all, channel)
		if _, ok := t.handler.(hasty); ok { // it resumes first: others may be many
			all[0], all[len(all)-1] = channel, all[0]
		}
	}
	for len(all) > 0 {
		some := min(len(all), channelsAtOnce)
		c.subscribe(all[:some]...)
		all = all[some:]
	}
	if len(l.topics) == 0 {
		l.up()
	}
}

// up notes that the lane is well, with the lock held.
func (l *lane) up() {
	if l.down != nil {
		l.down = nil
		l.node.outages.end(subscriptions)
	}
}

// lost ends a connection, or the try to make one: those that wait for it are
// told, and the others are to resume. It reports whether the lane was well.
func (l *lane) lost(heard time.Time, err error, closing bool) (well bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	well = l.life != nil && l.down == nil
	if !closing {
		l.sink(err)
	} else {
		l.down = errClosed
	}
	l.life = nil
	for channel, t := range l.topics {
		switch {
		case !t.begun:
			delete(l.topics, channel)
			t.confirm(l.down)
		case t.live:
			t.live, t.heard = false, heard
			if h, ok := t.handler.(hasty); ok {
				h.disconnected()
			}
		}
	}
	return well
}

// sink notes that the lane has no connection, with the lock held.
func (l *lane) sink(err error) {
	if l.life != nil {
		l.node.counted.reconnects.Add(1)
	}
	if l.down == nil {
		l.node.outages.begin(subscriptions, err)
	}
	l.down = fmt.Errorf("%w: redis: no connection for subscriptions: %s", backplane.ErrUnavailable, explain(err))
}

// deaf gives the connection up.
func (l *lane) deaf() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.life != nil {
		_ = l.life.wire.conn.Close()
	}
}

// errMoved is of a channel that is another server's now.
var errMoved = errors.New("redis: a channel's slot has moved")

// confirmedBy takes a confirmation: the channel is due to begin or to resume, or is
// gone.
func (l *lane) confirmedBy(c *connected, channel string, subscribed bool) error {
	l.mu.Lock()
	left, asked := c.confirmed(channel)
	t := l.topics[channel]
	l.mu.Unlock()
	if !asked {
		return errMoved
	}
	if left == 0 && subscribed && t != nil {
		c.due = append(c.due, due{channel: channel, topic: t})
	}
	l.settle(c)
	return nil
}

// due is a channel that is about to begin or to resume.
type due struct {
	channel string
	topic   *topic
	then    answered
	err     error
}

// ask calls the handler.
func (d *due) ask(ctx context.Context) {
	if t := d.topic; t.begun {
		d.then, d.err = t.handler.resume(ctx, time.Since(t.heard))
	} else {
		d.then, d.err = t.handler.begin(ctx)
	}
}

// finish is what follows once all have asked.
func (d *due) finish(ctx context.Context) error {
	if d.err != nil || d.then == nil {
		return d.err
	}
	return d.then(ctx)
}

// proceed has the channels that are due begin or resume, in the order in which they
// were confirmed. What they have to ask for they ask for together: there may be
// thousands, each a round trip.
func (l *lane) proceed(ctx context.Context, c *connected) error {
	all := c.due
	c.due = nil
	_ = together(len(all), func(i int) error {
		all[i].ask(ctx)
		return nil // each has its own error, for finish
	})
	for i := range all {
		d := &all[i]
		switch err := d.finish(ctx); {
		case !d.topic.begun:
			l.begin(ctx, d, err)
		case err != nil:
			return err
		default:
			d.topic.live = true
		}
	}
	l.settle(c)
	return nil
}

// begin notes how the first confirmation of a topic went.
func (l *lane) begin(ctx context.Context, d *due, err error) {
	t := d.topic
	if err != nil && ctx.Err() != nil {
		err = errClosed // the lane's context is none of the caller's
	}
	t.begun, t.live = err == nil, err == nil
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.confirm(err); err != nil && l.topics[d.channel] == t {
		l.drop(d.channel, t, err)
	}
}

// settle notes that the lane is well once nothing is left to be confirmed.
func (l *lane) settle(c *connected) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(c.sent) == 0 && len(c.due) == 0 {
		l.up()
	}
}
