package redis_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/backplanetest"
	"github.com/mesh-host/mesh-host/host/backplane/redis"
	"github.com/mesh-host/mesh-host/host/backplane/redis/redistest"
)

func TestContractAlone(t *testing.T) {
	t.Parallel()
	on := &stores{options: redis.Options{Addresses: []string{redistest.Shared(t).Addr}}}
	backplanetest.Run(t, backplanetest.Backend{New: on.open, Remote: true})
}

// The contract holds before a failover and after it, also for nodes that have
// lived through it.
//
//nolint:tparallel // what is before a failover and what is after it cannot be parallel
func TestContractSentinel(t *testing.T) {
	t.Parallel()
	set := redistest.StartSentinel(t)
	contractThrough(t, onSentinel(set), 12, func() {
		set.KillMaster(t)
		set.WaitFailover(t)
		set.Steady(t) // one failover is enough
	})
}

//nolint:tparallel // as above
func TestContractCluster(t *testing.T) {
	t.Parallel()
	c := redistest.StartCluster(t)
	contractThrough(t, onCluster(c), 4, func() {
		c.KillMaster(t, 1)
		c.WaitOK(t)
		c.Steady(t)
	})
}

func onSentinel(set *redistest.SentinelSet) redis.Options {
	return redis.Options{Mode: redis.Sentinel, Addresses: set.Addrs(), Master: redistest.MasterName}
}

func onCluster(c *redistest.Cluster) redis.Options {
	return redis.Options{Mode: redis.Cluster, Addresses: c.Addrs()}
}

// contractThrough runs the contract, has a failover, and runs it again, on so
// many stores whose nodes were there before it, and then on others. The first run,
// which takes as long, is left to scripts/chaos.
func contractThrough(t *testing.T, options redis.Options, survivors int, failover func()) {
	t.Helper()
	on := &stores{options: options}
	if chaosRounds(t) > 1 {
		t.Run("before", func(t *testing.T) { backplanetest.Run(t, backplanetest.Backend{New: on.open, Remote: true}) })
	}
	on.prepare(t, survivors)
	failover()
	on.awake(t)
	t.Run("after", func(t *testing.T) { backplanetest.Run(t, backplanetest.Backend{New: on.open, Remote: true}) })
}

// stores makes stores on servers that they share: each has a prefix of its own.
type stores struct {
	options redis.Options

	mu    sync.Mutex
	ready []*survivor
}

// survivor is a store some of whose nodes are open already.
type survivor struct {
	cluster
	nodes map[string]backplane.Node
}

// Node implements backplanetest.Cluster.
func (s *survivor) Node(id string) backplane.Node {
	s.t.Helper()
	if n := s.nodes[id]; n != nil {
		return n
	}
	return s.cluster.Node(id)
}

// shortLease is below the lease of all tests in which no node dies, which may as
// well be longer.
const shortLease = 20 * time.Second

func (s *stores) open(t *testing.T, lease time.Duration) backplanetest.Cluster {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if lease > shortLease && len(s.ready) > 0 {
		next := s.ready[0]
		s.ready = s.ready[1:]
		next.t = t
		return next
	}
	return s.store(t, lease)
}

func (s *stores) store(t *testing.T, lease time.Duration) *cluster {
	t.Helper()
	options := s.options
	options.Prefix, options.Lease = redistest.Prefix(), lease
	return &cluster{t, options}
}

// prepare opens nodes, as most tests name theirs, for stores that will be asked
// for.
func (s *stores) prepare(t *testing.T, count int) {
	t.Helper()
	for range count {
		in := s.store(t, time.Hour)
		s.ready = append(s.ready, &survivor{*in, map[string]backplane.Node{"a": in.Node("a"), "b": in.Node("b")}})
	}
}

// awake waits until the nodes that are open are well.
func (s *stores) awake(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, store := range s.ready {
		for id, n := range store.nodes {
			if err := untilAvailable(ctx, n); err != nil {
				t.Fatalf("node %s after the failover: %v", id, err)
			}
			until(t, "its subscriptions", func() bool { return n.(*redis.Node).Reachable() == nil })
		}
	}
}

// patience is how long a node may take to be well once its Redis is.
const patience = 20 * time.Second

// untilAvailable waits until a node reaches all parts of its store: a Cluster has
// them on several servers.
func untilAvailable(ctx context.Context, n backplane.Node) (err error) {
	for _, reach := range []func() error{
		func() error { _, err := n.KV().Get(ctx, "a", ""); return err },
		func() error { _, err := n.KV().Get(ctx, "b", ""); return err },
		func() error { _, err := n.KV().Get(ctx, "c", ""); return err },
		func() error { _, err := n.KV().Get(ctx, "d", ""); return err },
		func() error { _, err := n.Records().Get(ctx, "r"); return err },
		func() error { _, err := n.Rooms().Members(ctx, "r"); return err },
	} {
		for err = reach(); err != nil; err = reach() {
			select {
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
				return err
			}
		}
	}
	return nil
}
