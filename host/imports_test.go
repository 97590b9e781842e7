package host_test

import (
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The import rules of ARCHITECTURE.md. A new edge changes a table here, and
// the commit says why. Test files are free, save those of the kits.

const module = "github.com/mesh-host/mesh-host"

// mayImport lists, for every package of the module, the packages of the module
// that it may import. "x/..." stands for x and what is below it.
var mayImport = map[string][]string{
	"abi":              {},
	"abi/internal/gen": {},

	"client/go": {}, // programs import it, and not the server with it

	"host/protocol":   {"abi"},
	"host/capability": {"abi", "host/protocol"},
	"host/operation":  {"abi", "host/capability", "host/protocol"}, // a caller says where it may send requests to
	"host/record":     {"abi", "host/protocol"},

	"host/backplane":                 {},
	"host/backplane/memory":          {"host/backplane"},
	"host/backplane/journal":         {"host/backplane", "host/backplane/memory"},
	"host/backplane/redis":           {"host/backplane"},
	"host/backplane/redis/redistest": {},
	"host/backplane/backplanetest":   {"host/backplane"},
	"host/hub":                       {"abi", "host/protocol"},
	"host/hub/hubtest":               {"host/hub"},
	"host/exposure":                  {"host/hub", "host/protocol"},
	"host/engine":                    {"abi", "host/backplane", "host/exposure", "host/hub", "host/operation", "host/protocol", "host/record"},
	"host/command":                   {"abi", "host/backplane", "host/engine", "host/exposure", "host/hub", "host/protocol"},
	"host/plugin/guest":              {"abi", "host/capability", "host/operation", "host/protocol"},
	"host/plugin/wasm":               {"abi", "host/capability", "host/operation", "host/plugin/guest", "host/plugin/wasm/meter", "host/plugin/wasm/section", "host/protocol"},
	"host/plugin/wasm/meter":         {},
	"host/plugin/wasm/section":       {},
	"host/plugin/extism":             {"abi", "host/capability", "host/operation", "host/plugin/guest", "host/plugin/wasm", "host/plugin/wasm/meter", "host/plugin/wasm/section", "host/protocol"}, // shares pools and bounds
	"host/plugin":                    {"abi", "host/capability", "host/command", "host/engine", "host/exposure", "host/hub", "host/operation", "host/plugin/extism", "host/plugin/guest", "host/plugin/wasm", "host/protocol"},
	"host/plugin/plugintest":         {"abi", "host/backplane/memory", "host/capability", "host/command", "host/engine", "host/hub", "host/operation", "host/plugin/...", "host/protocol"},
	"host/plugin/develop":            {"abi", "host/..."}, // what authors of plugins need: a host in one process
	"host/outbound":                  {"abi", "host/capability", "host/operation", "host/protocol"},
	"host/transport":                 {"abi", "host/command", "host/hub", "host/protocol"},
	"host/transport/transporttest":   {"abi", "host/command", "host/hub", "host/protocol", "host/transport"},
	"host/admin":                     {"abi", "host/engine", "host/operation", "host/plugin", "host/plugin/guest", "host/protocol"}, // the counters of plugins,
	"host/demo":                      {},
	"host/static":                    {},
	"host":                           {"abi", "host/..."},
	"e2e/bench":                      {"abi", "host/..."},                                 // servers to compare with, in one process
	"cmd/mesh-host":                  {"abi", "client/go", "host", "host/plugin/develop"}, // call and tail are clients
}

// owners lists, for every third-party module that the server uses, the
// packages that may import it.
var owners = map[string][]string{
	"github.com/gobwas/ws":                {"host/transport", "e2e/bench"},
	"github.com/gobwas/httphead":          {"host/transport"},
	"github.com/coder/websocket":          {"client/go"},
	"github.com/tetratelabs/wazero":       {"host/plugin/..."},
	"github.com/extism/go-sdk":            {"host/plugin/extism"},
	"github.com/redis/go-redis/v9":        {"host/backplane/redis/..."},
	"go.etcd.io/bbolt":                    {"host/backplane/journal"},
	"github.com/fsnotify/fsnotify":        {"host/plugin", "host/plugin/develop"},
	"github.com/robfig/cron/v3":           {"host/plugin"},
	"github.com/wI2L/jsondiff":            {"host/record"},
	"github.com/prometheus/client_golang": {"host/admin"},
	"github.com/spf13/viper":              {"cmd/mesh-host"},
	"github.com/spf13/cobra":              {"cmd/mesh-host"},
	"github.com/spf13/pflag":              {"cmd/mesh-host"},
	"github.com/go-viper/mapstructure/v2": {"cmd/mesh-host"},
	"github.com/pelletier/go-toml/v2":     {"cmd/mesh-host"},
	"golang.org/x/net":                    {"host/outbound"},                                                    // what a header may be, as net/http itself checks it
	"golang.org/x/sys":                    {"cmd/mesh-host", "host/plugin/wasm", "host/transport", "e2e/bench"}, // cmd: whether a pipe has a reader
}

// matches reports whether a package is one of a list.
func matches(list []string, pkg string) bool {
	return slices.ContainsFunc(list, func(pattern string) bool {
		below, all := strings.CutSuffix(pattern, "/...")
		return pkg == below || all && strings.HasPrefix(pkg, below+"/")
	})
}

// check returns what is wrong with a package importing a path; "" is nothing.
func check(pkg, imported string) string {
	allowed, known := mayImport[pkg]
	switch inner, ours := strings.CutPrefix(imported, module+"/"); {
	case !known:
		return pkg + " is in no table: say in host/imports_test.go what it may import"
	case ours && !matches(allowed, inner):
		return fmt.Sprintf("%s may not import %s", pkg, inner)
	case ours || standard(imported):
		return ""
	}
	for owned, by := range owners {
		if imported == owned || strings.HasPrefix(imported, owned+"/") {
			if matches(by, pkg) {
				return ""
			}
			return fmt.Sprintf("%s may not import %s: it belongs to %s", pkg, imported, strings.Join(by, ", "))
		}
	}
	return fmt.Sprintf("%s imports %s, which has no owner", pkg, imported)
}

// standard reports whether an import path is the standard library's: the first
// part of any other is a domain.
func standard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".")
}

func TestImports(t *testing.T) {
	t.Parallel()
	problems := make(map[string]bool)
	for pkg, imports := range packages(t, "..") {
		for _, imported := range imports {
			problems[check(pkg, imported)] = true
		}
	}
	delete(problems, "")
	for _, problem := range slices.Sorted(maps.Keys(problems)) {
		t.Error(problem)
	}
}

// The kits and the examples are compiled into other people's plugins: they stand
// alone. What tests the built examples is the one suite for all plugins.
func TestKitsStandAlone(t *testing.T) {
	t.Parallel()
	for _, root := range []string{"../pdk", "../plugins"} {
		if _, err := os.Stat(root); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		for file, imports := range files(t, root, func(string) bool { return true }) {
			for _, imported := range imports {
				if imported == module+"/host/plugin/plugintest" && strings.HasSuffix(file, "_test.go") && path.Dir(file) == "examples" {
					continue
				}
				if strings.HasPrefix(imported, module+"/host") || strings.HasPrefix(imported, module+"/cmd") {
					t.Errorf("%s imports %s", file, imported)
				}
			}
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pkg, imported string
		ok            bool
	}{
		{"abi", "encoding/json", true},
		{"abi", module + "/host/protocol", false},
		{"host/protocol", module + "/abi", true},
		{"host/protocol", module + "/host/hub", false},
		{"host/hub", module + "/host/command", false},
		{"host/engine", module + "/host/backplane", true},
		{"host/engine", module + "/host/backplane/memory", false},
		{"host", module + "/host/backplane/memory", true},
		{"host/hub", module + "/host", false},
		{"host/transport", "github.com/gobwas/ws", true},
		{"host/transport", "github.com/gobwas/ws/wsutil", true},
		{"host/hub", "github.com/gobwas/ws", false},
		{"host/plugin/wasm", "github.com/tetratelabs/wazero/api", true},
		{"host/command", "github.com/tetratelabs/wazero/api", false},
		{"host", "github.com/spf13/viper", false},
		{"cmd/mesh-host", "github.com/spf13/viper", true},
		{"cmd/mesh-host", "github.com/unheard/of", false},
		{"cmd/mesh-host", "github.com/coder/websocket", false},
		{"client/go", "github.com/coder/websocket", true},
		{"client/go", module + "/abi", false},
		{"host/utils", "strings", false},
	} {
		if problem := check(c.pkg, c.imported); (problem == "") != c.ok {
			t.Errorf("%s imports %s: %q", c.pkg, c.imported, problem)
		}
	}
}

// packages returns the imports of the module's packages, test files left out.
func packages(t *testing.T, root string) map[string][]string {
	t.Helper()
	pkgs := make(map[string][]string)
	for file, imports := range files(t, root, func(dir string) bool {
		_, err := os.Stat(filepath.Join(dir, "go.mod"))
		return err != nil || dir == root // other modules are not ours
	}) {
		if !strings.HasSuffix(file, "_test.go") {
			pkg := path.Dir(file)
			pkgs[pkg] = append(pkgs[pkg], append(imports, "unsafe")...) // none at all is checked, too
		}
	}
	if len(pkgs) < 5 {
		t.Fatalf("found only %d packages under %s", len(pkgs), root)
	}
	return pkgs
}

// files returns the imports of every Go file below root, by its path from
// there.
func files(t *testing.T, root string, enter func(dir string) bool) map[string][]string {
	t.Helper()
	found := make(map[string][]string)
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != root && (passedOver(d.Name()) || !enter(name)):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(name) != ".go":
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		imports := make([]string, 0, len(file.Imports))
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			imports = append(imports, imported)
		}
		found[filepath.ToSlash(rel)] = imports
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// passedOver are the folders that the go command passes over, and what others
// build or install.
func passedOver(dir string) bool {
	switch dir {
	case "testdata", "vendor", "build", "node_modules", "target":
		return true
	}
	return strings.HasPrefix(dir, ".") || strings.HasPrefix(dir, "_")
}
