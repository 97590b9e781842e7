package engine

import (
	"context"
	"encoding/json"
	"math"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/operation"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// Define gives a table the operations that are the engine's: all of
// abi.Operations but log and config.get, which the plugin manager defines.
func (e *Engine) Define(t operation.Table) {
	e.defineKV(t)
	e.defineMetadata(t)
	e.defineAddressing(t)
}

func (e *Engine) defineKV(t operation.Table) {
	operation.Define(t, abi.OpKVGet, func(ctx context.Context, c operation.Caller, q *abi.KVGetRequest) (a abi.KVGetResponse, err error) {
		s, err := e.storeOf(c)
		if err == nil {
			a.Value, err = s.Get(ctx, q.Key)
		}
		return a, err
	})
	operation.Define(t, abi.OpKVSet, func(ctx context.Context, c operation.Caller, q *abi.KVSetRequest) (a abi.KVSetResponse, err error) {
		s, err := e.storeOf(c)
		if err == nil {
			err = s.Set(ctx, q.Key, q.Value, milliseconds(q.TTL))
		}
		return a, err
	})
	operation.Define(t, abi.OpKVDelete, func(ctx context.Context, c operation.Caller, q *abi.KVDeleteRequest) (a abi.KVDeleteResponse, err error) {
		s, err := e.storeOf(c)
		if err == nil {
			a.Deleted, err = s.Delete(ctx, q.Key)
		}
		return a, err
	})
	operation.Define(t, abi.OpKVIncrement, func(ctx context.Context, c operation.Caller, q *abi.KVIncrementRequest) (a abi.KVIncrementResponse, err error) {
		s, err := e.storeOf(c)
		if err != nil {
			return a, err
		}
		a.Value, err = s.Increment(ctx, q.Key, q.By, milliseconds(q.TTL))
		return a, err
	})
	operation.Define(t, abi.OpKVCompareAndSet, func(ctx context.Context, c operation.Caller, q *abi.KVCompareAndSetRequest) (a abi.KVCompareAndSetResponse, err error) {
		s, err := e.storeOf(c)
		if err == nil {
			a.Swapped, a.Current, err = s.CompareAndSet(ctx, q.Key, q.Expected, q.Value, milliseconds(q.TTL))
		}
		return a, err
	})
}

// storeOf returns the caller's own store.
func (e *Engine) storeOf(c operation.Caller) (Store, error) {
	if c.Plugin == "" {
		return Store{}, protocol.NewError(abi.CodeDenied, "The kv operations work on the calling plugin's own store; only a plugin can call them")
	}
	return e.Store(c.Plugin), nil
}

// milliseconds turns a ttl into a duration; one that does not fit becomes one
// that is refused.
func milliseconds(ttl int64) time.Duration {
	const most = math.MaxInt64 / int64(time.Millisecond)
	return time.Duration(max(-1, min(ttl, most))) * time.Millisecond
}

func (e *Engine) defineMetadata(t operation.Table) {
	operation.Define(t, abi.OpConnectionsMetadataGet, func(_ context.Context, _ operation.Caller, q *abi.ConnectionsMetadataGetRequest) (a abi.ConnectionsMetadataGetResponse, err error) {
		a.Metadata, a.User, err = e.Metadata(q.ConnectionID)
		if a.Metadata == nil {
			a.Metadata = json.RawMessage("null")
		}
		return a, err
	})
	operation.Define(t, abi.OpConnectionsMetadataSet, func(_ context.Context, _ operation.Caller, q *abi.ConnectionsMetadataSetRequest) (a abi.ConnectionsMetadataSetResponse, err error) {
		a.Metadata, err = e.SetMetadata(q.ConnectionID, q.Metadata, q.Strategy)
		return a, err
	})
}

func (e *Engine) defineAddressing(t operation.Table) {
	operation.Define(t, abi.OpConnectionsSend, func(_ context.Context, _ operation.Caller, q *abi.ConnectionsSendRequest) (a abi.ConnectionsSendResponse, err error) {
		sent, err := e.SendTo(q.To, q.Exclude, q.Command, q.Payload)
		return abi.ConnectionsSendResponse{Sent: int64(sent)}, err
	})
	operation.Define(t, abi.OpBroadcast, func(_ context.Context, _ operation.Caller, q *abi.BroadcastRequest) (a abi.BroadcastResponse, err error) {
		sent, err := e.Broadcast(q.Exclude, q.Command, q.Payload)
		return abi.BroadcastResponse{Sent: int64(sent)}, err
	})
	operation.Define(t, abi.OpConnectionsDisconnect, func(_ context.Context, _ operation.Caller, q *abi.ConnectionsDisconnectRequest) (a abi.ConnectionsDisconnectResponse, err error) {
		a.Disconnected, err = e.Disconnect(q.ConnectionID, q.Code, q.Reason)
		return a, err
	})
}
