package engine

import (
	"context"
	"encoding/json"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/operation"
	"github.com/mesh-host/mesh-host/host/protocol"
)

func (e *Engine) defineConnections(t operation.Table) {
	operation.Define(t, abi.OpConnectionsList, func(ctx context.Context, _ operation.Caller, q *abi.ConnectionsListRequest) (a abi.ConnectionsListResponse, err error) {
		page, next, err := e.Connections(ctx, q.User, Paging{q.Cursor, q.Limit})
		if err != nil {
			return a, err
		}
		a.Cursor = next
		a.Connections, err = json.Marshal(e.describe(page))
		return a, err
	})
	operation.Define(t, abi.OpConnectionsMetadataGet, func(ctx context.Context, _ operation.Caller, q *abi.ConnectionsMetadataGetRequest) (a abi.ConnectionsMetadataGetResponse, err error) {
		a.Metadata, a.User, err = e.Metadata(ctx, q.ConnectionID)
		a.Metadata = orNull(a.Metadata)
		return a, err
	})
	operation.Define(t, abi.OpConnectionsMetadataSet, func(ctx context.Context, _ operation.Caller, q *abi.ConnectionsMetadataSetRequest) (a abi.ConnectionsMetadataSetResponse, err error) {
		a.Metadata, err = e.SetMetadata(ctx, q.ConnectionID, q.Metadata, q.Strategy)
		a.Metadata = orNull(a.Metadata)
		return a, err
	})
	operation.Define(t, abi.OpConnectionsMetadataList, func(ctx context.Context, _ operation.Caller, q *abi.ConnectionsMetadataListRequest) (a abi.ConnectionsMetadataListResponse, err error) {
		page, next, err := e.ListMetadata(ctx, q.RoomName, Paging{q.Cursor, q.Limit})
		a.Metadata, a.Cursor = []byte{'['}, next
		for i, m := range page {
			if i > 0 {
				a.Metadata = append(a.Metadata, ',')
			}
			a.Metadata = appendMember(append(a.Metadata, '{'), m.Connection, m.Metadata)
			a.Metadata = append(a.Metadata, '}')
		}
		a.Metadata = append(a.Metadata, ']')
		return a, err
	})
}

func (e *Engine) defineUsers(t operation.Table) {
	operation.Define(t, abi.OpUsersList, func(ctx context.Context, _ operation.Caller, q *abi.UsersListRequest) (a abi.UsersListResponse, err error) {
		a.Users, a.Cursor, err = e.Users(ctx, Paging{q.Cursor, q.Limit})
		return a, err
	})
	operation.Define(t, abi.OpUsersConnections, func(ctx context.Context, _ operation.Caller, q *abi.UsersConnectionsRequest) (a abi.UsersConnectionsResponse, err error) {
		a.Connections, err = e.ConnectionsOf(ctx, q.User)
		return a, err
	})
}

// listed is an entry of connections.list.
type listed struct {
	ID          string    `json:"connectionId"`
	User        string    `json:"user,omitempty"`
	Node        string    `json:"node"`
	Latency     *int64    `json:"latency,omitempty"` // of this node's own
	ConnectedAt time.Time `json:"connectedAt"`
}

func (e *Engine) describe(page []backplane.Connection) []listed {
	all := make([]listed, len(page))
	for i, c := range page {
		all[i] = listed{ID: c.ID, User: c.User, Node: c.Node, ConnectedAt: c.ConnectedAt.UTC()}
		if s := e.hub.Get(c.ID); s != nil {
			latency := s.Latency().Milliseconds()
			all[i].Latency = &latency
		}
	}
	return all
}

func orNull(value json.RawMessage) json.RawMessage {
	if value == nil {
		return json.RawMessage("null")
	}
	return value
}

// appendMember adds a member of an object, whose braces are the caller's.
func appendMember(dst []byte, key string, value json.RawMessage) []byte {
	dst = append(protocol.AppendString(dst, key), ':')
	return append(dst, orNull(value)...)
}

func (e *Engine) defineAddressing(t operation.Table) {
	operation.Define(t, abi.OpConnectionsSend, func(ctx context.Context, _ operation.Caller, q *abi.ConnectionsSendRequest) (abi.ConnectionsSendResponse, error) {
		sent, err := e.SendTo(ctx, backplane.Audience{Scope: backplane.Listed, Names: q.To, Except: q.Exclude}, q.Command, q.Payload)
		return abi.ConnectionsSendResponse{Sent: int64(sent)}, err
	})
	operation.Define(t, abi.OpUsersSend, func(ctx context.Context, _ operation.Caller, q *abi.UsersSendRequest) (abi.UsersSendResponse, error) {
		sent, err := e.SendTo(ctx, backplane.Audience{Scope: backplane.OfUser, Names: q.To, Except: q.Exclude}, q.Command, q.Payload)
		return abi.UsersSendResponse{Sent: int64(sent)}, err
	})
	operation.Define(t, abi.OpRoomsSend, func(ctx context.Context, _ operation.Caller, q *abi.RoomsSendRequest) (abi.RoomsSendResponse, error) {
		to := backplane.Audience{Scope: backplane.InRoom, Names: []string{q.RoomName}, Except: q.Exclude}
		sent, err := e.SendTo(ctx, to, q.Command, q.Payload)
		return abi.RoomsSendResponse{Sent: int64(sent)}, err
	})
	operation.Define(t, abi.OpBroadcast, func(ctx context.Context, _ operation.Caller, q *abi.BroadcastRequest) (abi.BroadcastResponse, error) {
		sent, err := e.SendTo(ctx, backplane.Audience{Scope: backplane.Everyone, Except: q.Exclude}, q.Command, q.Payload)
		return abi.BroadcastResponse{Sent: int64(sent)}, err
	})
	operation.Define(t, abi.OpConnectionsDisconnect, func(ctx context.Context, _ operation.Caller, q *abi.ConnectionsDisconnectRequest) (abi.ConnectionsDisconnectResponse, error) {
		n, err := e.Disconnect(ctx, backplane.Audience{Scope: backplane.Listed, Names: []string{q.ConnectionID}}, q.Code, q.Reason)
		return abi.ConnectionsDisconnectResponse{Disconnected: n > 0}, err
	})
	operation.Define(t, abi.OpUsersDisconnect, func(ctx context.Context, _ operation.Caller, q *abi.UsersDisconnectRequest) (abi.UsersDisconnectResponse, error) {
		if err := checkName("user", q.User); err != nil {
			return abi.UsersDisconnectResponse{}, err
		}
		n, err := e.Disconnect(ctx, backplane.Audience{Scope: backplane.OfUser, Names: []string{q.User}}, q.Code, q.Reason)
		return abi.UsersDisconnectResponse{Disconnected: int64(n)}, err
	})
}
