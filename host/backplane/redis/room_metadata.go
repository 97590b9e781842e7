package redis

import (
	"context"
	"errors"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// roomMetadata implements backplane.RoomMetadata.
type roomMetadata struct{ node *Node }

var _ backplane.RoomMetadata = roomMetadata{}

var (
	swapRoomScript  = newScript("room_metadata_swap")
	listRoomsScript = newScript("room_metadata_list")
)

// Get implements backplane.RoomMetadata.
func (r roomMetadata) Get(ctx context.Context, room string) ([]byte, error) {
	answer, err := r.node.ask(ctx, "GET", "room-meta:"+room)
	return answer.bytes(), err
}

// Swap implements backplane.RoomMetadata.
func (r roomMetadata) Swap(ctx context.Context, room string, expected, value []byte, limit int64) (swapped bool, current []byte, err error) {
	n := r.node
	args := optional(optional([]any{room, limit, backplane.EntryOverhead}, expected), value)
	answer, err := n.eval(ctx, n.directory, swapRoomScript, args...)
	if errors.Is(err, refusedFull) {
		return false, nil, backplane.ErrFull
	} else if err != nil {
		return false, nil, err
	}
	all := answer.list(2)
	return all[0].yes(), all[1].bytes(), nil
}

// List implements backplane.RoomMetadata.
func (r roomMetadata) List(ctx context.Context, cursor string, limit int) (page []backplane.RoomValue, next string, err error) {
	return list(ctx, r.node, listRoomsScript, 2, cursor, limit, func(from []reply) (backplane.RoomValue, bool) {
		return backplane.RoomValue{Room: from[0].text(), Metadata: from[1].bytes()}, from[1].there()
	})
}
