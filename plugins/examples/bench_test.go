package examples_test

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/abi"
)

// BenchmarkEcho measures one call of the Go plugin with nothing around it but
// the writing of the request and the reading of the response. The deadline
// check is compiled out.
func BenchmarkEcho(b *testing.B) {
	h, _ := store()
	g := compile(b, "conformance-go.wasm", false, h).instantiate(b)
	g.registration(b)
	for _, size := range []int{100, 1 << 10, 10 << 10} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			benchmark(b, g, "echo", `"`+strings.Repeat("x", size-2)+`"`)
		})
	}
}

// BenchmarkCommand measures what else a command may do.
func BenchmarkCommand(b *testing.B) {
	h, _ := store()
	g := compile(b, "conformance-go.wasm", false, h).instantiate(b)
	g.registration(b)
	for _, c := range []struct{ name, payload string }{{"add", `{"a":1,"b":2}`}, {"whoami", `{}`}, {"fail", `{"message":"oops"}`}} {
		b.Run(c.name, func(b *testing.B) { benchmark(b, g, c.name, c.payload) })
	}
}

func benchmark(b *testing.B, g *guest, command, payload string) {
	b.Helper()
	ctx := context.Background()
	r := &abi.Request{
		Kind: abi.KindCommand, Name: command, ConnectionID: strings.Repeat("c", 22), User: "ann",
		Metadata: []byte(`{"user":"ann"}`), Payload: []byte(payload),
	}
	handler := g.commands[command]
	b.ReportAllocs()
	for b.Loop() {
		if _, err := g.send(ctx, handler, r); err != nil {
			b.Fatal(err)
		}
	}
}
