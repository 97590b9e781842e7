package develop

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const rustTarget = "wasm32-unknown-unknown"

// rustToolchain is a Cargo that can build for WebAssembly.
type rustToolchain struct {
	cargo string
	env   []string
	// offline says that it is too old for the registry that is usual today.
	offline bool
}

// findRust prefers the toolchain on the path, which projects expect, to the
// one that a Debian has beside it.
func findRust(ctx context.Context, dir string) (rustToolchain, error) {
	for _, folder := range []string{"", "/usr/bin/"} {
		cargo, rustc := folder+"cargo", folder+"rustc"
		if !onPath(cargo) || !onPath(rustc) || !hasRustTarget(ctx, dir, rustc) {
			continue
		}
		found := rustToolchain{cargo: cargo, env: []string{"RUSTC=" + rustc}, offline: isOldCargo(ctx, dir, cargo)}
		linker, ok := wasmLinker(ctx, dir, rustc)
		switch {
		case !ok:
			return rustToolchain{}, missing("%s has no linker for WebAssembly; install wasm-ld (Debian: apt-get install lld)", rustc)
		case linker != "":
			found.env = append(found.env, "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER="+linker)
		}
		return found, nil
	}
	return rustToolchain{}, missing("no Rust here builds for %s; install it with: rustup target add %s (Debian: apt-get install cargo libstd-rust-dev-wasm32 lld)", rustTarget, rustTarget)
}

// hasRustTarget reports whether a rustc has the standard library for
// WebAssembly.
func hasRustTarget(ctx context.Context, dir, rustc string) bool {
	lib, err := tool{dir: dir, args: []string{rustc, "--print", "target-libdir", "--target", rustTarget}}.output(ctx)
	if err != nil {
		return false
	}
	found, err := filepath.Glob(filepath.Join(lib, "libcore-*.rlib"))
	return err == nil && len(found) > 0
}

// isOldCargo reports whether a Cargo cannot read the registry's index as it is
// served today, and must do with what the project has: those before 1.68.
func isOldCargo(ctx context.Context, dir, cargo string) bool {
	text, err := tool{dir: dir, args: []string{cargo, "--version"}}.output(ctx)
	var major, minor int
	if _, scanned := fmt.Sscanf(text, "cargo %d.%d", &major, &minor); err != nil || scanned != nil {
		return false
	}
	return major == 1 && minor < 68
}

// wasmLinker finds a linker, "" where the compiler has one of its own. Debian
// names LLVM's by its version.
func wasmLinker(ctx context.Context, dir, rustc string) (linker string, ok bool) {
	root, err := tool{dir: dir, args: []string{rustc, "--print", "sysroot"}}.output(ctx)
	if err != nil {
		return "", false
	}
	if own, err := filepath.Glob(filepath.Join(root, "lib/rustlib/*/bin/rust-lld*")); err == nil && len(own) > 0 || onPath("rust-lld") {
		return "", true
	}
	if onPath("wasm-ld") {
		return "wasm-ld", true
	}
	for version := 30; version >= 11; version-- {
		if name := "wasm-ld-" + strconv.Itoa(version); onPath(name) {
			return name, true
		}
	}
	return "", false
}

// quickRust are the settings of a release build whose speed counts: without
// optimisation over crates, which takes ten times as long as all else. What was
// built with other settings is kept beside it.
var quickRust = []string{"CARGO_PROFILE_RELEASE_LTO=off", "CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16"}

// compileRust returns the file that Cargo has written.
func compileRust(ctx context.Context, dir string, quick bool, out io.Writer) (string, error) {
	rust, err := findRust(ctx, dir)
	if err != nil {
		return "", err
	}
	args := []string{rust.cargo, "build", "--release", "--target", rustTarget, "--message-format", "json-render-diagnostics"}
	if rust.offline {
		args = append(args, "--offline")
	}
	if quick {
		rust.env = append(rust.env, quickRust...)
	}
	var messages bytes.Buffer
	if err := (tool{dir: dir, env: rust.env, args: args, out: out, stdout: &messages}).run(ctx); err != nil {
		return "", err
	}
	return rustArtifact(messages.Bytes(), dir)
}

// rustArtifact finds the module among Cargo's messages, a JSON object a line.
func rustArtifact(messages []byte, dir string) (string, error) {
	var found []string
	for line := range bytes.Lines(messages) {
		var m struct {
			Reason       string   `json:"reason"`
			ManifestPath string   `json:"manifest_path"`
			Filenames    []string `json:"filenames"`
			Target       struct {
				Kind []string `json:"kind"`
			} `json:"target"`
		}
		if json.Unmarshal(line, &m) != nil || m.Reason != "compiler-artifact" || !slices.Contains(m.Target.Kind, "cdylib") {
			continue
		}
		for _, file := range m.Filenames {
			if strings.HasSuffix(file, ".wasm") {
				found = append(found, file)
			}
		}
	}
	switch len(found) {
	case 0:
		return "", errors.New(`no module was built: Cargo.toml needs [lib] crate-type = ["cdylib"]`)
	case 1:
		return found[0], nil
	}
	return "", errors.New("several modules were built: build one of the packages, in its own folder under " + dir)
}
