package examples_test

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/abi"
)

// languages are the builds that the benchmarks compare.
var languages = []string{"go", "rust", "assemblyscript"}

// BenchmarkEcho measures one call of a plugin with nothing around it but the
// writing of the request and the reading of the response. The deadline check is
// compiled out.
func BenchmarkEcho(b *testing.B) {
	for _, language := range languages {
		g := benchmarked(b, language)
		for _, size := range []int{100, 1 << 10, 10 << 10} {
			b.Run(language+"/"+strconv.Itoa(size), func(b *testing.B) {
				benchmark(b, g, "echo", `"`+strings.Repeat("x", size-2)+`"`)
			})
		}
	}
}

// BenchmarkCommand measures what else a command may do.
func BenchmarkCommand(b *testing.B) {
	for _, language := range languages {
		g := benchmarked(b, language)
		for _, c := range []struct{ name, payload string }{{"add", `{"a":1,"b":2}`}, {"whoami", `{}`}, {"fail", `{"message":"oops"}`}} {
			b.Run(language+"/"+c.name, func(b *testing.B) { benchmark(b, g, c.name, c.payload) })
		}
	}
}

// benchmarked builds a language's plugin and makes an instance of it.
func benchmarked(b *testing.B, language string) *guest {
	b.Helper()
	g := compile(b, build(b, language), false, configured("{}")).instantiate(b)
	g.registration(b)
	return g
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
