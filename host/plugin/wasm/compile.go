package wasm

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/mesh-host/mesh-host/host/plugin/wasm/meter"
	"github.com/mesh-host/mesh-host/host/protocol"
)

const (
	// compilationWorkers compile one module; a large one is loaded in half the
	// time, and the host's other work still gets a core.
	compilationWorkers = 2
	// compileTimeout bounds the compilation of one module. A plugin of the
	// standard Go compiler, some 4 MB, takes about a second on one core, and
	// half a minute where ten others share it; what takes this long was made to.
	compileTimeout = time.Minute
	// maxCompiling bounds the compilations that run, those included that no one
	// waits for any more.
	maxCompiling = 8
)

var (
	errCompileTimeout = fmt.Errorf("it takes longer than %v to compile", compileTimeout)
	errCompilerBusy   = errors.New("the compiler is still busy with modules that take too long: remove them, and load this one again later")
)

// Compile checks, meters and compiles a module whose calls may nest depth deep;
// 0 reads as meter.DefaultDepth. The error says what is wrong with it. It returns
// as soon as ctx is done. The caller must Close the module.
func (r *Runtime) Compile(ctx context.Context, binary []byte, depth int) (*Module, error) {
	if depth <= 0 {
		depth = meter.DefaultDepth
	}
	bounded, err := BoundTables(binary)
	if err != nil {
		return nil, err
	}
	if !r.unmetered {
		if bounded, err = meter.Instrument(bounded, meter.Options{Depth: int32(depth)}); err != nil {
			return nil, fmt.Errorf("not a usable WebAssembly module: %s", protocol.CutText(err.Error(), maxCause))
		}
	}
	compiled, err := r.compile(ctx, bounded)
	if errors.Is(err, errCompilerBusy) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("not a usable WebAssembly module: %s", protocol.CutText(err.Error(), maxCause))
	}
	m := &Module{runtime: r, compiled: compiled, depth: depth}
	if err := m.check(); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// compile returns when the module is compiled or ctx is done.
func (r *Runtime) compile(ctx context.Context, module []byte) (wazero.CompiledModule, error) {
	return Apart(ctx, r, module, func(ctx context.Context) (wazero.CompiledModule, error) {
		return r.compileNow(ctx, module)
	})
}

// Apart compiles a module by a function, for as long as compilations may take,
// and returns its result or, as soon as ctx is done, the cause of that. The
// compiler looks at ctx between two functions only, and there are small functions
// that it takes minutes for: it is then left to finish with that one by itself,
// so that whatever has been made after ctx was done must be freed by the
// function. So many of those, and no more are begun.
func Apart[T any](ctx context.Context, r *Runtime, module []byte, compile func(ctx context.Context) (T, error)) (made T, err error) {
	if r.compiling.Load() >= maxCompiling {
		return made, errCompilerBusy
	}
	ctx, cancel := context.WithTimeoutCause(ctx, compileTimeout, errCompileTimeout)
	type result struct {
		made T
		err  error
	}
	done := make(chan result, 1)
	r.compiling.Add(1)
	go func() {
		defer r.compiling.Add(-1)
		defer cancel()
		defer r.same.lock(module)()
		made, err := compile(ctx)
		done <- result{made, err}
	}()
	select {
	case c := <-done:
		return c.made, c.err
	case <-ctx.Done():
	}
	// What is canceled compiles to nothing, unless that came too late.
	select {
	case c := <-done:
		return c.made, c.err
	default:
		return made, context.Cause(ctx)
	}
}

func (r *Runtime) compileNow(ctx context.Context, module []byte) (wazero.CompiledModule, error) {
	if ctx.Err() != nil { // it waited for its turn
		return nil, context.Cause(ctx)
	}
	with := experimental.WithCompilationWorkers(ctx, compilationWorkers) // who look at ctx before each function
	compiled, err := r.wazero.CompileModule(with, module)
	if err != nil && ctx.Err() == nil && r.renewCache(err) {
		compiled, err = r.wazero.CompileModule(with, module)
	}
	if ctx.Err() != nil {
		if err == nil {
			_ = compiled.Close(context.Background())
		}
		return nil, context.Cause(ctx)
	}
	return compiled, err
}
