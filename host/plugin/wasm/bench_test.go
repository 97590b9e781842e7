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
// module to measure, and then its command "add", which reads and builds JSON, too.
// With metered=false nothing bounds a guest.
func BenchmarkCall(b *testing.B) {
	module := plugintest.Fixture(b, "echo")
	path := os.Getenv("MESH_BENCH_PLUGIN")
	if path != "" {
		var err error
		if module, err = os.ReadFile(path); err != nil {
			b.Fatal(err)
		}
	}
	for _, metered := range []bool{false, true} {
		for _, size := range []int{100, 1 << 10, 10 << 10} {
			text := `"` + strings.Repeat("x", size-2) + `"`
			b.Run(fmt.Sprintf("metered=%t/%dB", metered, size), func(b *testing.B) {
				benchmarkCall(b, module, metered, "echo", text, text)
			})
		}
		if path != "" {
			b.Run(fmt.Sprintf("metered=%t/add", metered), func(b *testing.B) {
				benchmarkCall(b, module, metered, "add", `{"a":1,"b":2}`, `{"sum":3}`)
			})
		}
	}
}

func benchmarkCall(b *testing.B, module []byte, metered bool, command, payload, reply string) {
	b.Helper()
	p, _ := newHostWith(b, "{}", !metered).start(b, module, func(o *guest.Options) { o.Deadline = 2 * time.Second })
	h := p.Handler(numberOf(b, p.Document(), command))
	request := abi.Request{
		Kind: abi.KindCommand, Name: command, ConnectionID: "0123456789012345678901", Payload: []byte(payload),
	}
	to := new(sink)
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		if err := h.Call(context.Background(), request, to); err != nil {
			b.Fatal(err)
		}
	}
	if string(to.body) != reply {
		b.Fatalf("answered with %.100s", to.body)
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

// BenchmarkWork measures guests that compute, which is what the meter costs.
func BenchmarkWork(b *testing.B) {
	for handler, name := range []string{1: "loop", 2: "JSON", 3: "small calls", 4: "recursion", 5: "long loop"} {
		for _, metered := range []bool{false, true} {
			if name == "" {
				continue
			}
			b.Run(fmt.Sprintf("%s/metered=%t", name, metered), func(b *testing.B) {
				p, counters := newHostWith(b, "{}", !metered).start(b, plugintest.Fixture(b, "work"),
					func(o *guest.Options) { o.Deadline = time.Minute })
				h := p.Handler(uint32(handler))
				for b.Loop() {
					if err := h.Call(context.Background(), abi.Request{}, new(sink)); err != nil {
						b.Fatal(err)
					}
				}
				p.Instances() // counts
				b.ReportMetric(float64(counters.Fuel.Load())/float64(b.Elapsed().Nanoseconds()), "units/ns")
			})
		}
	}
}

// BenchmarkStart measures what a fresh instance costs, registration included.
func BenchmarkStart(b *testing.B) {
	h := newHost(b, "{}")
	m, err := h.Compile(context.Background(), plugintest.Fixture(b, "echo"), 0)
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
