package plugin_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/host/command"
	"github.com/mesh-host/mesh-host/host/plugin"
	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
)

// BenchmarkCommand measures a command as a session runs it: resolved in the
// router's table, through the pool into a wasm echo and back.
func BenchmarkCommand(b *testing.B) {
	for _, metered := range []bool{false, true} {
		f := load(b, map[string][]byte{"echo.wasm": plugintest.Fixture(b, "echo")}, nil, func(o *plugin.Options) { o.Unmetered = !metered })
		for _, size := range []int{100, 1 << 10, 10 << 10} {
			b.Run(fmt.Sprintf("metered=%t/%dB", metered, size), func(b *testing.B) {
				name, payload := []byte("echo"), []byte(`"`+strings.Repeat("x", size-2)+`"`)
				b.ReportAllocs()
				for b.Loop() {
					table := f.router.Acquire()
					c, _ := f.router.Resolve(table, name)
					call := command.NewCall(f.session, c.Name, payload, nil)
					if err := f.router.Run(context.Background(), table, c, call); err != nil {
						b.Fatal(err)
					}
					call.Release()
					table.Release()
				}
			})
		}
	}
}
