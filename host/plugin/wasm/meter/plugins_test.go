package meter_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

const (
	minPlugins   = 25
	pluginBudget = 500_000_000
)

// TestPlugins: the guests of package plugintest, a guest in Go, and the plugins
// that scripts/build-plugins has built, start and answer the same in both forms.
func TestPlugins(t *testing.T) {
	modules := map[string][]byte{"guest": goGuest(t)}
	for _, pattern := range []string{"../../plugintest/testdata/*.wasm", "../../../../build/plugins/*.wasm", "../../../../build/plugins/*/*.wasm"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if filepath.Base(file) == "metered.wasm" { // by hand, with what the meter adds
				continue
			}
			modules[filepath.Base(file)] = readFile(t, file)
		}
	}
	if len(modules) < minPlugins {
		t.Errorf("%d modules, want at least %d", len(modules), minPlugins)
	}
	for name, module := range modules {
		t.Run(name, func(t *testing.T) { comparePlugin(t, module) })
	}
}

func comparePlugin(t *testing.T, module []byte) {
	t.Helper()
	m, u := metered(t, benchSlice), unmetered(t)
	m.host.budget = pluginBudget
	mm, errM := instantiatePlugin(t, m, module)
	if unfinished(errM) {
		return
	}
	um, errU := instantiatePlugin(t, u, module)
	if a, b := outcome(nil, nil, errM), outcome(nil, nil, errU); a != b {
		t.Fatalf("instantiated metered: %s, unmetered: %s", a, b)
	}
	if errM != nil {
		return
	}
	for _, call := range []struct {
		name string
		args []uint64
	}{
		{"_initialize", nil}, {"mesh_register", nil}, {"mesh_alloc", []uint64{1000}}, {"mesh_call", []uint64{0, 0, 0}},
		{"mesh_call", []uint64{1, 1024, 16}}, {"mesh_call", []uint64{2, 1024, 64}}, {"mesh_register", nil},
	} {
		f := um.ExportedFunction(call.name)
		if f == nil || len(f.Definition().ParamTypes()) != len(call.args) {
			continue
		}
		results, err := mm.ExportedFunction(call.name).Call(t.Context(), call.args...)
		if unfinished(err) {
			return
		}
		got := outcome(results, f.Definition().ResultTypes(), err) + state(mm)
		results, err = f.Call(t.Context(), call.args...)
		if want := outcome(results, f.Definition().ResultTypes(), err) + state(um); got != want {
			t.Fatalf("%s metered: %s, unmetered: %s", call.name, got, want)
		}
		if err != nil {
			return // such an instance is discarded
		}
	}
}

// instantiatePlugin gives a module the host functions that it imports, which
// answer nothing.
func instantiatePlugin(t *testing.T, e *engine, module []byte) (api.Module, error) {
	t.Helper()
	compiled, err := e.compile(t.Context(), module)
	if err != nil {
		return nil, err
	}
	wasi_snapshot_preview1.MustInstantiate(t.Context(), e)
	hosts := make(map[string]wazero.HostModuleBuilder)
	for _, d := range compiled.ImportedFunctions() {
		from, name, _ := d.Import()
		if from != "mesh" && !strings.HasPrefix(from, "extism:") {
			continue
		}
		if hosts[from] == nil {
			hosts[from] = e.NewHostModuleBuilder(from)
		}
		hosts[from].NewFunctionBuilder().WithGoFunction(api.GoFunc(func(_ context.Context, stack []uint64) {
			clear(stack)
		}), d.ParamTypes(), d.ResultTypes()).Export(name)
	}
	for _, host := range hosts {
		if _, err := host.Instantiate(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return e.InstantiateModule(t.Context(), compiled, wazero.NewModuleConfig().WithStartFunctions())
}
