package operation_test

import (
	"context"
	"errors"
	"testing"

	"go.uber.org/goleak"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/operation"
	"github.com/mesh-host/mesh-host/host/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	ctx    = context.Background()
	caller = operation.Caller{Plugin: "p"}
)

// table has kv.set, which refuses the key "refused", and kv.get, which answers
// with the caller and the key.
func table() operation.Table {
	t := operation.Table{}
	operation.Define(t, abi.OpKVSet, func(_ context.Context, _ operation.Caller, q *abi.KVSetRequest) (a abi.KVSetResponse, err error) {
		if q.Key == "refused" {
			return a, protocol.NewError(abi.CodeDenied, "no")
		}
		return a, nil
	})
	operation.Define(t, abi.OpKVGet, func(_ context.Context, c operation.Caller, q *abi.KVGetRequest) (a abi.KVGetResponse, err error) {
		a.Value = protocol.AppendString(nil, c.Plugin+"/"+q.Key)
		return a, nil
	})
	return t
}

func TestFlat(t *testing.T) {
	t.Parallel()
	ops := table()
	dst, err := ops[abi.OpKVGet].Flat(ctx, caller, (&abi.KVGetRequest{Key: "k"}).Append(nil), []byte("head"))
	if err != nil || string(dst[:4]) != "head" {
		t.Fatalf("%q, %v", dst, err)
	}
	var a abi.KVGetResponse
	if err := a.Decode(dst[4:]); err != nil || string(a.Value) != `"p/k"` {
		t.Errorf("answers %+v, %v", a, err)
	}
	if dst, err = ops[abi.OpKVSet].Flat(ctx, caller, (&abi.KVSetRequest{Key: "k"}).Append(nil), []byte("head")); err != nil || string(dst) != "head" {
		t.Errorf("an empty answer: %q, %v", dst, err)
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	ops := table()
	for _, c := range []struct{ name, q, a string }{
		{abi.OpKVGet, `{"key":"k"}`, `{"value":"p/k"}`},
		{abi.OpKVGet, " {\n\"key\" : \"\\u00e9\\n<&>\"}\t", `{"value":"p/é\n<&>"}`},
		{abi.OpKVSet, `{"key":"k","value":{"a":1},"ttl":5}`, `{}`},
	} {
		if a, err := ops[c.name].JSON(ctx, caller, []byte(c.q)); err != nil || string(a) != c.a {
			t.Errorf("%s %s answers %s, %v; want %s", c.name, c.q, a, err, c.a)
		}
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	ops := table()
	for name, call := range map[string]func() ([]byte, error){
		"cut off": func() ([]byte, error) {
			return ops[abi.OpKVGet].Flat(ctx, caller, []byte{5, 0, 0, 0, 'k'}, []byte("head"))
		},
		"length of 4 GiB": func() ([]byte, error) {
			return ops[abi.OpKVGet].Flat(ctx, caller, []byte{0xFE, 0xFF, 0xFF, 0xFF, 'k'}, []byte("head"))
		},
		"wrong size": func() ([]byte, error) {
			return ops[abi.OpKVSet].Flat(ctx, caller, []byte{0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 'x'}, []byte("head"))
		},
	} {
		dst, err := call()
		if e := protocol.AsError(err); e == nil || e.Code != abi.CodePayload || dst != nil && string(dst) != "head" {
			t.Errorf("%s: %q, %v", name, dst, err)
		}
	}
	refused := &abi.KVSetRequest{Key: "refused"}
	if dst, err := ops[abi.OpKVSet].Flat(ctx, caller, refused.Append(nil), []byte("head")); protocol.AsError(err).Code != abi.CodeDenied || string(dst) != "head" {
		t.Errorf("refused: %q, %v", dst, err)
	}
	if dst, err := ops[abi.OpKVSet].JSON(ctx, caller, []byte(`{"key":"refused","value":1}`)); protocol.AsError(err).Code != abi.CodeDenied || dst != nil {
		t.Errorf("refused: %q, %v", dst, err)
	}
}

// The context reaches the operation.
func TestContext(t *testing.T) {
	t.Parallel()
	ops := operation.Table{}
	operation.Define(ops, abi.OpKVDelete, func(ctx context.Context, _ operation.Caller, _ *abi.KVDeleteRequest) (abi.KVDeleteResponse, error) {
		return abi.KVDeleteResponse{}, ctx.Err()
	})
	done, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := ops[abi.OpKVDelete].Flat(done, caller, nil, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestDescription(t *testing.T) {
	t.Parallel()
	o := table()[abi.OpKVSet]
	if o.Name != abi.OpKVSet || o.Capability != "kv" || o.Doc == "" || len(o.Request) != 3 {
		t.Errorf("got %+v", o.Operation)
	}
}

// Mistakes in the program are found at its start.
func TestDefinePanics(t *testing.T) {
	t.Parallel()
	define := func(ops operation.Table, name string) (panicked bool) {
		defer func() { panicked = recover() != nil }()
		operation.Define(ops, name, func(context.Context, operation.Caller, *abi.KVGetRequest) (abi.KVGetResponse, error) {
			return abi.KVGetResponse{}, nil
		})
		return false
	}
	if !define(table(), abi.OpKVGet) {
		t.Error("an operation is defined twice")
	}
	if !define(operation.Table{}, abi.OpKVSet) {
		t.Error("an operation is defined with another one's request")
	}
	if !define(operation.Table{}, abi.OpKVDelete) {
		t.Error("an operation is defined with another one's response")
	}
	if !define(operation.Table{}, "unheard.of") {
		t.Error("an operation without description is defined")
	}
}

func BenchmarkFlat(b *testing.B) {
	ops := table()
	flat := ops[abi.OpKVGet].Flat
	request := (&abi.KVGetRequest{Key: "key"}).Append(nil)
	dst := make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := flat(ctx, caller, request, dst[:0]); err != nil {
			b.Fatal(err)
		}
	}
}
