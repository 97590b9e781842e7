package extism_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/operation"
	"github.com/mesh-host/mesh-host/host/plugin/guest"
	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
)

// sink copies an answer, as everyone must.
type sink struct{ body []byte }

func (s *sink) Receive(a abi.Response) error { s.body = append(s.body[:0], a.Body...); return nil }
func (s *sink) Yield()                       {}

// BenchmarkFormats measures one call through the pool in either format: an echo,
// which in the Extism format returns its whole request, and one kv.get. The
// guests are written by hand, so that it is the formats that are compared.
func BenchmarkFormats(b *testing.B) {
	small, large := []byte(`"`+strings.Repeat("x", 98)+`"`), []byte(`"`+strings.Repeat("x", 10<<10-2)+`"`)
	for _, c := range []struct {
		name, handler string // in the Extism format
		fixture       string // the native plugin
		number        uint32
		payload       []byte
	}{
		{"echo 100 B", "words", "puppet", 1, small},
		{"echo 10 KB", "words", "puppet", 1, large},
		{"kv.get", "ask", "puppet", 31, nil},
	} {
		change := func(o *guest.Options) { o.Deadline = 10 * time.Second }
		b.Run(c.name+"/native", func(b *testing.B) {
			h := newHost(b)
			m, err := h.pools.Compile(b.Context(), plugintest.Fixture(b, c.fixture), 0)
			if err != nil {
				b.Fatal(err)
			}
			o := options()
			change(&o)
			p, err := m.Start(o)
			if err != nil {
				b.Fatal(err)
			}
			measure(b, p.Handler(c.number), c.payload)
			p.Close()
			if err := m.Close(); err != nil {
				b.Error(err)
			}
		})
		b.Run(c.name+"/extism", func(b *testing.B) {
			h := newHost(b, c.handler)
			p, _ := h.start(b, plugintest.Fixture(b, "extism-puppet"), change)
			measure(b, p.Handler(0), c.payload)
		})
	}
}

func measure(b *testing.B, h guest.Handler, payload []byte) {
	b.Helper()
	request := abi.Request{Kind: abi.KindCommand, Name: "echo", ConnectionID: "0123456789012345678901", Payload: payload}
	to := new(sink)
	b.ReportAllocs()
	for b.Loop() {
		if err := h.Call(context.Background(), request, to); err != nil {
			b.Fatal(err)
		}
	}
	if len(to.body) < len(payload) {
		b.Fatalf("answered with %d bytes", len(to.body))
	}
}

// BenchmarkCall is what the benchmark of that name in package wasm is, for the
// module that MESH_BENCH_PLUGIN names: without one there is nothing to measure.
func BenchmarkCall(b *testing.B) {
	path := os.Getenv("MESH_BENCH_PLUGIN")
	if path == "" {
		return
	}
	module, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	for _, size := range []int{100, 1 << 10, 10 << 10} {
		text := `"` + strings.Repeat("x", size-2) + `"`
		b.Run(fmt.Sprintf("metered=true/%dB", size), func(b *testing.B) { benchmarkCall(b, module, "echo", text, text) })
	}
	b.Run("metered=true/add", func(b *testing.B) { benchmarkCall(b, module, "add", `{"a":1,"b":2}`, `{"sum":3}`) })
}

func benchmarkCall(b *testing.B, module []byte, command, payload, reply string) {
	b.Helper()
	h := newHostWith(b, func(t operation.Table) {
		for _, o := range abi.Operations { // that the module imports, and no benchmark calls
			if _, ok := t[o.Name]; !ok {
				t[o.Name] = operation.Operation{Operation: o}
			}
		}
	})
	p, _ := h.start(b, module, func(o *guest.Options) { o.Deadline = 10 * time.Second })
	var r abi.Registration
	if err := json.Unmarshal(p.Document(), &r); err != nil {
		b.Fatal(err)
	}
	n := slices.IndexFunc(r.Commands, func(c abi.CommandRegistration) bool { return c.Name == command })
	if n < 0 {
		b.Fatalf("no command %q", command)
	}
	handler := p.Handler(r.Commands[n].Handler)
	request := abi.Request{Kind: abi.KindCommand, Name: command, ConnectionID: "0123456789012345678901", Payload: []byte(payload)}
	to := new(sink)
	b.ReportAllocs()
	for b.Loop() {
		if err := handler.Call(context.Background(), request, to); err != nil {
			b.Fatal(err)
		}
	}
	if string(to.body) != reply {
		b.Fatalf("answered with %.100s", to.body)
	}
}
