package redis

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// connections implements backplane.Connections.
type connections struct{ node *Node }

var _ backplane.Connections = connections{}

var (
	addScript             = newScript("connection_add")
	removeScript          = newScript("connection_remove")
	swapMetadataScript    = newScript("connection_swap")
	listConnectionsScript = newScript("connection_list")
)

// What the scripts of the directory refuse with.
const (
	refusedDead   = refusal("DEAD")   // the node has no lease
	refusedExists = refusal("EXISTS") // the connection's id is taken
	refusedGone   = refusal("GONE")   // there is no such connection
	refusedFull   = refusal("FULL")   // the limit of all metadata
)

// Add implements backplane.Connections.
func (c connections) Add(ctx context.Context, about backplane.Connection) error {
	n := c.node
	about.Node = n.id
	about.Metadata = bytes.Clone(about.Metadata)
	args := optional([]any{about.ID, n.id, n.life(), about.User, about.ConnectedAt.UnixMicro()}, about.Metadata)
	_, err := n.eval(ctx, n.directory, addScript, args...)
	switch {
	case errors.Is(err, refusedDead):
		return fmt.Errorf("%w: node %s has no lease", backplane.ErrUnavailable, n.id)
	case errors.Is(err, refusedExists):
		return backplane.ErrExists
	case err != nil:
		return err
	}
	n.own.add(about)
	return nil
}

// Remove implements backplane.Connections. That the connection has ended is noted
// first: where Redis is away it still has to go.
func (c connections) Remove(ctx context.Context, id, reason string) (rooms []string, removed bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	n := c.node
	if n.own.remove(id); n.own.wasGivenUp(id) {
		return nil, false, nil
	}
	r, err := n.eval(ctx, n.directory, removeScript, id, reason, n.id)
	if err != nil {
		return nil, false, err
	}
	all := r.list(3)
	rooms = all[2].texts()
	slices.Sort(rooms)
	return rooms, all[0].yes(), n.inbox.handled(ctx, all[1].number())
}

// connectionFields are what a connection is read from, with its id.
const connectionFields = 5

// readConnection reads an id and the fields node, user, at and meta.
func readConnection(from []reply) (about backplane.Connection, there bool) {
	return backplane.Connection{
		ID: from[0].text(), Node: from[1].text(), User: from[2].text(),
		ConnectedAt: time.UnixMicro(from[3].number()), Metadata: from[4].bytes(),
	}, from[1].there()
}

// Get implements backplane.Connections.
func (c connections) Get(ctx context.Context, id string) (backplane.Connection, error) {
	r, err := c.node.ask(ctx, "HMGET", "conn:"+id, "node", "user", "at", "meta")
	if err != nil {
		return backplane.Connection{}, err
	}
	about, there := readConnection(append([]reply{{id}}, r.list(connectionFields-1)...))
	if !there {
		return backplane.Connection{}, backplane.ErrNotFound
	}
	return about, nil
}

// List implements backplane.Connections.
func (c connections) List(ctx context.Context, cursor string, limit int) (page []backplane.Connection, next string, err error) {
	return list(ctx, c.node, listConnectionsScript, connectionFields, cursor, limit, readConnection)
}

// OfUser implements backplane.Connections.
func (c connections) OfUser(ctx context.Context, user string) ([]string, error) {
	return c.node.askSorted(ctx, "SMEMBERS", "user:"+user)
}

// Users implements backplane.Connections.
func (c connections) Users(ctx context.Context, cursor string, limit int) (page []string, next string, err error) {
	return c.node.askPage(ctx, "users", cursor, limit)
}

// SwapMetadata implements backplane.Connections.
func (c connections) SwapMetadata(ctx context.Context, id string, expected, value []byte) (swapped bool, current []byte, err error) {
	n := c.node
	args := optional(optional([]any{id, n.id}, expected), value)
	r, err := n.eval(ctx, n.directory, swapMetadataScript, args...)
	if errors.Is(err, refusedGone) {
		return false, nil, cmp.Or(n.awaited(id), backplane.ErrNotFound)
	} else if err != nil {
		return false, nil, err
	}
	all := r.list(3)
	return all[0].yes(), all[2].bytes(), n.inbox.handled(ctx, all[1].number())
}
