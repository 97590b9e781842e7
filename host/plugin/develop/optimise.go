package develop

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Optimise says when wasm-opt runs.
type Optimise string

const (
	// OptimiseNever leaves the compiler's module as it is. The zero value means
	// the same.
	OptimiseNever Optimise = "never"
	// OptimiseAuto runs wasm-opt for all but standard Go, whose modules take it
	// many seconds for a few hundredths of their size.
	OptimiseAuto Optimise = "auto"
	// OptimiseAlways runs it for every language.
	OptimiseAlways Optimise = "always"
)

// ParseOptimise reads one of the three.
func ParseOptimise(text string) (Optimise, error) {
	switch o := Optimise(text); o {
	case OptimiseNever, OptimiseAuto, OptimiseAlways:
		return o, nil
	}
	return "", refused(fmt.Errorf("--optimise is %q: it is always, never or auto", text))
}

// optimiseTimeout bounds wasm-opt, which takes a second for each megabyte or
// two.
const optimiseTimeout = 2 * time.Minute

// features are those of WebAssembly core 2, which a plugin may use.
var features = []string{
	"--enable-bulk-memory", "--enable-multivalue", "--enable-mutable-globals", "--enable-nontrapping-float-to-int",
	"--enable-reference-types", "--enable-sign-ext", "--enable-simd",
}

// optimise returns what wasm-opt makes of a module and the bytes that it saves,
// or the module itself: where it is not there, fails, saves nothing, or makes
// what a host would refuse and has not refused before.
func optimise(ctx context.Context, module []byte, file string, config json.RawMessage) ([]byte, int) {
	if !onPath("wasm-opt") {
		return module, 0
	}
	ctx, cancel := context.WithTimeout(ctx, optimiseTimeout)
	defer cancel()
	dir, err := os.MkdirTemp("", "mesh-host-optimise-")
	if err != nil {
		return module, 0
	}
	defer func() { _ = os.RemoveAll(dir) }() // the system's folder for such things
	before, after := filepath.Join(dir, "before.wasm"), filepath.Join(dir, "after.wasm")
	if os.WriteFile(before, module, 0o600) != nil {
		return module, 0
	}
	args := append([]string{"wasm-opt", "-O3", before, "-o", after}, features...)
	if _, err := (tool{dir: dir, args: args}).output(ctx); err != nil {
		return module, 0
	}
	smaller, err := ReadModule(after)
	if err != nil || len(smaller) >= len(module) {
		return module, 0
	}
	was, err := Inspect(ctx, file, module, config)
	if err != nil {
		return module, 0
	}
	is, err := Inspect(ctx, file, smaller, config)
	if err != nil || (is.Refusal != "") != (was.Refusal != "") {
		return module, 0
	}
	return smaller, len(module) - len(smaller)
}
