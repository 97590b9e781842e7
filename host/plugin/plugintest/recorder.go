package plugintest

import (
	"bytes"
	"context"
	"encoding/json"
	"reflect"
	"sync"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/operation"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// recorder is the server that a plugin under test asks: it keeps what it was
// asked, and answers as it is told to. It is safe for concurrent use.
type recorder struct {
	mu     sync.Mutex
	answer answer // nil: as Operations does, and blanks
	asked  []request
}

// request is what an operation was asked, as the ABI encodes it.
type request struct {
	operation string
	arguments []byte
}

// answer serves an operation: it returns a response as the ABI encodes it.
type answer func(operation string, arguments []byte) ([]byte, error)

// program sets how operations are answered and forgets what was asked.
func (r *recorder) program(a answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer, r.asked = a, nil
}

// requests returns what was asked since program, or since the last time.
func (r *recorder) requests() []request {
	r.mu.Lock()
	defer r.mu.Unlock()
	asked := r.asked
	r.asked = nil
	return asked
}

// maxAsked bounds how many requests are kept.
const maxAsked = 1000

func (r *recorder) serve(name string, arguments []byte, otherwise func() ([]byte, error)) ([]byte, error) {
	r.mu.Lock()
	if len(r.asked) < maxAsked {
		r.asked = append(r.asked, request{name, arguments})
	}
	run := r.answer
	r.mu.Unlock()
	if run == nil {
		return otherwise()
	}
	return run(name, arguments)
}

// message is what the requests and responses of operations can do.
type message[T any] interface {
	*T
	Append(dst []byte) []byte
	Decode(message []byte) error
}

// record puts the recorder before an operation of the table, for both doors: what
// comes in the flat codec is kept and answered byte for byte.
func record[Q, A any, PQ message[Q], PA message[A]](r *recorder, t operation.Table, name string) {
	behind, ok := t[name]
	delete(t, name)
	serve := func(ctx context.Context, c operation.Caller, arguments []byte) ([]byte, error) {
		return r.serve(name, arguments, func() ([]byte, error) {
			if ok {
				return behind.Flat(ctx, c, arguments, nil)
			}
			if err := PQ(new(Q)).Decode(arguments); err != nil {
				return nil, protocol.NewError(abi.CodePayload, name+": "+err.Error())
			}
			a := blank[A]()
			return PA(&a).Append(nil), nil
		})
	}
	operation.Define[Q, A, PQ, PA](t, name, func(ctx context.Context, c operation.Caller, q *Q) (a A, err error) {
		answered, err := serve(ctx, c, PQ(q).Append(nil))
		if err == nil {
			err = PA(&a).Decode(answered)
		}
		return a, err
	})
	o := t[name]
	o.Flat = func(ctx context.Context, c operation.Caller, arguments, dst []byte) ([]byte, error) {
		answered, err := serve(ctx, c, bytes.Clone(arguments))
		return append(dst, answered...), err
	}
	t[name] = o
}

// blank is a response without anything in it: null, no items, no bytes.
func blank[A any]() (a A) {
	fields := reflect.ValueOf(&a).Elem()
	for i := range fields.NumField() {
		switch f := fields.Field(i); f.Interface().(type) {
		case json.RawMessage:
			f.SetBytes([]byte("null"))
		case []byte:
			f.SetBytes([]byte{})
		case []string:
			f.Set(reflect.ValueOf([]string{}))
		}
	}
	return a
}

// table returns every operation that plugins may call but log and config.get,
// which a plugin.Manager adds.
func (r *recorder) table() operation.Table {
	t := Operations()
	record[abi.KVGetRequest, abi.KVGetResponse](r, t, abi.OpKVGet)
	record[abi.KVSetRequest, abi.KVSetResponse](r, t, abi.OpKVSet)
	record[abi.KVDeleteRequest, abi.KVDeleteResponse](r, t, abi.OpKVDelete)
	record[abi.KVIncrementRequest, abi.KVIncrementResponse](r, t, abi.OpKVIncrement)
	record[abi.KVCompareAndSetRequest, abi.KVCompareAndSetResponse](r, t, abi.OpKVCompareAndSet)
	record[abi.HTTPFetchRequest, abi.HTTPFetchResponse](r, t, abi.OpHTTPFetch)
	record[abi.ConnectionsMetadataGetRequest, abi.ConnectionsMetadataGetResponse](r, t, abi.OpConnectionsMetadataGet)
	record[abi.ConnectionsMetadataSetRequest, abi.ConnectionsMetadataSetResponse](r, t, abi.OpConnectionsMetadataSet)
	record[abi.ConnectionsSendRequest, abi.ConnectionsSendResponse](r, t, abi.OpConnectionsSend)
	record[abi.ConnectionsDisconnectRequest, abi.ConnectionsDisconnectResponse](r, t, abi.OpConnectionsDisconnect)
	record[abi.ConnectionsListRequest, abi.ConnectionsListResponse](r, t, abi.OpConnectionsList)
	record[abi.ConnectionsMetadataListRequest, abi.ConnectionsMetadataListResponse](r, t, abi.OpConnectionsMetadataList)
	record[abi.BroadcastRequest, abi.BroadcastResponse](r, t, abi.OpBroadcast)
	record[abi.UsersSendRequest, abi.UsersSendResponse](r, t, abi.OpUsersSend)
	record[abi.UsersDisconnectRequest, abi.UsersDisconnectResponse](r, t, abi.OpUsersDisconnect)
	record[abi.UsersListRequest, abi.UsersListResponse](r, t, abi.OpUsersList)
	record[abi.UsersConnectionsRequest, abi.UsersConnectionsResponse](r, t, abi.OpUsersConnections)
	record[abi.RoomsAddRequest, abi.RoomsAddResponse](r, t, abi.OpRoomsAdd)
	record[abi.RoomsRemoveRequest, abi.RoomsRemoveResponse](r, t, abi.OpRoomsRemove)
	record[abi.RoomsRemoveFromAllRequest, abi.RoomsRemoveFromAllResponse](r, t, abi.OpRoomsRemoveFromAll)
	record[abi.RoomsHasRequest, abi.RoomsHasResponse](r, t, abi.OpRoomsHas)
	record[abi.RoomsMembersRequest, abi.RoomsMembersResponse](r, t, abi.OpRoomsMembers)
	record[abi.RoomsListRequest, abi.RoomsListResponse](r, t, abi.OpRoomsList)
	record[abi.RoomsClearRequest, abi.RoomsClearResponse](r, t, abi.OpRoomsClear)
	record[abi.RoomsSendRequest, abi.RoomsSendResponse](r, t, abi.OpRoomsSend)
	record[abi.RoomsMetadataGetRequest, abi.RoomsMetadataGetResponse](r, t, abi.OpRoomsMetadataGet)
	record[abi.RoomsMetadataSetRequest, abi.RoomsMetadataSetResponse](r, t, abi.OpRoomsMetadataSet)
	record[abi.RoomsMetadataListRequest, abi.RoomsMetadataListResponse](r, t, abi.OpRoomsMetadataList)
	record[abi.ChannelsPublishRequest, abi.ChannelsPublishResponse](r, t, abi.OpChannelsPublish)
	record[abi.ChannelsHistoryRequest, abi.ChannelsHistoryResponse](r, t, abi.OpChannelsHistory)
	record[abi.ChannelsUnsubscribeRequest, abi.ChannelsUnsubscribeResponse](r, t, abi.OpChannelsUnsubscribe)
	record[abi.PresenceListRequest, abi.PresenceListResponse](r, t, abi.OpPresenceList)
	record[abi.PresenceSetRequest, abi.PresenceSetResponse](r, t, abi.OpPresenceSet)
	record[abi.PresenceClearRequest, abi.PresenceClearResponse](r, t, abi.OpPresenceClear)
	record[abi.PresenceUnsubscribeRequest, abi.PresenceUnsubscribeResponse](r, t, abi.OpPresenceUnsubscribe)
	record[abi.RecordsGetRequest, abi.RecordsGetResponse](r, t, abi.OpRecordsGet)
	record[abi.RecordsSetRequest, abi.RecordsSetResponse](r, t, abi.OpRecordsSet)
	record[abi.RecordsDeleteRequest, abi.RecordsDeleteResponse](r, t, abi.OpRecordsDelete)
	record[abi.RecordsListRequest, abi.RecordsListResponse](r, t, abi.OpRecordsList)
	record[abi.RecordsTransactionRequest, abi.RecordsTransactionResponse](r, t, abi.OpRecordsTransaction)
	record[abi.RecordsUnsubscribeRequest, abi.RecordsUnsubscribeResponse](r, t, abi.OpRecordsUnsubscribe)
	record[abi.CollectionsUnsubscribeRequest, abi.CollectionsUnsubscribeResponse](r, t, abi.OpCollectionsUnsubscribe)
	return t
}
