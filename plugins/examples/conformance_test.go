package examples_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
)

// The script that builds, seen from here, and how its names of this plugin begin.
const (
	builder = "../../scripts/build-plugins"
	ours    = "conformance/"
)

// TestConformance runs the one suite on the plugin as every language has it: a
// build that fails is a failure here. TinyGo is no compiler that a package of
// Debian or of another registry brings, so where there is none its build, the
// same source as Go's, is left out, which scripts/test says again at its end.
func TestConformance(t *testing.T) {
	t.Parallel()
	list, err := exec.CommandContext(t.Context(), builder, "--list").Output()
	if err != nil {
		t.Fatalf("%s --list: %v", builder, err)
	}
	var names []string
	for name := range strings.FieldsSeq(string(list)) {
		if strings.HasPrefix(name, ours) {
			names = append(names, strings.TrimPrefix(name, ours))
		}
	}
	if !slices.Contains(names, "go") || !slices.Contains(names, "tinygo") {
		t.Fatalf("the languages are %q", names)
	}
	for _, language := range names {
		if _, err := exec.LookPath("tinygo"); err != nil && language == "tinygo" {
			t.Log("LEFT OUT: the build by TinyGo, since tinygo is not on the path")
			continue
		}
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(built, build(t, language))
			module, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			plugintest.Run(t, module, plugintest.WithConfig(`{"tokens":{"t1":"ann"},"ü":[1.50,null]}`))
		})
	}
}

// build builds a language's plugin and returns the file in the folder built.
func build(tb testing.TB, language string) string {
	tb.Helper()
	name := ours + language
	if out, err := exec.CommandContext(tb.Context(), builder, "--out", built, name).CombinedOutput(); err != nil {
		tb.Fatalf("it is built by scripts/build-plugins %s, after scripts/setup-toolchains: %v\n%s", name, err, out)
	}
	return "conformance-" + language + ".wasm"
}

// TestConformanceImports: a module imports what it calls, and all of it is there.
func TestConformanceImports(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"conformance-go.wasm", "conformance-rust.wasm"} {
		checkImports(t, file)
	}
}

func checkImports(t *testing.T, file string) {
	t.Helper()
	p := compile(t, file, true, configured("{}"))
	imports := []string{abi.ImportTake}
	for _, o := range abi.Operations {
		if o.Door != abi.DoorOperator {
			imports = append(imports, o.Name)
		}
	}
	slices.Sort(imports)
	if got := p.needs(); !slices.Equal(got, imports) {
		t.Errorf("%s imports %q, want %q", file, got, imports)
	}
	checkCapabilities(t, p, p.instantiate(t).registration(t))
}
