package redis

import (
	"context"
	"net"
	"sync"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// newClient makes the client of a mode. It retries nothing by itself: what may
// have been done must not be done again.
func newClient(o Options) goredis.UniversalClient {
	quietly()
	u := universal(o)
	switch o.Mode {
	case Cluster:
		return goredis.NewClusterClient(u.Cluster())
	case Sentinel:
		return goredis.NewFailoverClient(u.Failover())
	}
	return goredis.NewClient(u.Simple())
}

func universal(o Options) *goredis.UniversalOptions {
	return &goredis.UniversalOptions{
		Addrs: o.Addresses, MasterName: o.Master, DB: o.Database,
		Username: o.User, Password: o.Password,
		SentinelUsername: o.SentinelUser, SentinelPassword: o.SentinelPassword,
		MaxRetries: -1, DialerRetries: 1,
		DialTimeout: o.Connect, ReadTimeout: o.Timeout, WriteTimeout: o.Timeout,
		PoolSize: o.Pool, PoolTimeout: o.Timeout, PipelinePoolSize: -1, // -1: one pool for all
		TLSConfig: o.TLS, Protocol: 2, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}

// quietly keeps go-redis from writing to stderr: whatever it would say there
// comes back as an error as well.
var quietly = sync.OnceFunc(func() { goredis.SetLogger(silent{}) })

type silent struct{}

// Printf implements go-redis's logger.
func (silent) Printf(context.Context, string, ...any) {}

// server returns the client of the one server that has a shard's keys.
func (n *Node) server(ctx context.Context, base string) (*goredis.Client, error) {
	switch client := n.client.(type) {
	case *goredis.ClusterClient:
		return client.MasterForKey(ctx, base)
	case *goredis.Client:
		return client, nil
	}
	return nil, errNotRedis
}

// reload has the map of a Cluster's slots read anew, soon.
func (n *Node) reload(ctx context.Context) {
	if client, ok := n.client.(*goredis.ClusterClient); ok {
		client.ReloadState(ctx)
	}
}

// dial connects to the server that has a shard, without a word said yet.
// It also returns the server's address, as far as it is known.
func (n *Node) dial(ctx context.Context, base string) (net.Conn, string, error) {
	client, err := n.server(ctx, base)
	if err != nil {
		return nil, "", err
	}
	o := client.Options()
	conn, err := o.Dialer(ctx, o.Network, o.Addr)
	return conn, o.Addr, err
}
