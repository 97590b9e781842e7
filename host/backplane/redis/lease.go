package redis

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

var (
	enlistScript = newScript("node_enlist")
	renewScript  = newUrgentScript("node_renew") // a node that has much to ask is not dead
)

// lease is the node's place among the nodes. Each time that it takes one it
// begins a life of another name, so that what is left of the one before is told
// apart.
type lease struct {
	life atomic.Pointer[string]
	// process and tokens name what this process sends.
	process string
	tokens  atomic.Uint64

	// restoring says that Redis does not have all of the node's connections: it
	// was taken for dead, or Redis has forgotten it.
	restoring atomic.Bool

	renewal chan struct{} // has one where a renewal is wanted at once
	mending chan struct{} // has one where Redis may not have all connections
	trust   trust
	// askew is how many renewals in a row Redis had more (or, below 0, fewer)
	// connections than the node; of who renews alone.
	askew int
}

func (l *lease) init(lease time.Duration) {
	l.trust.long = lease / 2
	l.life.Store(new(string))
	l.process = rand.Text()
	l.renewal, l.mending = make(chan struct{}, 1), make(chan struct{}, 1)
}

// token names an instruction among those of all processes.
func (l *lease) token() string {
	return l.process + " " + strconv.FormatUint(l.tokens.Add(1), 10)
}

// poke has the lease renewed, or taken anew, at once.
func (l *lease) poke() { signal(l.renewal) }

// mend has the connections in Redis compared with those of the node.
func (l *lease) mend() { signal(l.mending) }

// errNameTaken says that the node's name is that of another, which is alive.
var errNameTaken = errors.New("redis: another node has this node's name")

// errRestoring says that the node's connections are not all in Redis.
var errRestoring = errors.New("the node was taken for dead, and registers its connections anew")

// errDeaf says that the node does not hear what is sent to it.
var errDeaf = errors.New("redis: no connection for subscriptions: what is sent to the node would be lost")

// signal wakes who reads from a channel with room for one, now or when it next
// looks.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// life is the name of the node's life, "" for none. Redis has it as the node's
// incarnation for as long as it lasts.
func (n *Node) life() string { return *n.lease.life.Load() }

// enlist takes a lease, in a new life. Where another has one under the same name
// it is waited for, since that may be the one of a process that has crashed; if
// it is renewed, it is not. What is left of the one before is cleaned up first.
func (n *Node) enlist(ctx context.Context) error {
	life := rand.Text()
	var other string
	for {
		r, err := n.call(ctx, enlistScript, n.id, life, n.options.Lease.Milliseconds(), n.inbox.position())
		if err != nil {
			return err
		}
		switch all := r.list(3); all[0].text() {
		case "alive":
			n.inbox.started(all[1].number())
			n.lease.life.Store(&life)
			return nil
		case "dying":
			if err := n.clean(ctx, n.id); err != nil {
				return err
			}
		case "taken":
			if other != "" && other != all[2].text() {
				return fmt.Errorf("%w: it is called %q: give each a node.name of its own", errNameTaken, n.id)
			}
			other = all[2].text()
			left := time.Duration(all[1].number()) * time.Millisecond
			if err := wait(ctx, min(left, n.options.Lease/4)+time.Millisecond); err != nil {
				return err
			}
		default:
			return errNotRedis
		}
	}
}

// call is eval in the directory, for as long as a round trip may take.
func (n *Node) call(ctx context.Context, s *script, args ...any) (reply, error) {
	ctx, cancel := context.WithTimeout(ctx, n.options.Timeout)
	defer cancel()
	return n.eval(ctx, n.directory, s, args...)
}

// wait waits, unless ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// How often Run looks for what has ended, and for what takes up room.
const (
	expireInterval = 50 * time.Millisecond
	sweepInterval  = time.Second
)

// Run implements backplane.Node.
func (n *Node) Run(ctx context.Context) {
	n.live(ctx)
	n.resign(context.WithoutCancel(ctx))
}

// live is what a node does while it is alive. Nothing of it waits for anything
// else, so that the lease is kept however long the rest may take.
func (n *Node) live(ctx context.Context) {
	var tasks sync.WaitGroup
	defer tasks.Wait()
	tasks.Go(func() { n.keepLease(ctx) })
	tasks.Go(func() { n.keepConnections(ctx) })
	for _, t := range []task{
		{"states", expireInterval, n.expireStates},
		{"records", expireInterval, n.expireRecords},
		{"values", sweepInterval, n.sweepValues},
		{"burial", min(n.options.Lease/4, sweepInterval/4), n.bury},
	} {
		tasks.Go(func() { n.tend(ctx, t) })
	}
}

// keepLease renews the lease until ctx is done.
func (n *Node) keepLease(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var failed bool
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-n.lease.renewal:
		}
		every := n.options.Lease / 3
		err := n.renew(ctx)
		if errors.Is(err, errNameTaken) {
			n.closeOwn(lostPlace) // nobody could find these sessions
		}
		if err != nil && !failed && ctx.Err() == nil {
			n.log.Error("lease not renewed", "node", n.id, "error", err)
		}
		if failed = err != nil; failed {
			every = min(every, sweepInterval/4)
		}
		timer.Reset(jitter(every))
	}
}

// renew prolongs the lease. A node that was taken for dead, or that Redis has
// forgotten, takes a new one and registers its connections anew.
func (n *Node) renew(ctx context.Context) error {
	if life := n.life(); life != "" {
		r, err := n.call(ctx, renewScript, n.id, life, n.options.Lease.Milliseconds())
		if err != nil {
			return err
		}
		if all := r.list(3); all[0].yes() {
			n.lease.trust.renewed(all[2].number())
			n.weigh(int(all[1].number()))
			return nil
		}
		n.lease.restoring.Store(true)
		n.lease.life.Store(new(string))
		n.log.Warn("the node was taken for dead, or Redis has forgotten it: it registers anew", "node", n.id)
		n.inbox.reopen()
	}
	// What is sent to a node that others can see must reach it.
	if !n.inbox.isUp() {
		return errDeaf // it is poked once it is
	}
	if err := n.enlist(ctx); err != nil {
		return err
	}
	n.lease.mend()
	return nil
}

// askewFor is how many renewals in a row Redis may have another number of
// connections than the node before they are compared: some always come or go.
const askewFor = 10

// weigh compares how many connections the node has in Redis with how many it has.
func (n *Node) weigh(inRedis int) {
	l, more := &n.lease, cmp.Compare(inRedis, n.own.count())
	if l.askew*more <= 0 {
		l.askew = 0
	}
	l.askew += more
	if l.askew >= askewFor || l.askew <= -askewFor {
		l.askew = 0
		l.mend()
	}
}
