package redis

import (
	"context"
	"errors"
	"fmt"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// The figures of a link.
const (
	// workersAlone is how many batches may be under way to a server that has all
	// shards, and workersSpread to one of many shards.
	workersAlone, workersSpread = 4, 2
	// tries is how often a batch is sent whose scripts the server did not know,
	// or that it has redirected: none of it was run.
	tries = 4
	// redirectDelay is how long a Cluster's new map is waited for.
	redirectDelay = 50 * time.Millisecond
)

// link is the way to the server of a shard: its requests, and a breaker that
// answers them at once while the server is away. On a Cluster each shard has its
// own, so that a master that is away does not take the others with it.
type link struct {
	node           *Node
	base           string // any of the keys that are there, to find the server
	requests, kept pipe   // kept: those that WAIT follows
	breaker        breaker
}

func newLink(n *Node, base string) *link {
	l := &link{node: n, base: base}
	l.requests.wake, l.kept.wake = make(chan struct{}, 1), make(chan struct{}, 1)
	l.breaker.init(l)
	return l
}

// start starts what a link does by itself, until ctx is done.
func (l *link) start(ctx context.Context) {
	n := l.node
	workers := workersAlone
	if n.sharded {
		workers = workersSpread
	}
	for range workers {
		n.running.Go(func() { l.requests.work(ctx, n.options.Flush, l.send) })
	}
	if n.options.Replicas > 0 {
		n.running.Go(func() { l.kept.work(ctx, n.options.Flush, l.sendKept) })
	}
	n.running.Go(func() { l.breaker.run(ctx) })
}

// refuse answers all requests that wait, and that come, with an error, from now
// on until it is called with nil.
func (l *link) refuse(err error) {
	l.requests.refuse(err)
	l.kept.refuse(err)
}

// call sends a request and waits for its answer.
func (l *link) call(ctx context.Context, p *pipe, s *script, base string, args []any) (reply, error) {
	if err := ctx.Err(); err != nil {
		return reply{}, err
	}
	r := newRequest(ctx, s.source(l.node.sharded), base, args)
	r.urgent = s.urgent
	if err := p.put(r); err != nil {
		r.free()
		return reply{}, l.node.failure(s.name, err)
	}
	select {
	case <-r.done:
	case <-ctx.Done():
		return reply{}, ctx.Err() // the request is the worker's
	}
	value, err := r.cmd.Val(), r.err
	if err == nil {
		err = r.cmd.Err()
	}
	r.free()
	if err == nil || errors.Is(err, goredis.Nil) {
		return reply{value}, nil
	}
	if code, ok := refused(err); ok {
		return reply{}, code
	}
	if ended := ctx.Err(); ended != nil && errors.Is(err, ended) {
		return reply{}, ended
	}
	err = l.node.failure(s.name, err)
	if errors.Is(err, errNotKept) {
		return reply{value}, err // it has been made
	}
	return reply{}, err
}

func (l *link) send(ctx context.Context, batch []*request) { l.deliver(ctx, batch, false) }

func (l *link) sendKept(ctx context.Context, batch []*request) { l.deliver(ctx, batch, true) }

// deliver has a batch run, and answers each of its requests. Those that the
// server has not run, since it did not know the script or has not the slot, are
// sent again.
func (l *link) deliver(ctx context.Context, batch []*request, kept bool) {
	for try := 1; len(batch) > 0; try++ {
		err := l.roundTrip(ctx, batch, kept)
		l.breaker.note(ctx, err)
		moved := false
		again := batch[:0]
		for _, r := range batch {
			switch {
			case try == tries || r.err != nil:
				r.finish(r.err)
			case goredis.HasErrorPrefix(r.cmd.Err(), "NOSCRIPT"):
				r.inFull()
				again = append(again, r)
			case l.node.sharded && goredis.HasErrorPrefix(r.cmd.Err(), "MOVED"):
				r.again()
				again, moved = append(again, r), true
			default:
				r.finish(nil)
			}
		}
		batch = again
		if moved {
			l.node.reload(ctx)
			_ = wait(ctx, redirectDelay) // or ctx is done
		}
	}
}

// roundTrip runs a batch on the server that has the shard. It returns what was
// wrong with the server, if anything was; each request has its own answer.
func (l *link) roundTrip(ctx context.Context, batch []*request, kept bool) error {
	client, err := l.node.server(ctx, l.base)
	if err != nil {
		for _, r := range batch {
			r.err = err
		}
		return err
	}
	pipeline := client.Pipeline()
	for _, r := range batch {
		_ = pipeline.Process(ctx, r.cmd) // only queues it
	}
	var wait *goredis.Cmd
	if kept {
		wait = pipeline.Do(ctx, "wait", l.node.options.Replicas, max(1, l.node.options.Timeout.Milliseconds()/2))
	}
	l.node.counted.commands.Add(uint64(pipeline.Len()))
	l.node.counted.roundTrips.Add(1)
	_, failed := pipeline.Exec(ctx)
	if failed == nil && !kept {
		return nil
	}
	var away error
	for _, r := range batch {
		if err := r.cmd.Err(); err != nil && isAway(err) {
			away = err
		} else if kept && err == nil {
			r.err = l.keptBy(wait)
		}
	}
	return away
}

// keptBy is the error of a change that too few replicas have.
func (l *link) keptBy(wait *goredis.Cmd) error {
	has, err := wait.Int64()
	want := l.node.options.Replicas
	switch {
	case err != nil:
		return fmt.Errorf("%w: WAIT: %w", errNotKept, err)
	case has < int64(want):
		return fmt.Errorf("%w: %d replicas have it, redis.wait_replicas is %d", errNotKept, has, want)
	}
	return nil
}

// linkUp gives every shard its link, and every lane its place.
func (n *Node) linkUp() {
	all := append([]*shard{n.directory, n.ledger}, n.shards...)
	for _, sh := range all {
		sh.lane.base = sh.base
		if n.sharded || len(n.links) == 0 {
			n.links = append(n.links, newLink(n, sh.base))
		}
		sh.link = n.links[len(n.links)-1]
	}
}

// errClosed is what a node answers that has been closed.
var errClosed = fmt.Errorf("%w: redis: the node is closed", backplane.ErrUnavailable)

// start starts the links and the lanes, which end with ctx.
func (n *Node) start(ctx context.Context) {
	for _, l := range n.links {
		l.start(ctx)
	}
	for _, l := range n.lanes {
		n.running.Go(func() { l.run(ctx) })
	}
	n.running.Go(func() { n.watch(ctx) })
}

// Reachable returns nil where all of Redis that the node needs answers, and why
// not where it does not.
func (n *Node) Reachable() error {
	var all []error
	for _, l := range n.links {
		if err := l.breaker.why(); err != nil {
			all = append(all, err)
			break // the others say about the same
		}
	}
	for _, l := range n.lanes {
		if err := l.why(); err != nil {
			all = append(all, err)
			break
		}
	}
	if n.lease.restoring.Load() {
		all = append(all, errRestoring)
	}
	return errors.Join(all...)
}
