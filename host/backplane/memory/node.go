package memory

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// Node implements backplane.Node. All but its connections and subscriptions is
// the store's.
type Node struct {
	id       string
	store    *Store
	receiver atomic.Pointer[backplane.Receiver]
	topics   topics
	// allRecords is the subscription to the changes of all records, which each
	// of them looks at.
	allRecords atomic.Bool

	// mu is held, for reading, while a connection is added, and while all of
	// them are removed.
	mu       sync.RWMutex
	dead     bool  // has no lease
	deadline int64 // of the lease, by the store's clock
}

var (
	_ backplane.Node         = (*Node)(nil)
	_ backplane.KV           = (*values)(nil)
	_ backplane.Channels     = (*channels)(nil)
	_ backplane.Connections  = connections{}
	_ backplane.Rooms        = rooms{}
	_ backplane.Presence     = presence{}
	_ backplane.RoomMetadata = roomMetadata{}
	_ backplane.Records      = records{}
	_ backplane.Bus          = bus{}
)

// Node makes a node with a first lease. An id is used once at a time.
func (s *Store) Node(id string) *Node {
	n := &Node{id: id, store: s, dead: true}
	n.topics.init()
	n.renew()
	return n
}

// ID implements backplane.Node.
func (n *Node) ID() string { return n.id }

// Attach implements backplane.Node.
func (n *Node) Attach(r backplane.Receiver) { n.receiver.Store(&r) }

// KV implements backplane.Node.
func (n *Node) KV() backplane.KV { return &n.store.values }

// Channels implements backplane.Node.
func (n *Node) Channels() backplane.Channels { return &n.store.channels }

// Connections implements backplane.Node.
func (n *Node) Connections() backplane.Connections { return connections{n} }

// Rooms implements backplane.Node.
func (n *Node) Rooms() backplane.Rooms { return rooms{n.store} }

// Presence implements backplane.Node.
func (n *Node) Presence() backplane.Presence { return presence{n.store} }

// RoomMetadata implements backplane.Node.
func (n *Node) RoomMetadata() backplane.RoomMetadata { return roomMetadata{n.store} }

// Records implements backplane.Node.
func (n *Node) Records() backplane.Records { return records{n} }

// Bus implements backplane.Node.
func (n *Node) Bus() backplane.Bus { return bus{n} }

const (
	// expireInterval is how often Run looks for states and records that have
	// expired, which makes it the latest that an expiry is told.
	expireInterval = 50 * time.Millisecond
	// sweepInterval is how often it gives back the memory of what is
	// invisible already.
	sweepInterval = time.Second
)

// Run implements backplane.Node. Of several nodes on a store each does the
// work of all; who comes second finds nothing to do.
func (n *Node) Run(ctx context.Context) {
	n.renew()
	defer n.end()
	expire := time.NewTicker(expireInterval)
	defer expire.Stop()
	sweep := time.NewTicker(sweepInterval)
	defer sweep.Stop()
	lease := time.NewTicker(max(time.Millisecond, n.store.lease/3))
	defer lease.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-expire.C:
			n.store.expireStates()
			n.store.endRecords(n)
		case <-sweep.C:
			n.store.values.sweep()
			n.store.channels.sweep()
		case <-lease.C:
			n.renew()
			n.store.bury()
		}
	}
}
