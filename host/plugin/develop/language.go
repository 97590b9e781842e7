package develop

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Language is what a plugin's project is written in and built by.
type Language string

// The languages that New and Build know.
const (
	Go             Language = "go"
	TinyGo         Language = "tinygo"
	Rust           Language = "rust"
	AssemblyScript Language = "assemblyscript"
)

// Languages are all of them.
var Languages = []Language{Rust, Go, TinyGo, AssemblyScript}

// ParseLanguage reads a language's name.
func ParseLanguage(name string) (Language, error) {
	names := make([]string, len(Languages))
	for i, l := range Languages {
		if names[i] = string(l); names[i] == name {
			return l, nil
		}
	}
	if name == "" {
		return "", refused(fmt.Errorf("say in which language: --lang %s", strings.Join(names, "|")))
	}
	return "", refused(fmt.Errorf("unknown language %q: it is one of %s", name, strings.Join(names, ", ")))
}

// tinyGoMark is the line of a go.mod by which a project is TinyGo's.
const tinyGoMark = "// mesh-host plugin build: tinygo"

// DetectLanguage finds the language of a project by its files.
func DetectLanguage(dir string) (Language, error) {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", refused(fmt.Errorf("there is no folder %s: name that of a project, or make one with `mesh-host plugin new`", dir))
	case err != nil:
		return "", err
	case !info.IsDir():
		return "", refused(fmt.Errorf("%s is no folder: name that of the project", dir))
	}
	var found []Language
	for _, sign := range projectSigns {
		if _, err := os.Stat(filepath.Join(dir, sign.file)); err == nil {
			found = append(found, sign.language)
		}
	}
	switch {
	case len(found) == 0:
		return "", refused(fmt.Errorf("%s has no go.mod, Cargo.toml or asconfig.json: is it the folder of a plugin? `mesh-host plugin new` makes one", dir))
	case len(found) > 1:
		return "", refused(fmt.Errorf("%s could be %s or %s: say which with --lang", dir, found[0], found[1]))
	case found[0] != Go:
		return found[0], nil
	}
	text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if strings.TrimSpace(line) == tinyGoMark {
			return TinyGo, nil
		}
	}
	return Go, nil
}

// projectSigns are the files by which projects are known.
var projectSigns = []struct {
	file     string
	language Language
}{{"Cargo.toml", Rust}, {"go.mod", Go}, {"asconfig.json", AssemblyScript}}

// checkProject refuses a folder that is no project of a language.
func checkProject(dir string, l Language) error {
	for _, sign := range projectSigns {
		if sign.language != l && (sign.language != Go || l != TinyGo) {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, sign.file)); errors.Is(err, fs.ErrNotExist) {
			return refused(fmt.Errorf("%s has no %s: it is no project in %s; without --lang the language is that of its files", dir, sign.file, l))
		}
	}
	return nil
}

// errNoToolchain wraps what says how to get a compiler.
var errNoToolchain = errors.New("the compiler is not there")

func missing(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errNoToolchain, fmt.Sprintf(format, args...))
}
