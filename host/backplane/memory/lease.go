package memory

import "slices"

// renew takes a lease, or prolongs it. A node that was taken for dead is alive
// again, without the connections that it had.
func (n *Node) renew() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.deadline = n.store.now() + int64(n.store.lease)
	if n.dead {
		n.dead = false
		n.store.enlist(n)
	}
}

// end gives the lease back.
func (n *Node) end() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.die()
}

// die removes the node and its connections, if that has not happened yet; it
// is locked. While it is, no connection is added.
func (n *Node) die() {
	if n.dead {
		return
	}
	n.dead = true
	n.store.delist(n)
	for i := range shardCount {
		for _, c := range n.store.connections.values(i) {
			if c.node == n {
				n.store.disconnect(c, "")
			}
		}
	}
}

// bury cleans up after nodes whose lease has lapsed. One that is being looked
// at by another is left to that one.
func (s *Store) bury() {
	for _, n := range *s.live.Load() {
		if !n.mu.TryLock() {
			continue
		}
		if n.deadline <= s.now() {
			n.die()
		}
		n.mu.Unlock()
	}
}

// enlist makes a node one that events are delivered to.
func (s *Store) enlist(n *Node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	live := append(slices.Clone(*s.live.Load()), n)
	s.live.Store(&live)
}

// delist takes an enlist back.
func (s *Store) delist(n *Node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	live := slices.DeleteFunc(slices.Clone(*s.live.Load()), func(other *Node) bool { return other == n })
	s.live.Store(&live)
}
