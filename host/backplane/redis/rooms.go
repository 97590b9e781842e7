package redis

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// rooms implements backplane.Rooms.
type rooms struct{ node *Node }

var _ backplane.Rooms = rooms{}

var (
	joinScript  = newScript("room_join")
	leaveScript = newScript("room_leave")
	clearScript = newScript("room_clear")
)

// Join implements backplane.Rooms.
func (r rooms) Join(ctx context.Context, room, connection string, present bool) (joined bool, err error) {
	n := r.node
	answer, err := n.eval(ctx, n.directory, joinScript, room, connection, flag(present), n.id)
	if errors.Is(err, refusedGone) {
		return false, cmp.Or(n.awaited(connection), backplane.ErrNotFound)
	} else if err != nil {
		return false, err
	}
	all := answer.list(2)
	err = n.inbox.handled(ctx, all[1].number())
	if present {
		n.own.presence(room, connection, true) // now that it is known to be in the room
	}
	return all[0].yes(), err
}

// Leave implements backplane.Rooms.
func (r rooms) Leave(ctx context.Context, room, connection, reason string) (left bool, err error) {
	n := r.node
	answer, err := n.eval(ctx, n.directory, leaveScript, room, connection, reason, n.id)
	if err != nil {
		return false, err
	}
	all := answer.list(2)
	if !all[0].yes() {
		return false, n.awaited(connection)
	}
	return true, n.inbox.handled(ctx, all[1].number())
}

// Clear implements backplane.Rooms.
func (r rooms) Clear(ctx context.Context, room, reason string) (members []string, err error) {
	n := r.node
	answer, err := n.eval(ctx, n.directory, clearScript, room, reason, n.id, backplane.EntryOverhead)
	if err != nil {
		return nil, err
	}
	all := answer.list(2)
	members = all[1].texts()
	slices.Sort(members)
	return members, n.inbox.handled(ctx, all[0].number())
}

// Has implements backplane.Rooms.
func (r rooms) Has(ctx context.Context, room, connection string) (bool, error) {
	answer, err := r.node.ask(ctx, "HEXISTS", "room:"+room, connection)
	return answer.yes(), err
}

// Members implements backplane.Rooms.
func (r rooms) Members(ctx context.Context, room string) ([]string, error) {
	return r.node.askSorted(ctx, "HKEYS", "room:"+room)
}

// Of implements backplane.Rooms.
func (r rooms) Of(ctx context.Context, connection string) ([]string, error) {
	return r.node.askSorted(ctx, "SMEMBERS", "rooms-of:"+connection)
}

// List implements backplane.Rooms.
func (r rooms) List(ctx context.Context, cursor string, limit int) (page []string, next string, err error) {
	return r.node.askPage(ctx, "rooms", cursor, limit)
}
