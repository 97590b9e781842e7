package wasm_test

import (
	"errors"
	"log/slog"
	"testing"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/operation"
	"github.com/mesh-host/mesh-host/host/plugin/guest"
	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
	"github.com/mesh-host/mesh-host/host/plugin/wasm"
)

func TestExpiredContextHasNoValues(t *testing.T) {
	t.Parallel()
	operations := plugintest.Operations()
	for _, o := range abi.Operations { // for modules that import what no test calls
		if _, ok := operations[o.Name]; !ok {
			operations[o.Name] = operation.Operation{Operation: o, Flat: unavailable}
		}
	}
	l := plugintest.NewLingering(operations, abi.OpLog)
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
	err = p.Handler(logName).Call(l, abi.Request{Kind: abi.KindCommand, Name: "test"}, new(receiver))
	if !errors.Is(err, guest.ErrTimeout) {
		t.Fatal(err)
	}
	l.Check(t)
}
