package wasm_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/operation"
	"github.com/mesh-host/mesh-host/host/plugin/guest"
	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
	"github.com/mesh-host/mesh-host/host/plugin/wasm"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// sink does with an answer what a command does: check and copy it.
type sink struct{ body []byte }

func (s *sink) Receive(r abi.Response) error {
	if !protocol.Valid(r.Body) {
		return guest.Malformed("body is not JSON")
	}
	s.body = append(s.body[:0], r.Body...)
	return nil
}

func (s *sink) Yield() {}

// BenchmarkCall measures one call through the pool. MESH_BENCH_PLUGIN names
// another module to measure, whose handler 1 must echo.
func BenchmarkCall(b *testing.B) {
	module := plugintest.Fixture(b, "echo")
	if path := os.Getenv("MESH_BENCH_PLUGIN"); path != "" {
		var err error
		if module, err = os.ReadFile(path); err != nil {
			b.Fatal(err)
		}
	}
	for _, unbounded := range []bool{true, false} {
		for _, size := range []int{100, 1 << 10, 10 << 10} {
			b.Run(fmt.Sprintf("enforce=%t/%dB", !unbounded, size), func(b *testing.B) {
				benchmarkCall(b, module, unbounded, size)
			})
		}
	}
}

func benchmarkCall(b *testing.B, module []byte, unbounded bool, size int) {
	r, err := wasm.New(wasm.Config{Operations: operation.Table{}, Unbounded: unbounded, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	m, err := r.Compile(module)
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	p, err := m.Start(guest.Options{
		Name: "bench", Deadline: time.Second, Memory: 16 << 20, Instances: 16, Output: 4 << 20, Counters: new(guest.Counters),
	})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	h := p.Handler(1)
	request := abi.Request{
		Kind: abi.KindCommand, Name: "echo", ConnectionID: "0123456789012345678901",
		Payload: []byte(`"` + strings.Repeat("x", size-2) + `"`),
	}
	to := new(sink)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		if err := h.Call(context.Background(), request, to); err != nil {
			b.Fatal(err)
		}
	}
	if len(to.body) != size {
		b.Fatalf("answered with %d bytes", len(to.body))
	}
}
