// Package extism runs plugins in the Extism format, on Extism's own SDK:
// detecting them, host functions, instances. What they are asked and where
// they run, in a pool with deadlines, is as for native plugins; abi/EXTISM.md
// is the contract.
package extism

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	sdk "github.com/extism/go-sdk"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/operation"
	"github.com/mesh-host/mesh-host/host/plugin/wasm"
	"github.com/mesh-host/mesh-host/host/plugin/wasm/meter"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// Config is what a Runtime is made with.
type Config struct {
	// CacheDir keeps compiled modules between starts; "" keeps none. A folder
	// that is of no use is passed over.
	CacheDir string
	// Operations are the host functions that guests can import.
	Operations operation.Table
	// Settings returns the configuration of a plugin, a JSON object, for
	// Extism's own config_get.
	Settings func(plugin string) []byte
	// Pools makes the pools of instances, and their memory.
	Pools *wasm.Runtime
	// Unmetered compiles guests as they are, without the meter that bounds them.
	// For benchmarks.
	Unmetered bool
	// Log takes what goes wrong in the host's own part.
	Log *slog.Logger
}

// Runtime compiles and runs guests. It is safe for concurrent use.
type Runtime struct {
	Config
	functions []sdk.HostFunction
	// imports are the functions that a guest can import, by module and name,
	// with the operations that they stand for, if any.
	imports map[string]map[string]string
}

// New makes a runtime. It holds nothing that would have to be closed.
func New(cfg Config) *Runtime {
	r := &Runtime{Config: cfg}
	r.functions = append(r.hostCalls(), environment()...)
	r.functions = append(r.functions, r.metering()...)
	r.imports = map[string]map[string]string{UserModule: {}, EnvModule: {}}
	for _, name := range envFunctions {
		r.imports[EnvModule][name] = ""
	}
	for name, o := range r.Operations {
		if o.Door != abi.DoorOperator {
			r.imports[UserModule][ImportName(name)] = name
		}
	}
	return r
}

// maxCause bounds the text of an error that guest code may have a part in, in
// bytes.
const maxCause = 4 << 10

func brief(err error) error {
	if text := err.Error(); len(text) > maxCause {
		return errors.New(protocol.CutText(text, maxCause))
	}
	return err
}

// Compile checks, meters and compiles a module whose calls may nest depth deep;
// 0 reads as meter.DefaultDepth. The error says what is wrong with it. It ends
// soon after ctx does. The caller must Close the module.
func (r *Runtime) Compile(ctx context.Context, binary []byte, depth int) (*Module, error) {
	prepared, err := r.prepare(binary, depth)
	if err != nil {
		return nil, err
	}
	return wasm.Apart(ctx, r.Pools, prepared.binary, func(ctx context.Context) (*Module, error) {
		m := *prepared
		return r.compile(ctx, &m)
	})
}

// compile compiles and looks at what was prepared, unless ctx is done before it
// has.
func (r *Runtime) compile(ctx context.Context, m *Module) (*Module, error) {
	if ctx.Err() != nil { // it waited for its turn
		return nil, context.Cause(ctx)
	}
	m.cache = r.openCache()
	err := m.inspect(ctx)
	if err != nil && r.CacheDir != "" && strings.Contains(err.Error(), "compilationcache") {
		r.Log.Warn("the cache of compiled plugins is damaged and not used", "dir", r.CacheDir, "error", err)
		_ = m.Close()
		m.cache = wazero.NewCompilationCache()
		err = m.inspect(ctx)
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// prepare makes of a module what is compiled.
func (r *Runtime) prepare(binary []byte, depth int) (*Module, error) {
	if depth <= 0 {
		depth = meter.DefaultDepth
	}
	m := &Module{runtime: r, depth: depth}
	bounded, err := wasm.BoundTables(binary)
	if err != nil {
		return nil, err
	}
	if m.operations, err = r.checkImports(bounded); err != nil {
		return nil, err
	}
	if m.binary, m.minimum, err = redirect(bounded); err != nil {
		return nil, err
	}
	if r.Unmetered {
		return m, nil
	}
	if m.binary, err = meter.Instrument(m.binary, meter.Options{Depth: int32(depth)}); err != nil {
		return nil, fmt.Errorf("not a usable WebAssembly module: %w", brief(err))
	}
	return m, nil
}

// openCache opens a cache for one module: the SDK lets go of what it has
// compiled only with the cache.
func (r *Runtime) openCache() wazero.CompilationCache {
	if r.CacheDir != "" {
		if cache, err := wazero.NewCompilationCacheWithDir(r.CacheDir); err == nil {
			return cache
		}
	}
	return wazero.NewCompilationCache()
}

// Module is a compiled plugin in the Extism format.
type Module struct {
	runtime *Runtime
	binary  []byte
	depth   int // how deep calls may nest
	cache   wazero.CompilationCache
	// minimum is the memory that the module cannot start without, in bytes.
	minimum uint64
	// operations are those that it imports.
	operations []string
	// handlers are the exported functions that can be one.
	handlers map[string]bool
}

// config is what the guest and Extism's kernel are compiled with. The check
// for a done context stays in both: a guest can write into the kernel's memory,
// and have it loop.
func (m *Module) config() wazero.RuntimeConfig {
	return wazero.NewRuntimeConfig().
		WithCoreFeatures(api.CoreFeaturesV2).
		WithCompilationCache(m.cache).
		WithDebugInfoEnabled(false).
		WithCloseOnContextDone(true)
}

// registerFunction is the exported function that every plugin has.
const registerFunction = "mesh_register"

// inspect compiles the module and looks at its imports and exports.
func (m *Module) inspect(ctx context.Context) error {
	w := wazero.NewRuntimeWithConfig(context.Background(), m.config())
	defer func() { _ = w.Close(context.Background()) }()
	compiled, err := w.CompileModule(experimental.WithCompilationWorkers(ctx, compilationWorkers), m.binary)
	if err != nil {
		return fmt.Errorf("not a usable WebAssembly module: %w", brief(err))
	}
	m.handlers = make(map[string]bool)
	for name, f := range compiled.ExportedFunctions() {
		results := f.ResultTypes()
		m.handlers[name] = len(f.ParamTypes()) == 0 && (len(results) == 0 || len(results) == 1 && results[0] == api.ValueTypeI32)
	}
	callable, exported := m.handlers[registerFunction]
	switch {
	case !exported:
		return fmt.Errorf("does not export %s: it is no plugin for this host", registerFunction)
	case !callable:
		return fmt.Errorf("exports %s with parameters or another result than an i32", registerFunction)
	case len(compiled.ImportedMemories()) > 0:
		return errors.New("imports its memory: a plugin must define it")
	}
	return nil
}

// compilationWorkers compile one module; with them it is looked at ctx.
const compilationWorkers = 2

// Imports returns the names of the operations that the module imports.
func (m *Module) Imports() []string { return slices.Clone(m.operations) }

// Close frees the compiled code. Its plugins must have been closed.
func (m *Module) Close() error { return m.cache.Close(context.Background()) }
