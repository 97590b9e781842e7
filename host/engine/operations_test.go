package engine_test

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/operation"
)

var plugin = operation.Caller{Plugin: "p"}

func table(e fixture) operation.Table {
	t := operation.Table{}
	e.Define(t)
	return t
}

func TestEveryOperationIsDefined(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(engine.Limits{})
	defined := table(e)
	for _, o := range abi.Operations {
		_, ok := defined[o.Name]
		others := slices.Contains([]string{abi.OpLog, abi.OpConfigGet, abi.OpPluginsList, abi.OpPluginsReload, abi.OpHTTPFetch}, o.Name)
		if ok == others {
			t.Errorf("%s: defined is %v", o.Name, ok)
		}
	}
}

type request interface{ Append([]byte) []byte }
type response interface{ Decode([]byte) error }

// flat calls an operation through the flat codec, as a plugin does, and reuses
// the request's memory afterwards, as a plugin does.
func flat(t *testing.T, ops operation.Table, name string, q request, a response) error {
	t.Helper()
	message := q.Append(nil)
	answer, err := ops[name].Flat(ctx, plugin, message, []byte("head"))
	clear(message)
	if string(answer[:4]) != "head" {
		t.Fatalf("%s: the answer is not added to dst", name)
	}
	if err != nil {
		return err
	}
	if err := a.Decode(answer[4:]); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return nil
}

// jsonCall calls an operation through its JSON door.
func jsonCall(t *testing.T, ops operation.Table, name, q string) string {
	t.Helper()
	answer, err := ops[name].JSON(ctx, plugin, []byte(q))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return string(answer)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestKVOperations(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(engine.Limits{})
	ops := table(e)
	must(t, flat(t, ops, abi.OpKVSet, &abi.KVSetRequest{Key: "k", Value: []byte(`[1]`), TTL: 60_000}, &abi.KVSetResponse{}))
	var got abi.KVGetResponse
	must(t, flat(t, ops, abi.OpKVGet, &abi.KVGetRequest{Key: "k"}, &got))
	if string(got.Value) != `[1]` {
		t.Errorf("get: %s", got.Value)
	}
	must(t, flat(t, ops, abi.OpKVGet, &abi.KVGetRequest{Key: "unknown"}, &got))
	if got.Value != nil {
		t.Errorf("get of a missing key: %q", got.Value)
	}
	var sum abi.KVIncrementResponse
	for i, by := range []int64{0, 1, 5, -10} {
		must(t, flat(t, ops, abi.OpKVIncrement, &abi.KVIncrementRequest{Key: "n", By: by}, &sum))
		if want := []int64{0, 1, 6, -4}[i]; sum.Value != want {
			t.Errorf("increment by %d: %d, want %d", by, sum.Value, want)
		}
	}
	var swap abi.KVCompareAndSetResponse
	must(t, flat(t, ops, abi.OpKVCompareAndSet, &abi.KVCompareAndSetRequest{Key: "n", Value: []byte("1")}, &swap))
	if swap.Swapped || string(swap.Current) != "-4" {
		t.Errorf("compare-and-set of a key that is there: %+v", swap)
	}
	must(t, flat(t, ops, abi.OpKVCompareAndSet, &abi.KVCompareAndSetRequest{Key: "n", Expected: []byte("-4")}, &swap))
	var deleted abi.KVDeleteResponse
	must(t, flat(t, ops, abi.OpKVDelete, &abi.KVDeleteRequest{Key: "n"}, &deleted))
	if !swap.Swapped || swap.Current != nil || deleted.Deleted {
		t.Errorf("compare-and-set to nothing: %+v, and then %+v", swap, deleted)
	}
}

func TestKVOperationsRefuse(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(engine.Limits{})
	ops := table(e)
	for _, ttl := range []int64{-1, math.MinInt64, math.MaxInt64, 10_000_000_000_000} {
		wantError(t, flat(t, ops, abi.OpKVSet, &abi.KVSetRequest{Key: "k", Value: []byte("1"), TTL: ttl}, &abi.KVSetResponse{}), abi.CodePayload)
	}
	wantError(t, flat(t, ops, abi.OpKVSet, &abi.KVSetRequest{Key: "k"}, &abi.KVSetResponse{}), abi.CodePayload)
	for _, name := range []string{abi.OpKVGet, abi.OpKVSet, abi.OpKVDelete, abi.OpKVIncrement, abi.OpKVCompareAndSet} {
		_, err := ops[name].Flat(ctx, operation.Caller{}, nil, nil)
		wantError(t, err, abi.CodeDenied)
		_, err = ops[name].Flat(ctx, plugin, []byte{1, 2, 3}, nil)
		wantError(t, err, abi.CodePayload)
		_, err = ops[name].Flat(ctx, plugin, nil, nil)
		wantError(t, err, abi.CodePayload)
		_, err = ops[name].JSON(ctx, plugin, []byte(`{"key":5}`))
		wantError(t, err, abi.CodePayload)
	}
}

func TestConnectionOperations(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, _ := newEngine(engine.Limits{})
		ops := table(e)
		clients, ids := crowd(t, e, 3)
		known := e.connect(t, hub.Info{User: "ann", Metadata: json.RawMessage(`{"a":1}`)})
		clients = append(clients, known)

		var sent abi.ConnectionsSendResponse
		must(t, flat(t, ops, abi.OpConnectionsSend, &abi.ConnectionsSendRequest{To: ids, Command: "hi", Payload: []byte("1"), Exclude: ids[:1]}, &sent))
		if sent.Sent != 2 {
			t.Errorf("sent to %d", sent.Sent)
		}
		wantReceivers(t, clients, `{"command":"hi","payload":1}`, 1, 2)
		var broadcast abi.BroadcastResponse
		must(t, flat(t, ops, abi.OpBroadcast, &abi.BroadcastRequest{Command: "hi"}, &broadcast))
		if broadcast.Sent != 4 {
			t.Errorf("broadcast to %d", broadcast.Sent)
		}
		wantReceivers(t, clients, `{"command":"hi","payload":null}`, 0, 1, 2, 3)

		var got abi.ConnectionsMetadataGetResponse
		must(t, flat(t, ops, abi.OpConnectionsMetadataGet, &abi.ConnectionsMetadataGetRequest{ConnectionID: known.ID()}, &got))
		if string(got.Metadata) != `{"a":1}` || got.User != "ann" {
			t.Errorf("metadata: %+v", got)
		}
		must(t, flat(t, ops, abi.OpConnectionsMetadataGet, &abi.ConnectionsMetadataGetRequest{ConnectionID: ids[0]}, &got))
		if string(got.Metadata) != `null` || got.User != "" {
			t.Errorf("metadata of an anonymous connection: %+v", got)
		}
		var set abi.ConnectionsMetadataSetResponse
		must(t, flat(t, ops, abi.OpConnectionsMetadataSet, &abi.ConnectionsMetadataSetRequest{ConnectionID: known.ID(), Metadata: []byte(`{"b":2}`), Strategy: "merge"}, &set))
		if !equalJSON(t, set.Metadata, []byte(`{"a":1,"b":2}`)) || !equalJSON(t, known.Metadata(), set.Metadata) {
			t.Errorf("merged metadata: %s", set.Metadata)
		}

		var gone abi.ConnectionsDisconnectResponse
		must(t, flat(t, ops, abi.OpConnectionsDisconnect, &abi.ConnectionsDisconnectRequest{ConnectionID: known.ID(), Reason: "bye"}, &gone))
		if cause := known.Closing(); !gone.Disconnected || cause == nil || *cause != (hub.Cause{Code: abi.CloseKicked, Reason: "bye"}) {
			t.Errorf("disconnected %v with %v", gone.Disconnected, cause)
		}
	})
}

func TestConnectionOperationsRefuse(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(engine.Limits{})
	ops := table(e)
	id := e.connect(t, hub.Info{}).ID()
	for _, c := range []struct {
		name string
		q    request
		code string
	}{
		{abi.OpConnectionsSend, &abi.ConnectionsSendRequest{To: []string{id}, Command: "ping"}, abi.CodePayload},
		{abi.OpConnectionsSend, &abi.ConnectionsSendRequest{To: make([]string, engine.DefaultReceivers+1), Command: "a"}, abi.CodePayload},
		{abi.OpBroadcast, &abi.BroadcastRequest{Command: "mesh/a"}, abi.CodePayload},
		{abi.OpBroadcast, &abi.BroadcastRequest{Command: "a", Payload: []byte("]")}, abi.CodePayload},
		{abi.OpConnectionsMetadataGet, &abi.ConnectionsMetadataGetRequest{ConnectionID: "unknown"}, abi.CodeNotFound},
		{abi.OpConnectionsMetadataSet, &abi.ConnectionsMetadataSetRequest{ConnectionID: "unknown", Metadata: []byte("1")}, abi.CodeNotFound},
		{abi.OpConnectionsMetadataSet, &abi.ConnectionsMetadataSetRequest{ConnectionID: id, Metadata: []byte(`"` + strings.Repeat("x", engine.DefaultMetadataSize) + `"`)}, abi.CodeTooLarge},
		{abi.OpConnectionsDisconnect, &abi.ConnectionsDisconnectRequest{ConnectionID: id, Code: 1006}, abi.CodePayload},
	} {
		_, err := ops[c.name].Flat(ctx, plugin, c.q.Append(nil), nil)
		wantError(t, err, c.code)
	}
}

func TestOperationsInJSON(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(engine.Limits{})
	ops := table(e)
	id := e.connect(t, hub.Info{}).ID()
	for _, c := range []struct{ name, q, a string }{
		{abi.OpKVCompareAndSet, `{"key":"k","expected":null,"value":1}`, `{"swapped":false}`},
		{abi.OpKVSet, `{"key":"k","value":null}`, `{}`},
		{abi.OpKVGet, `{"key":"k"}`, `{"value":null}`},
		{abi.OpKVGet, `{"key":"unknown"}`, `{}`},
		{abi.OpKVCompareAndSet, `{"key":"k","expected":null,"value":2}`, `{"swapped":true}`},
		{abi.OpKVIncrement, `{"key":"k","by":1}`, `{"value":3}`},
		{abi.OpKVDelete, `{"key":"k"}`, `{"deleted":true}`},
		{abi.OpConnectionsMetadataGet, `{"connectionId":"` + id + `"}`, `{"metadata":null}`},
		{abi.OpConnectionsSend, `{"to":["unknown"],"command":"a"}`, `{"sent":0}`},
		{abi.OpConnectionsDisconnect, `{"connectionId":"unknown"}`, `{"disconnected":false}`},
	} {
		if a := jsonCall(t, ops, c.name, c.q); a != c.a {
			t.Errorf("%s %s answers %s, want %s", c.name, c.q, a, c.a)
		}
	}
}
