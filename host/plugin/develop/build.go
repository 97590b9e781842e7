package develop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// BuildOptions say what to build, and how.
type BuildOptions struct {
	// Dir is the project's folder.
	Dir string
	// Language is that of the project; empty: as DetectLanguage says.
	Language Language
	// Out is the file to write; empty: build/<the folder's name>.wasm in Dir.
	Out string
	// Optimise says when wasm-opt runs, if it is there; what it makes is taken
	// where it is smaller.
	Optimise Optimise
	// Config is what the plugin's settings are while it is looked at, a JSON
	// object; nil reads as {}.
	Config json.RawMessage
	// Output takes what compilers say.
	Output io.Writer
	// quick prefers a compiler that is soon done to a module that is small and
	// fast.
	quick bool
}

// Built is what came of a build.
type Built struct {
	File     string
	Language Language
	Took     time.Duration
	// Saved is how many bytes wasm-opt took away.
	Saved      int
	Inspection *Inspection
}

// Write prints it for people.
func (b *Built) Write(w io.Writer) error {
	saved := ""
	if b.Saved > 0 {
		saved = fmt.Sprintf(", wasm-opt saved %s", byteCount(b.Saved))
	}
	if _, err := fmt.Fprintf(w, "%s  %s%s, %s, %s\n", b.File, byteCount(b.Inspection.Bytes), saved, b.Language, b.Took.Round(10*time.Millisecond)); err != nil {
		return err
	}
	if b.Inspection.Refusal != "" {
		return nil
	}
	_, err := fmt.Fprintf(w, "plugin %s\n", b.Inspection.Name)
	for _, entry := range registered(b.Inspection.Registration) {
		_, err2 := fmt.Fprintf(w, "  %-12s %s\n", entry.kind, entry.names)
		err = errors.Join(err, err2)
	}
	return err
}

// Build compiles a project into a plugin's file, which is written whole or not
// at all, and looks at it as Inspect does. A module that no host would load is
// written all the same; see Inspection.Refusal.
func Build(ctx context.Context, o BuildOptions) (*Built, error) {
	start := time.Now()
	module, b, err := compile(ctx, &o)
	if err != nil {
		return nil, err
	}
	if o.Optimise == OptimiseAlways || o.Optimise == OptimiseAuto && b.Language != Go {
		module, b.Saved = optimise(ctx, module, b.File, o.Config)
	}
	if b.Inspection, err = Inspect(ctx, b.File, module, o.Config); err != nil {
		return nil, fmt.Errorf("the compiler made what is no plugin: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(b.File), 0o777); err != nil { // as the umask says, like any compiler
		return nil, fmt.Errorf("%s cannot be written (-o names another place): %w", b.File, err)
	}
	b.Took = time.Since(start)
	if err := writeWhole(b.File, module); err != nil {
		return nil, fmt.Errorf("%s cannot be written (-o names another place): %w", b.File, err)
	}
	return b, nil
}

// compile returns the module that the compiler makes of a project.
func compile(ctx context.Context, o *BuildOptions) ([]byte, *Built, error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, nil, err
	}
	if o.Language == "" {
		if o.Language, err = DetectLanguage(dir); err != nil {
			return nil, nil, err
		}
	}
	if err := checkProject(dir, o.Language); err != nil {
		return nil, nil, err
	}
	if o.Output == nil {
		o.Output = io.Discard
	}
	b := &Built{File: o.Out, Language: o.Language}
	if b.File == "" {
		b.File = filepath.Join(o.Dir, "build", filepath.Base(dir)+".wasm")
	}
	if !strings.HasSuffix(b.File, ".wasm") {
		return nil, nil, refused(fmt.Errorf("%s does not end in .wasm: a host would not load it", b.File))
	}
	scratch, err := os.MkdirTemp("", "mesh-host-build-")
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = os.RemoveAll(scratch) }() // the system's folder for such things
	target := filepath.Join(scratch, "plugin.wasm")
	switch o.Language {
	case Go:
		err = compileGo(ctx, dir, target, o.Output)
	case TinyGo:
		err = compileTinyGo(ctx, dir, target, o.Output)
	case Rust:
		target, err = compileRust(ctx, dir, o.quick, o.Output)
	case AssemblyScript:
		err = compileAssemblyScript(ctx, dir, target, o.Output)
	default:
		_, err = ParseLanguage(string(o.Language))
	}
	if err != nil {
		return nil, nil, err
	}
	module, err := ReadModule(target)
	return module, b, err
}

// writeWhole writes a file that is there whole or not at all, also for who
// watches its folder.
func writeWhole(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // err says what is wrong
	}
	return err
}

func compileGo(ctx context.Context, dir, target string, out io.Writer) error {
	if !onPath("go") {
		return missing("go is not on the path; install Go 1.24 or newer")
	}
	args := []string{"go", "build", "-trimpath", "-buildvcs=false", "-buildmode=c-shared", "-ldflags=-s -w", "-o", target}
	if isFresh(dir) {
		args = append(args, "-mod=mod")
	}
	return tool{
		dir: dir, out: out, env: []string{"GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOWORK=off"},
		args: append(args, "."),
	}.run(ctx)
}

// isFresh reports whether a Go project's dependencies were never fetched: then
// go.sum is to be made, as go mod tidy would.
func isFresh(dir string) bool {
	for _, name := range []string{"go.sum", "vendor"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return false
		}
	}
	return true
}

func compileTinyGo(ctx context.Context, dir, target string, out io.Writer) error {
	if !onPath("tinygo") {
		return missing("tinygo is not on the path; install TinyGo 0.34 or newer, or build with --lang go")
	}
	return tool{
		dir: dir, out: out, env: []string{"GOWORK=off"},
		args: []string{"tinygo", "build", "-target=wasip1", "-buildmode=c-shared", "-scheduler=none", "-opt=2", "-no-debug", "-o", target, "."},
	}.run(ctx)
}
