package wasm_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"

	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
	"github.com/mesh-host/mesh-host/host/plugin/wasm"
)

// Several files with one content are compiled, or read from the cache, at once.
func TestHammerCompileOfOneContent(t *testing.T) {
	t.Parallel()
	dir, module := t.TempDir(), plugintest.Fixture(t, "echo")
	for range 50 {
		r, err := wasm.New(wasm.Config{CacheDir: dir, Operations: plugintest.Operations(), Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				m, err := r.Compile(context.Background(), module, 0)
				if err != nil {
					t.Error(err)
					return
				}
				if p, err := m.Start(options()); err != nil {
					t.Error(err)
				} else {
					p.Close()
				}
				_ = m.Close()
			})
		}
		group.Wait()
		_ = r.Close()
	}
}
