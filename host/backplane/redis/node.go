package redis

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"

	goredis "github.com/redis/go-redis/v9"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// Node implements backplane.Node.
type Node struct {
	id       string
	options  Options
	log      *slog.Logger
	client   goredis.UniversalClient
	sharded  bool // a Cluster, with sharded pub/sub
	receiver atomic.Pointer[backplane.Receiver]

	// directory has the nodes, connections, rooms and presence, ledger the
	// records, and shards what is spread.
	directory, ledger *shard
	shards            []*shard
	lanes             []*lane
	links             []*link
	counted           counted
	outages           outages
	complaints        complaints

	lease       lease
	inbox       inbox
	own         own
	recordTurns recordTurns

	stop    context.CancelFunc // ends what open has started
	running sync.WaitGroup
}

// open connects a node.
func open(ctx context.Context, id string, o Options) (*Node, error) {
	n := &Node{id: id, options: o, log: o.Log, sharded: o.Mode == Cluster, outages: outages{log: o.Log}}
	n.client = newClient(o)
	if err := n.check(ctx); err != nil {
		_ = n.client.Close()
		return nil, err
	}
	n.layOut()
	n.linkUp()
	n.lease.init(o.Lease)
	n.inbox.init(n)
	n.own.init()
	n.recordTurns.init()
	life, stop := context.WithCancel(context.Background())
	n.stop = stop
	n.start(life)
	// The inbox is open before anyone can know of the node.
	err := n.inbox.open(ctx)
	if err == nil {
		err = n.enlist(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// layOut makes the shards and their lanes.
func (n *Node) layOut() {
	newLane := func() *lane {
		l := newLane(n)
		n.lanes = append(n.lanes, l)
		return l
	}
	base := func(tag string) string {
		if !n.sharded {
			return n.options.Prefix
		}
		return n.options.Prefix + "{" + tag + "}:"
	}
	n.directory = &shard{base: base("directory"), lane: newLane()}
	n.ledger = &shard{base: base("records"), lane: newLane()}
	count := spreadLanes
	if n.sharded {
		count = spreadShards
	}
	for i := range count {
		n.shards = append(n.shards, &shard{base: base(tagFor(i, count)), lane: newLane()})
	}
}

// Close ends the node's connections to Redis, after Run has returned.
func (n *Node) Close() error {
	n.stop()
	n.running.Wait()
	return n.client.Close()
}

// ID implements backplane.Node.
func (n *Node) ID() string { return n.id }

// Attach implements backplane.Node.
func (n *Node) Attach(r backplane.Receiver) { n.receiver.Store(&r) }

// to is who is told, nil where no one has been attached yet.
func (n *Node) to() backplane.Receiver {
	if r := n.receiver.Load(); r != nil {
		return *r
	}
	return nil
}

// KV implements backplane.Node.
func (n *Node) KV() backplane.KV { return values{n} }

// Channels implements backplane.Node.
func (n *Node) Channels() backplane.Channels { return channels{n} }

// Connections implements backplane.Node.
func (n *Node) Connections() backplane.Connections { return connections{n} }

// Rooms implements backplane.Node.
func (n *Node) Rooms() backplane.Rooms { return rooms{n} }

// Presence implements backplane.Node.
func (n *Node) Presence() backplane.Presence { return presence{n} }

// RoomMetadata implements backplane.Node.
func (n *Node) RoomMetadata() backplane.RoomMetadata { return roomMetadata{n} }

// Records implements backplane.Node.
func (n *Node) Records() backplane.Records { return records{n} }

// Bus implements backplane.Node.
func (n *Node) Bus() backplane.Bus { return bus{n} }
