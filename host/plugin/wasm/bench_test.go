package wasm_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/plugin/guest"
	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
)

// sink copies an answer, as everyone must. Checking that it is JSON is what
// BenchmarkCommand of package plugin measures beside it.
type sink struct{ body []byte }

func (s *sink) Receive(r abi.Response) error {
	s.body = append(s.body[:0], r.Body...)
	return nil
}

func (s *sink) Yield() {}

// BenchmarkCall measures one call of the command "echo" through the pool, with
// request and response encoded and copied. MESH_BENCH_PLUGIN names another
// module to measure. With enforce=false no deadline can end a guest.
func BenchmarkCall(b *testing.B) {
	module := plugintest.Fixture(b, "echo")
	if path := os.Getenv("MESH_BENCH_PLUGIN"); path != "" {
		var err error
		if module, err = os.ReadFile(path); err != nil {
			b.Fatal(err)
		}
	}
	for _, enforce := range []bool{false, true} {
		for _, size := range []int{100, 1 << 10, 10 << 10} {
			b.Run(fmt.Sprintf("enforce=%t/%dB", enforce, size), func(b *testing.B) {
				benchmarkCall(b, module, enforce, size)
			})
		}
	}
}

func benchmarkCall(b *testing.B, module []byte, enforce bool, size int) {
	b.Helper()
	p, _ := newHostWith(b, "{}", !enforce).start(b, module, func(o *guest.Options) { o.Deadline = 2 * time.Second })
	h := p.Handler(numberOf(b, p.Document(), "echo"))
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

// numberOf returns the handler of a command.
func numberOf(b *testing.B, document []byte, command string) uint32 {
	b.Helper()
	var r abi.Registration
	if err := json.Unmarshal(document, &r); err != nil {
		b.Fatal(err)
	}
	for _, c := range r.Commands {
		if c.Name == command {
			return c.Handler
		}
	}
	b.Fatalf("no command %q", command)
	return 0
}

// BenchmarkStart measures what a fresh instance costs, registration included.
func BenchmarkStart(b *testing.B) {
	h := newHost(b, "{}")
	m, err := h.Compile(plugintest.Fixture(b, "echo"))
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	b.ReportAllocs()
	for b.Loop() {
		p, err := m.Start(options())
		if err != nil {
			b.Fatal(err)
		}
		p.Close()
	}
}
