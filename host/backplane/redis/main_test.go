package redis_test

import (
	"cmp"
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/backplanetest"
	"github.com/mesh-host/mesh-host/host/backplane/redis"
	"github.com/mesh-host/mesh-host/host/backplane/redis/redistest"
)

// The tests wait for servers that were killed, besides for leases.
func TestMain(m *testing.M) {
	backplanetest.RunManyAtOnce()
	goleak.VerifyTestMain(m)
}

// cluster is what the contract's tests make nodes of.
type cluster struct {
	t       *testing.T
	options redis.Options
}

// Node implements backplanetest.Cluster.
func (c *cluster) Node(id string) backplane.Node {
	c.t.Helper()
	// However busy the machine is, a server that is there is not away.
	c.options.Timeout = cmp.Or(c.options.Timeout, 5*time.Second)
	c.options.Connect = cmp.Or(c.options.Connect, 5*time.Second)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	n, err := redis.Open(ctx, id, c.options)
	for err != nil && errors.Is(err, backplane.ErrUnavailable) && ctx.Err() == nil {
		n, err = redis.Open(ctx, id, c.options)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		if err := n.Close(); err != nil {
			c.t.Error(err)
		}
	})
	return n
}

// alone starts a server that stands alone.
func alone(t *testing.T, lease time.Duration) *cluster {
	t.Helper()
	s := redistest.Start(t)
	return &cluster{t, redis.Options{Addresses: []string{s.Addr}, Lease: lease}}
}
