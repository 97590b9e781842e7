package develop_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/host/plugin/develop"
)

// testCommands are what a project's README says about its tests.
var testCommands = map[develop.Language][]string{
	develop.Go:   {"go", "test", "./..."},
	develop.Rust: {"cargo", "test", "--offline"},
}

// TestNewcomer makes a project, runs its tests, builds it and runs its cases.
func TestNewcomer(t *testing.T) {
	t.Parallel()
	for _, l := range []develop.Language{develop.Go} { // e2e has the others
		t.Run(string(l), func(t *testing.T) {
			t.Parallel()
			dir := project(t, l)
			command := exec.CommandContext(t.Context(), testCommands[l][0], testCommands[l][1:]...)
			command.Dir = dir
			if said, err := command.CombinedOutput(); err != nil {
				t.Fatalf("the project's own tests: %v\n%s", err, said)
			}
			module := build(t, dir)
			cases, err := develop.ReadCases(filepath.Join(dir, "cases.json"))
			if err != nil {
				t.Fatal(err)
			}
			results, err := develop.Test(t.Context(), cases, develop.TestOptions{File: "hello.wasm", Module: module})
			if err != nil || len(results) != len(cases.Cases) {
				t.Fatal(results, err)
			}
			for _, r := range results {
				if !r.OK {
					t.Errorf("%s: %s", r.Name, strings.Join(r.Differences, "; "))
				}
			}
		})
	}
}

func TestTemplatesOfAllLanguages(t *testing.T) {
	t.Parallel()
	for _, l := range develop.Languages {
		dir := project(t, l)
		found, err := develop.DetectLanguage(dir)
		if err != nil || found != l {
			t.Errorf("%s is detected as %s, %v", l, found, err)
		}
		for _, name := range []string{"README.md", ".gitignore", "config.toml", "cases.json"} {
			text, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil || strings.Contains(string(text), "{{") || strings.Contains(string(text), "<no value>") {
				t.Errorf("%s: %s: %v\n%s", l, name, err, text)
			}
		}
		if _, err := develop.ReadCases(filepath.Join(dir, "cases.json")); err != nil {
			t.Errorf("%s: %v", l, err)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "mine"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	checkout, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	quoted := filepath.Join(t.TempDir(), "a\" }, b = { \"")
	if err := os.Symlink(checkout, quoted); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, dir, want string
		language        develop.Language
		kit             develop.KitSource
	}{
		{"", "", "say what the plugin is called", develop.Go, kits()},
		{"Hello", "", "lower-case letters", develop.Go, kits()},
		{"../x", "", "lower-case letters", develop.Go, kits()},
		{"1st", "", "lower-case letters", develop.Go, kits()},
		{"x-", "", "lower-case letters", develop.Go, kits()},
		{strings.Repeat("x", 65), "", "lower-case letters", develop.Go, kits()},
		{"defaults", "", "is a key of the configuration", develop.Go, kits()},
		{"hello", "", "unknown language", "cobol", kits()},
		{"hello", full, "not empty", develop.Go, kits()},
		{"hello", "", "--kit: there is no kit for rust in", develop.Rust, develop.KitSource{Path: full}},
		{"hello", "", "cannot name a path with", develop.Rust, develop.KitSource{Path: quoted}},
		{"hello", "", "--kit /path/to/mesh-host, or MESH_KITS=", develop.Go, develop.KitSource{Version: "(devel)", From: []string{full}}},
	} {
		dir := test.dir
		if dir == "" {
			dir = filepath.Join(t.TempDir(), "new")
		}
		_, err := develop.New(develop.NewOptions{Name: test.name, Language: test.language, Dir: dir, Kit: test.kit})
		var refused *develop.UsageError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: got %v, want %q", test.name, err, test.want)
		}
		if _, err := os.Stat(filepath.Join(dir, "README.md")); err == nil {
			t.Errorf("%q: something was written", test.name)
		}
	}
}

func TestWhereKitsComeFrom(t *testing.T) {
	t.Parallel()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		kit  develop.KitSource
		want string
	}{
		{"a release", develop.KitSource{Version: "v1.2.3", From: []string{here}}, "pdk/go v1.2.3\n"},
		{"a release without v", develop.KitSource{Version: "1.2.3-rc.1"}, "pdk/go v1.2.3-rc.1\n"},
		{"a build of a commit", develop.KitSource{Version: "v0.0.0-20260102030405-0123456789ab", From: []string{here}}, "replace "},
		{"a build with changes", develop.KitSource{Version: "v1.2.3+dirty", From: []string{here}}, "replace "},
		{"the kit's own folder", develop.KitSource{Path: "../../../pdk/go"}, "/pdk/go\n"},
	} {
		text := dependencies(t, develop.Go, test.kit)
		if !strings.Contains(text, test.want) {
			t.Errorf("%s: want %q in\n%s", test.name, test.want, text)
		}
	}
}

// dependencies is the text of the file in which a new project names its kit.
func dependencies(t *testing.T, l develop.Language, kit develop.KitSource) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "hello")
	if _, err := develop.New(develop.NewOptions{Name: "hello", Language: l, Dir: dir, Kit: kit}); err != nil {
		t.Fatal(err)
	}
	file := map[develop.Language]string{develop.Go: "go.mod", develop.TinyGo: "go.mod", develop.Rust: "Cargo.toml", develop.AssemblyScript: "package.json"}[l]
	text, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A release names its kits by its version, as each language's tools read it.
func TestReleasesNameTheirVersion(t *testing.T) {
	t.Parallel()
	for l, want := range map[develop.Language]string{
		develop.Go:             "\nrequire github.com/mesh-host/mesh-host/pdk/go v1.2.3-rc.1\n",
		develop.TinyGo:         "\nrequire github.com/mesh-host/mesh-host/pdk/go v1.2.3-rc.1\n",
		develop.Rust:           "\nmesh-pdk = \"1.2.3-rc.1\"\n",
		develop.AssemblyScript: "\n    \"@mesh-host/as-pdk\": \"1.2.3-rc.1\"\n",
	} {
		text := dependencies(t, l, develop.KitSource{Version: "v1.2.3-rc.1"})
		if !strings.Contains(text, want) || strings.Contains(text, "replace") || strings.Contains(text, "path =") || strings.Contains(text, "file:") {
			t.Errorf("%s: want %q, and no folder, in\n%s", l, want, text)
		}
	}
}
