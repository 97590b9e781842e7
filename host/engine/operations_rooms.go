package engine

import (
	"context"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/operation"
)

func (e *Engine) defineRooms(t operation.Table) {
	operation.Define(t, abi.OpRoomsAdd, func(ctx context.Context, _ operation.Caller, q *abi.RoomsAddRequest) (a abi.RoomsAddResponse, err error) {
		a.Joined, err = e.Join(ctx, q.RoomName, q.ConnectionID, true)
		return a, err
	})
	operation.Define(t, abi.OpRoomsRemove, func(ctx context.Context, _ operation.Caller, q *abi.RoomsRemoveRequest) (a abi.RoomsRemoveResponse, err error) {
		a.Left, err = e.Leave(ctx, q.RoomName, q.ConnectionID, abi.LeftByRemoval)
		return a, err
	})
	operation.Define(t, abi.OpRoomsRemoveFromAll, func(ctx context.Context, _ operation.Caller, q *abi.RoomsRemoveFromAllRequest) (a abi.RoomsRemoveFromAllResponse, err error) {
		a.Rooms, err = e.LeaveAll(ctx, q.ConnectionID)
		return a, err
	})
	operation.Define(t, abi.OpRoomsHas, func(ctx context.Context, _ operation.Caller, q *abi.RoomsHasRequest) (a abi.RoomsHasResponse, err error) {
		a.Member, err = e.IsMember(ctx, q.RoomName, q.ConnectionID)
		return a, err
	})
	operation.Define(t, abi.OpRoomsMembers, func(ctx context.Context, _ operation.Caller, q *abi.RoomsMembersRequest) (a abi.RoomsMembersResponse, err error) {
		a.Members, err = e.Members(ctx, q.RoomName)
		return a, err
	})
	operation.Define(t, abi.OpRoomsList, func(ctx context.Context, _ operation.Caller, q *abi.RoomsListRequest) (a abi.RoomsListResponse, err error) {
		a.Rooms, a.Cursor, err = e.Rooms(ctx, q.ConnectionID, Paging{q.Cursor, q.Limit})
		return a, err
	})
	operation.Define(t, abi.OpRoomsClear, func(ctx context.Context, _ operation.Caller, q *abi.RoomsClearRequest) (abi.RoomsClearResponse, error) {
		n, err := e.ClearRoom(ctx, q.RoomName)
		return abi.RoomsClearResponse{Removed: int64(n)}, err
	})
}

func (e *Engine) defineRoomMetadata(t operation.Table) {
	operation.Define(t, abi.OpRoomsMetadataGet, func(ctx context.Context, _ operation.Caller, q *abi.RoomsMetadataGetRequest) (a abi.RoomsMetadataGetResponse, err error) {
		a.Metadata, err = e.RoomMetadata(ctx, q.RoomName)
		a.Metadata = orNull(a.Metadata)
		return a, err
	})
	operation.Define(t, abi.OpRoomsMetadataSet, func(ctx context.Context, _ operation.Caller, q *abi.RoomsMetadataSetRequest) (a abi.RoomsMetadataSetResponse, err error) {
		a.Metadata, err = e.SetRoomMetadata(ctx, q.RoomName, q.Metadata, q.Strategy)
		a.Metadata = orNull(a.Metadata)
		return a, err
	})
	operation.Define(t, abi.OpRoomsMetadataList, func(ctx context.Context, _ operation.Caller, q *abi.RoomsMetadataListRequest) (a abi.RoomsMetadataListResponse, err error) {
		page, next, err := e.ListRoomMetadata(ctx, Paging{q.Cursor, q.Limit})
		a.Metadata, a.Cursor = []byte{'{'}, next
		for i, r := range page {
			if i > 0 {
				a.Metadata = append(a.Metadata, ',')
			}
			a.Metadata = appendMember(a.Metadata, r.Room, r.Metadata)
		}
		a.Metadata = append(a.Metadata, '}')
		return a, err
	})
}

func (e *Engine) definePresence(t operation.Table) {
	operation.Define(t, abi.OpPresenceList, func(ctx context.Context, _ operation.Caller, q *abi.PresenceListRequest) (a abi.PresenceListResponse, err error) {
		snapshot, err := e.Present(ctx, q.RoomName)
		a.Present, a.States = snapshot.Present, AppendStates(nil, snapshot, e.limits.ReplySize)
		if len(a.States) > e.limits.ReplySize {
			return a, tooLarge("states", len(a.States), e.limits.ReplySize, "limits.reply_size")
		}
		return a, err
	})
	operation.Define(t, abi.OpPresenceSet, func(ctx context.Context, _ operation.Caller, q *abi.PresenceSetRequest) (a abi.PresenceSetResponse, err error) {
		if q.State == nil {
			return a, payloadError("state", "is missing")
		}
		a.Success, err = e.SetState(ctx, q.RoomName, q.ConnectionID, State{q.State, q.ExpireAfter, q.Silent})
		return a, err
	})
	operation.Define(t, abi.OpPresenceClear, func(ctx context.Context, _ operation.Caller, q *abi.PresenceClearRequest) (a abi.PresenceClearResponse, err error) {
		a.Success, err = e.SetState(ctx, q.RoomName, q.ConnectionID, State{})
		return a, err
	})
	operation.Define(t, abi.OpPresenceUnsubscribe, func(ctx context.Context, _ operation.Caller, q *abi.PresenceUnsubscribeRequest) (a abi.PresenceUnsubscribeResponse, err error) {
		a.Unsubscribed, err = e.EndPresence(ctx, q.RoomName, q.ConnectionID, q.Reason)
		return a, err
	})
}
