package wasm_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/operation"
	"github.com/mesh-host/mesh-host/host/plugin/guest"
	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
	"github.com/mesh-host/mesh-host/host/plugin/wasm"
)

// watched is the context of a call; late counts how often it was asked after
// the call's deadline had passed.
type watched struct {
	context.Context
	within atomic.Pointer[context.Context] // the host call's
	late   atomic.Int64
}

// Value implements context.Context.
func (w *watched) Value(key any) any {
	if c := w.within.Load(); c != nil && (*c).Err() != nil {
		w.late.Add(1)
	}
	return w.Context.Value(key)
}

// Where a host call derives a context, one of context's goroutines asks the
// instance for its cause after the deadline, and may do so when the call has
// returned: the context behind it must be left alone then.
func TestExpiredContextHasNoValues(t *testing.T) {
	t.Parallel()
	over := make(chan struct{})
	w := &watched{Context: context.Background()}
	operations := plugintest.Operations()
	for _, o := range abi.Operations { // for modules that import what no test calls
		if _, ok := operations[o.Name]; !ok {
			operations[o.Name] = operation.Operation{Operation: o, Flat: unavailable}
		}
	}
	log := operations[abi.OpLog]
	log.Flat = func(ctx context.Context, _ operation.Caller, _, dst []byte) ([]byte, error) {
		if ctx.Done() == nil || w.within.Swap(&ctx) != nil {
			return dst, nil
		}
		derived, cancel := context.WithCancel(ctx)
		defer cancel()
		context.AfterFunc(derived, func() { close(over) })
		<-ctx.Done()
		return dst, nil
	}
	operations[abi.OpLog] = log
	r, err := wasm.New(wasm.Config{Operations: operations, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	h := &host{Runtime: r, log: new(syncBuffer)}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	p, _ := h.start(t, plugintest.Fixture(t, "puppet"), nil)
	err = p.Handler(logName).Call(w, abi.Request{Kind: abi.KindCommand, Name: "test"}, new(receiver))
	if !errors.Is(err, guest.ErrTimeout) {
		t.Fatal(err)
	}
	select {
	case <-over:
	case <-time.After(10 * time.Second):
		t.Fatal("the derived context does not end")
	}
	if n := w.late.Load(); n > 0 {
		t.Errorf("it was asked %d times", n)
	}
}
