package engine

import (
	"context"
	"math"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/operation"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// Define gives a table the operations that are the engine's: all of
// abi.Operations but log, config.get and those of plugins, which the plugin
// manager defines.
func (e *Engine) Define(t operation.Table) {
	e.defineKV(t)
	e.defineConnections(t)
	e.defineUsers(t)
	e.defineAddressing(t)
	e.defineRooms(t)
	e.defineRoomMetadata(t)
	e.defineChannels(t)
	e.definePresence(t)
	e.defineRecords(t)
	e.defineExposures(t)
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
