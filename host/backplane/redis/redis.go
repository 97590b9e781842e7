// Package redis is the backplane of many nodes: what they share is in a Redis
// that stands alone, is watched by Sentinels, or is a Cluster.
//
// Each change is one Lua script (lua/), which also publishes what it tells of,
// so that the order of deliveries is that of the changes. All time is the
// server's own. docs/REDIS.md lists every key and channel.
//
// # Shards and lanes
//
// Everything of one kind that must change together is in one hash slot: the
// directory (nodes, connections, users, rooms, presence), the records, and each
// shard of channels and key-value stores. What a shard publishes comes in over
// one lane, a pub/sub connection with one goroutine, which calls the Receiver.
package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// Mode says what kind of Redis the addresses are of.
type Mode string

// The modes.
const (
	Standalone Mode = "standalone"
	Sentinel   Mode = "sentinel"
	Cluster    Mode = "cluster"
)

// The defaults of Options.
const (
	DefaultPrefix  = "mesh:"
	DefaultLease   = 10 * time.Second
	DefaultTimeout = time.Second
)

// Options says which Redis a node uses, and how. Addresses must be set.
type Options struct {
	Mode Mode // "" is Standalone
	// Addresses are "host:port": the server, the Sentinels, or some nodes of
	// the Cluster.
	Addresses []string
	// Master is what the Sentinels call the set.
	Master string
	// Database is not for a Cluster.
	Database                       int
	User, Password                 string
	SentinelUser, SentinelPassword string
	// TLS, unless nil, is what to connect with.
	TLS *tls.Config
	// Prefix begins all keys and channels; "" is DefaultPrefix.
	Prefix string
	// Pool is the most connections for requests, to each server; 0 is 8 (pipelines
	// share them).
	Pool int
	// Connect, Timeout bound making a connection and one round trip; 0 of
	// either is DefaultTimeout.
	Connect, Timeout time.Duration
	// Flush is how long a request may wait for others to share a round trip;
	// 0: it waits only while one is under way.
	Flush time.Duration
	// Replicas is how many replicas must have a record's version before it is
	// acknowledged (WAIT); 0 is none.
	Replicas int
	// Lease is how long a node that does not run counts as alive; 0 is
	// DefaultLease.
	Lease time.Duration
	// After, unless nil, is called after each delivery of something published,
	// outside of all locks. What comes in next waits for it: a bound for who is
	// told too much.
	After func()
	Log   *slog.Logger // nil: nothing is logged
}

func (o Options) withDefaults() Options {
	if o.Mode == "" {
		o.Mode = Standalone
	}
	if o.Prefix == "" {
		o.Prefix = DefaultPrefix
	}
	if o.Pool <= 0 {
		o.Pool = 8
	}
	if o.Connect <= 0 {
		o.Connect = DefaultTimeout
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Lease <= 0 {
		o.Lease = DefaultLease
	}
	if o.After == nil {
		o.After = func() {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// errNotRedis is what a server answers wrongly with.
var errNotRedis = errors.New("redis: an answer that no script gives")

var _ backplane.Node = (*Node)(nil)

// Open connects a node to Redis and takes a first lease for it. It fails, with
// an error that says what to do, where the server cannot be reached, refuses the
// password, is of another mode, too old, or cannot be written to. The caller
// must Close it.
func Open(ctx context.Context, id string, o Options) (*Node, error) {
	return open(ctx, id, o.withDefaults())
}
