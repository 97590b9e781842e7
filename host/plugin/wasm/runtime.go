// Package wasm runs plugins that speak the native ABI, on wazero: compiling,
// instances, their pool and memory, deadlines, host calls, WASI. It decides
// how guests run; what they are asked is the business of package plugin.
package wasm

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/mesh-host/mesh-host/host/operation"
)

// Config is what a Runtime is made with.
type Config struct {
	// CacheDir keeps compiled modules between starts; "" keeps them in memory
	// only. A folder that cannot be written is logged and not used.
	CacheDir string
	// Operations are the host functions that guests can import.
	Operations operation.Table
	// Unmetered compiles guests as they are, without the meter that bounds them:
	// a guest that spins then never ends. For benchmarks.
	Unmetered bool
	// Log takes what goes wrong in the host's own part.
	Log *slog.Logger
}

// Runtime compiles and runs guests. It is safe for concurrent use.
type Runtime struct {
	wazero    wazero.Runtime
	cache     wazero.CompilationCache
	exports   map[string]map[string]api.FunctionDefinition // host functions by module and name
	watchdog  *watchdog
	turns     *turns
	unmetered bool
	log       *slog.Logger
	memories  atomic.Int64
	pools     atomic.Uint64 // made so far: calls are named after them
	cacheDir  string        // "" without a cache on disk
	same      sameness
	compiling atomic.Int32
}

// New makes a runtime. The caller must Close it.
func New(cfg Config) (*Runtime, error) {
	ctx := context.Background()
	cache := openCache(cfg.CacheDir, cfg.Log)
	r := &Runtime{
		cache:     cache,
		cacheDir:  cfg.CacheDir,
		unmetered: cfg.Unmetered,
		turns:     newTurns(),
		log:       cfg.Log,
		wazero: wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().
			WithCoreFeatures(api.CoreFeaturesV2).
			WithCompilationCache(cache).
			WithDebugInfoEnabled(false)),
	}
	if err := r.defineHost(ctx, cfg.Operations); err != nil {
		return nil, errors.Join(fmt.Errorf("wasm: define host functions: %w", err), r.release())
	}
	r.watchdog = startWatchdog()
	return r, nil
}

// openCache falls back to a cache in memory where the folder is of no use.
func openCache(dir string, log *slog.Logger) wazero.CompilationCache {
	if dir == "" {
		return wazero.NewCompilationCache()
	}
	cache, err := wazero.NewCompilationCacheWithDir(dir)
	if err == nil {
		err = checkWritable(dir)
	}
	if err != nil {
		log.Warn("compiled plugins are not kept on disk", "dir", dir, "error", err)
		return wazero.NewCompilationCache()
	}
	return cache
}

// renewCache empties the cache on disk where it is what a compilation failed
// for, damaged or gone, and reports whether trying again makes sense.
func (r *Runtime) renewCache(cause error) bool {
	var path *fs.PathError
	if r.cacheDir == "" || !errors.As(cause, &path) && !strings.Contains(cause.Error(), "compilationcache") {
		return false
	}
	r.log.Warn("the cache of compiled plugins is damaged and begins anew", "dir", r.cacheDir, "error", cause)
	if path != nil && strings.HasPrefix(path.Path, r.cacheDir) {
		_ = os.MkdirAll(filepath.Dir(path.Path), 0o700)
	}
	files, _ := filepath.Glob(filepath.Join(r.cacheDir, "wazero-*", "*"))
	for _, file := range files {
		_ = os.RemoveAll(file)
	}
	return true
}

// checkWritable tries, since permissions do not tell about full or read-only
// file systems.
func checkWritable(dir string) error {
	f, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

func (r *Runtime) defineHost(ctx context.Context, operations operation.Table) error {
	metered := experimental.WithFunctionListenerFactory(ctx, experimental.FunctionListenerFactoryFunc(meterWASI))
	if _, err := wasi_snapshot_preview1.Instantiate(metered, r.wazero); err != nil {
		return err
	}
	mesh, err := r.instantiateOperations(ctx, operations)
	if err != nil {
		return err
	}
	ticks, err := r.defineMeter(ctx)
	if err != nil {
		return err
	}
	r.exports = map[string]map[string]api.FunctionDefinition{
		mesh.Name():  mesh.ExportedFunctionDefinitions(),
		ticks.Name(): ticks.ExportedFunctionDefinitions(),
		wasi_snapshot_preview1.ModuleName: r.wazero.Module(wasi_snapshot_preview1.ModuleName).
			ExportedFunctionDefinitions(),
	}
	return nil
}

// Memories returns how many instances hold memory.
func (r *Runtime) Memories() int { return int(r.memories.Load()) }

// Abort ends the calls that run, and from then on every call that takes longer
// than a moment, as if their deadlines had passed. It does not wait.
func (r *Runtime) Abort() { r.watchdog.aborted.Store(true) }

// Close frees everything. All plugins must have been closed.
func (r *Runtime) Close() error {
	r.watchdog.close()
	r.turns.close()
	return r.release()
}

func (r *Runtime) release() error {
	ctx := context.Background()
	return errors.Join(r.wazero.Close(ctx), r.cache.Close(ctx))
}
