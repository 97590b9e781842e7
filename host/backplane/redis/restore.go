package redis

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
)

var (
	restoreScript = newScript("node_restore")
	membersScript = newScript("node_members")
	evictScript   = newScript("node_evict")
)

const (
	// A batch of connections that are registered anew has about so many of them
	// and of their memberships, and so many bytes; so many are under way at a time.
	restoreBatch  = 200
	restoreBytes  = 256 << 10
	restoreAtOnce = 8
	// membersPage is about how many ids of connections are read at a time.
	membersPage = 500
)

const lostPlace = "the connection's place was taken while the server was away"

// keepConnections has Redis know the connections that the node has, whenever it
// may not, until ctx is done. Connections that only Redis has are those whose end
// could not be told, and go; one that is just being added may not be known here
// yet, so they are looked for again some time later.
func (n *Node) keepConnections(ctx context.Context) {
	var strays []string
	again := time.NewTimer(time.Hour)
	defer again.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-n.lease.mending:
			if !n.inbox.hears() {
				continue // what is sent to them would be lost; it mends once it does
			}
			if strays, err = n.restore(ctx); len(strays) > 0 {
				again.Reset(2 * n.options.Timeout)
			}
		case <-again.C:
			err = n.evict(ctx, n.own.absent(strays))
			strays = nil
		}
		if err != nil && ctx.Err() == nil {
			n.log.Warn("connections not registered anew yet", "node", n.id, "error", err)
			n.lease.mend()
			_ = wait(ctx, jitter(sweepInterval/2)) // or ctx is done
		}
	}
}

// restore registers all connections of the node that Redis does not have, and
// returns the ids of those that only Redis has.
func (n *Node) restore(ctx context.Context) (strays []string, err error) {
	// One that is added after this, or that another node has ended before Redis was
	// asked, is not missing there: the news of that end may be under way.
	ids := n.own.ids()
	known, number, err := n.registered(ctx)
	if err != nil {
		return nil, err
	}
	if err := n.inbox.handled(ctx, number); err != nil {
		return nil, err
	}
	ids = slices.DeleteFunc(ids, func(id string) bool { return known[id] })
	for len(ids) > 0 {
		var batches []registrations
		for len(batches) < restoreAtOnce && len(ids) > 0 {
			args, count := n.own.batch(ids, []any{n.id, n.life()})
			batches = append(batches, registrations{args, ids[:count]})
			ids = ids[count:]
		}
		if err := together(len(batches), func(i int) error { return n.register(ctx, batches[i]) }); err != nil {
			return nil, err
		}
	}
	if n.life() != "" {
		n.lease.restoring.Store(false)
	}
	return n.own.absent(slices.Collect(maps.Keys(known))), nil
}

// registrations are some connections, and the arguments of the script that registers them.
type registrations struct {
	args []any
	ids  []string
}

// register registers a batch of connections.
func (n *Node) register(ctx context.Context, b registrations) error {
	r, err := n.call(ctx, restoreScript, b.args...)
	if err != nil {
		return err
	}
	n.giveUp(r.texts(), lostPlace)
	// What has ended meanwhile was not there to be removed.
	return n.evict(ctx, n.own.absent(b.ids))
}

// awaited is what is said of a connection, in place of that there is none, or none
// in a room: ErrUnavailable where it is one of this node's that Redis has lost, which
// registers it anew as this node knows it.
func (n *Node) awaited(id string) error {
	if n.lease.restoring.Load() && n.own.all([]string{id}) {
		return fmt.Errorf("%w: %w", backplane.ErrUnavailable, errRestoring)
	}
	return nil
}

// giveUp closes sessions that have no place in Redis any more, or whose ids other
// nodes have there.
func (n *Node) giveUp(ids []string, reason string) {
	if len(ids) == 0 {
		return
	}
	n.own.giveUp(ids)
	n.closeSessions(backplane.Audience{Scope: backplane.Listed, Names: ids}, reason)
}

// registered returns the ids of the node's connections in Redis, and the number of
// the last frame that the node was sent meanwhile.
func (n *Node) registered(ctx context.Context) (ids map[string]bool, number int64, err error) {
	ids = make(map[string]bool)
	for cursor := "0"; ; {
		r, err := n.call(ctx, membersScript, n.id, cursor, membersPage)
		if err != nil {
			return nil, 0, err
		}
		page := r.list(3)
		for _, id := range page[1].texts() {
			ids[id] = true
		}
		if cursor = page[0].text(); cursor == "0" || cursor == "" {
			return ids, page[2].number(), nil
		}
	}
}

// evict ends connections of this node in Redis, of which it knows nothing.
func (n *Node) evict(ctx context.Context, ids []string) error {
	for len(ids) > 0 {
		count := min(len(ids), reconcileBatch)
		args := appendTexts([]any{n.id, n.life()}, ids[:count])
		if _, err := n.call(ctx, evictScript, args...); err != nil {
			return err
		}
		ids = ids[count:]
	}
	return nil
}

// batch appends what the script takes of the first of some connections, and
// returns for how many of ids that is.
func (o *own) batch(ids []string, args []any) (_ []any, count int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var work, size int
	for _, id := range ids {
		if work >= restoreBatch || size >= restoreBytes {
			break
		}
		count++
		c := o.connections[id]
		if c == nil {
			continue
		}
		work += 1 + len(c.rooms)
		size += len(c.about.Metadata)
		args = append(args, id, c.about.User, strconv.FormatInt(c.about.ConnectedAt.UnixMicro(), 10))
		args = append(optional(args, c.about.Metadata), len(c.rooms))
		for room, s := range c.rooms {
			size += len(room) + len(s.state)
			args = s.append(args, room)
		}
	}
	return args, count
}

// append appends what the script takes of a membership: a state has the time that
// is left to it.
func (s *stay) append(args []any, room string) []any {
	state, left := s.state, time.Duration(0)
	if !s.ends.IsZero() {
		if left = time.Until(s.ends); left <= 0 {
			state = nil
		}
	}
	args = optional(append(args, room, flag(s.present)), state)
	return append(args, max(0, (left+time.Millisecond-1).Milliseconds()))
}
