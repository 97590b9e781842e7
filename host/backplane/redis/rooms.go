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
	thinScript  = newScript("room_thin")
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

// clearedAtOnce is how many memberships one change ends, while Redis does nothing
// else.
const clearedAtOnce = 1000

// Clear implements backplane.Rooms. A room with more members than one change ends is
// emptied part by part; what is left then goes with its metadata.
func (r rooms) Clear(ctx context.Context, room, reason string) (members []string, err error) {
	n := r.node
	for {
		answer, err := n.eval(ctx, n.directory, clearScript, room, reason, n.id, backplane.EntryOverhead, clearedAtOnce)
		if err != nil {
			return nil, err
		}
		all := answer.list(3)
		found := all[1].texts()
		if tooMany := all[2].yes(); !tooMany {
			members = append(members, found...)
			slices.Sort(members)
			return slices.Compact(members), n.inbox.handled(ctx, all[0].number())
		}
		left, err := r.thin(ctx, room, reason, found)
		if err != nil {
			return nil, err
		}
		members = append(members, left...)
	}
}

// thin ends memberships, and returns whose there were.
func (r rooms) thin(ctx context.Context, room, reason string, members []string) (left []string, err error) {
	n := r.node
	for some := range slices.Chunk(members, clearedAtOnce) {
		answer, err := n.eval(ctx, n.directory, thinScript, appendTexts([]any{room, reason, n.id}, some)...)
		if err != nil {
			return nil, err
		}
		all := answer.list(2)
		left = append(left, all[1].texts()...)
		if err := n.inbox.handled(ctx, all[0].number()); err != nil {
			return nil, err
		}
	}
	return left, nil
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
