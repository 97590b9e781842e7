package plugintest

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"sync"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/operation"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// Operations returns every operation but log and config.get, which a
// plugin.Manager adds, each answered as a server without connections would: a
// store of keys that works, and connections that are not there.
func Operations() operation.Table {
	t := make(operation.Table)
	s := &store{values: make(map[string]json.RawMessage)}
	operation.Define(t, abi.OpKVGet, s.get)
	operation.Define(t, abi.OpKVSet, s.set)
	operation.Define(t, abi.OpKVDelete, s.remove)
	operation.Define(t, abi.OpKVIncrement, s.increment)
	operation.Define(t, abi.OpKVCompareAndSet, s.compareAndSet)
	operation.Define(t, abi.OpConnectionsMetadataGet, noConnection[abi.ConnectionsMetadataGetRequest, abi.ConnectionsMetadataGetResponse])
	operation.Define(t, abi.OpConnectionsMetadataSet, noConnection[abi.ConnectionsMetadataSetRequest, abi.ConnectionsMetadataSetResponse])
	operation.Define(t, abi.OpConnectionsSend, nothing[abi.ConnectionsSendRequest, abi.ConnectionsSendResponse])
	operation.Define(t, abi.OpBroadcast, nothing[abi.BroadcastRequest, abi.BroadcastResponse])
	operation.Define(t, abi.OpConnectionsDisconnect, nothing[abi.ConnectionsDisconnectRequest, abi.ConnectionsDisconnectResponse])
	return t
}

func nothing[Q, A any](context.Context, operation.Caller, *Q) (a A, err error) { return a, nil }

func noConnection[Q, A any](context.Context, operation.Caller, *Q) (a A, err error) {
	return a, protocol.NewError(abi.CodeNotFound, "Connection not found")
}

// store is a key-value store without time or limits.
type store struct {
	mu     sync.Mutex
	values map[string]json.RawMessage // by plugin and key
}

func place(c operation.Caller, key string) string { return c.Plugin + "/" + key }

func (s *store) get(_ context.Context, c operation.Caller, q *abi.KVGetRequest) (abi.KVGetResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return abi.KVGetResponse{Value: s.values[place(c, q.Key)]}, nil
}

func (s *store) set(_ context.Context, c operation.Caller, q *abi.KVSetRequest) (abi.KVSetResponse, error) {
	if !protocol.Valid(q.Value) {
		return abi.KVSetResponse{}, protocol.NewError(abi.CodePayload, "value is not JSON")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[place(c, q.Key)] = bytes.Clone(q.Value)
	return abi.KVSetResponse{}, nil
}

func (s *store) remove(_ context.Context, c operation.Caller, q *abi.KVDeleteRequest) (abi.KVDeleteResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, found := s.values[place(c, q.Key)]
	delete(s.values, place(c, q.Key))
	return abi.KVDeleteResponse{Deleted: found}, nil
}

func (s *store) increment(_ context.Context, c operation.Caller, q *abi.KVIncrementRequest) (abi.KVIncrementResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var n int64
	if v, ok := s.values[place(c, q.Key)]; ok {
		var err error
		if n, err = strconv.ParseInt(string(v), 10, 64); err != nil {
			return abi.KVIncrementResponse{}, protocol.NewError(abi.CodeConflict, "value is not an integer")
		}
	}
	n += q.By
	s.values[place(c, q.Key)] = strconv.AppendInt(nil, n, 10)
	return abi.KVIncrementResponse{Value: n}, nil
}

func (s *store) compareAndSet(_ context.Context, c operation.Caller, q *abi.KVCompareAndSetRequest) (abi.KVCompareAndSetResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := place(c, q.Key)
	current, found := s.values[at]
	if found != (q.Expected != nil) || !bytes.Equal(current, q.Expected) {
		return abi.KVCompareAndSetResponse{Current: current}, nil
	}
	if q.Value == nil {
		delete(s.values, at)
	} else {
		s.values[at] = bytes.Clone(q.Value)
	}
	return abi.KVCompareAndSetResponse{Swapped: true}, nil
}
