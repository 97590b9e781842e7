package examples_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/version"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// What a machine without TinyGo can see of the sources that it is to build: the Go
// kit and the Go examples. Where there is a TinyGo, TestConformance builds with it
// and runs what comes out.

// importable are the packages of the standard library that these sources may use:
// of those that tinygo.org/docs/reference/lang-support/stdlib says can be imported,
// the ones that work without goroutines and do not lean on reflection, which TinyGo
// has in part and which makes plugins large.
var importable = []string{
	"bytes", "cmp", "encoding/base64", "encoding/binary", "encoding/hex", "errors", "io", "iter", "maps", "math", "math/bits",
	"slices", "sort", "strconv", "strings", "time", "unicode", "unicode/utf16", "unicode/utf8", "unsafe",
}

// newest is the newest version of the language that the oldest TinyGo knows which
// the kit's README asks for, 0.34.
const newest = "go1.23"

// unknown are functions of importable packages that TinyGo lacks or ignores, or
// that need its scheduler, which plugins are built without.
var unknown = []string{"iter.Pull", "iter.Pull2", "runtime.SetFinalizer", "runtime.AddCleanup", "time.Sleep", "time.AfterFunc", "time.NewTicker"}

func TestSourcesForTinyGo(t *testing.T) {
	t.Parallel()
	folders, err := filepath.Glob("*/go")
	if err != nil || len(folders) == 0 {
		t.Fatalf("there are no Go examples: %v", err)
	}
	for _, folder := range append(folders, filepath.Join("..", "..", "pdk", "go")) {
		t.Run(folder, func(t *testing.T) {
			t.Parallel()
			vet := tinyCommand(t, folder, "vet", "-tags=tinygo", ".")
			if out, err := vet.CombinedOutput(); err != nil {
				t.Errorf("with the tag tinygo: %v\n%s", err, out)
			}
			for _, p := range tinyPackages(t, folder) {
				if p.Module == nil || version.Compare("go"+p.Module.GoVersion, newest) > 0 {
					t.Errorf("%s: its go.mod asks for more than %s", p.ImportPath, newest)
				}
				for _, name := range p.GoFiles {
					text, err := os.ReadFile(filepath.Join(p.Dir, name))
					if err != nil {
						t.Fatal(err)
					}
					for _, problem := range lackingIn(t, name, string(text)) {
						t.Errorf("%s: %s", p.ImportPath, problem)
					}
				}
			}
		})
	}
}

func tinyCommand(t *testing.T, folder string, arguments ...string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), "go", arguments...)
	c.Dir = folder
	c.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOWORK=off")
	return c
}

// tinyPackage is what is of interest in what go list says.
type tinyPackage struct {
	Dir, ImportPath string
	Standard        bool
	GoFiles         []string
	Module          *struct{ GoVersion string }
}

// tinyPackages are the packages that make a plugin, those of the project.
func tinyPackages(t *testing.T, folder string) (list []tinyPackage) {
	t.Helper()
	out, err := tinyCommand(t, folder, "list", "-deps", "-json=Dir,ImportPath,Standard,GoFiles,Module", "-tags=tinygo", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p tinyPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if !p.Standard {
			list = append(list, p)
		}
	}
	if len(list) == 0 {
		t.Fatal("there are no packages")
	}
	return list
}

// lackingIn names what a source file uses that TinyGo, as plugins are built, lacks.
func lackingIn(t *testing.T, name, text string) (problems []string) {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	found := func(at ast.Node, what string) {
		problems = append(problems, fmt.Sprintf("%s: %s", files.Position(at.Pos()), what))
	}
	for _, i := range file.Imports {
		path, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(path, ".") && !slices.Contains(importable, path) {
			found(i, "imports "+path)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			found(n, "a go statement, which -scheduler=none refuses")
		case *ast.SelectStmt, *ast.SendStmt, *ast.ChanType:
			found(n, "a channel, which waits for nobody without a scheduler")
		case *ast.CallExpr:
			if called, ok := n.Fun.(*ast.Ident); ok && called.Name == "recover" {
				found(n, "recover, which WebAssembly has not in every TinyGo")
			}
		case *ast.SelectorExpr:
			if of, ok := n.X.(*ast.Ident); ok && slices.Contains(unknown, of.Name+"."+n.Sel.Name) {
				found(n, of.Name+"."+n.Sel.Name)
			}
		}
		return true
	})
	return problems
}

// TestWhatTinyGoLacksIsFound: each of these lines is a problem.
func TestWhatTinyGoLacksIsFound(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		`import "net/http"`, `import "reflect"`, `import "encoding/json"`, `import "sync"`,
		`func f() { go f() }`, `var c chan int`, `func f() { select {} }`, `func f() { defer func() { recover() }() }`,
		`import "iter"; var _ = iter.Pull[int]`, `import "time"; func f() { time.Sleep(1) }`,
	} {
		if got := lackingIn(t, "x.go", "package x; "+line); len(got) != 1 {
			t.Errorf("%s: found %q", line, got)
		}
	}
	const fine = `package x; import ("strings"; "example.com/y"); func f() { strings.Clone(y.Z); panic("") }`
	if got := lackingIn(t, "x.go", fine); got != nil {
		t.Errorf("found %q", got)
	}
}
