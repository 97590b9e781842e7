package plugintest

import (
	"embed"
	"strings"
	"testing"
)

// The fixtures are written in the text format and committed in both.
//
//go:generate sh testdata/build.sh testdata

//go:embed testdata/*.wasm testdata/*.wat
var fixtures embed.FS

// Fixture returns the module that testdata/<name>.wat describes.
func Fixture(tb testing.TB, name string) []byte {
	tb.Helper()
	module, err := fixtures.ReadFile("testdata/" + name + ".wasm")
	if err != nil {
		tb.Fatalf("no fixture %q: %v", name, err)
	}
	return module
}

// Fixtures returns the names of all fixtures.
func Fixtures(tb testing.TB) []string {
	tb.Helper()
	entries, err := fixtures.ReadDir("testdata")
	if err != nil {
		tb.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".wat"); ok {
			names = append(names, name)
		}
	}
	return names
}
