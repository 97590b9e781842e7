package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/host"
	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
)

// callPlugin runs mesh-host plugin.
func callPlugin(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = run(append([]string{"plugin"}, args...), strings.NewReader(""), &out, &err)
	return code, out.String(), err.String()
}

// fixture writes a plugin's file and returns its path.
func fixture(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name+".wasm")
	if err := os.WriteFile(path, plugintest.Fixture(t, name), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func casesFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cases.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPluginExitCodes(t *testing.T) {
	t.Parallel()
	echo, puppet := fixture(t, "echo"), fixture(t, "puppet")
	rubbish := casesFile(t, "rubbish")
	right := casesFile(t, `{"cases":[{"name":"echoes","command":"echo","payload":1,"reply":1}]}`)
	wrong := casesFile(t, `{"cases":[{"name":"echoes","command":"echo","payload":1,"reply":2}]}`)
	for _, c := range []struct {
		name           string
		args           []string
		code           int
		stdout, stderr string // parts; "" is none
	}{
		{"help", nil, 0, "plugin dev .", ""},
		{"help of test", []string{"test", "--help"}, 0, "any further members", ""},
		{"new without a name", []string{"new", "--lang", "go"}, 2, "", "say what the plugin is called"},
		{"new without a language", []string{"new", "hello"}, 2, "", "--lang rust|go|tinygo|assemblyscript"},
		{"new in an unknown language", []string{"new", "--lang", "cobol", "hello"}, 2, "", `unknown language "cobol"`},
		{"new with a bad name", []string{"new", "--lang", "go", "Hello"}, 2, "", "lower-case letters"},
		{"new without a kit", []string{"new", "--lang", "go", "--kit", t.TempDir(), "hello"}, 2, "", "there is no kit for go"},
		{"build of nothing", []string{"build", t.TempDir()}, 2, "", "has no go.mod, Cargo.toml or asconfig.json"},
		{"build of no folder", []string{"build", echo}, 2, "", "is no folder"},
		{"a tool mistyped", []string{"nwe"}, 2, "", "did you mean new?"},
		{"a tool that is none", []string{"frobnicate"}, 2, "", `there is no "frobnicate"`},
		{"build of a folder that is not there", []string{"build", "/nowhere"}, 2, "", "there is no folder /nowhere"},
		{"dev of a folder that is not there", []string{"dev", "/nowhere", "--config", ""}, 2, "", "there is no folder /nowhere"},
		{"build in the wrong language", []string{"build", "--lang", "rust", t.TempDir()}, 2, "", "has no Cargo.toml"},
		{"test without cases", []string{"test", echo}, 2, "", "name the .wasm file and the file of cases"},
		{"test of cases that are not there", []string{"test", echo, "/nowhere.json"}, 2, "", "the file of cases: open /nowhere.json"},
		{"inspect without a file", []string{"inspect"}, 2, "", "name one .wasm file"},
		{"bench of errors", []string{"bench", fixture(t, "puppet"), "--config", `{"commands":[{"name":"fail","handler":4}]}`, "--duration", "20ms"}, 1, "ERRORS", "--payload"},
		{"build with a bad flag", []string{"build", "--optimise", "x"}, 2, "", "--optimise"},
		{"inspect", []string{"inspect", echo}, 0, "commands", ""},
		{"inspect what is refused", []string{"inspect", "--config", `{"error":"no word"}`, puppet}, 1, "REFUSED", "no word"},
		{"inspect rubbish", []string{"inspect", rubbish}, 1, "", "no WebAssembly module"},
		{"inspect nothing", []string{"inspect", "/nowhere/x.wasm"}, 1, "", "/nowhere/x.wasm"},
		{"inspect with bad settings", []string{"inspect", "--config", "[]", echo}, 2, "", "no JSON object"},
		{"test", []string{"test", echo, right}, 0, "ok     echoes", ""},
		{"test that fails", []string{"test", echo, wrong}, 1, "reply: want 2, got 1", "1 of 1 cases failed"},
		{"test of rubbish cases", []string{"test", echo, rubbish}, 2, "", "line 1"},
		{"bench", []string{"bench", echo, "--duration", "20ms", "--command", "echo"}, 0, "latency", ""},
		{"bench of nothing", []string{"bench", echo, "--command", "x"}, 2, "", `no command "x"`},
		{"dev of nothing", []string{"dev", t.TempDir(), "--config", ""}, 2, "", "has no go.mod"},
		{"list where no one is", []string{"list", "--config", "", "--address", "127.0.0.1:1"}, 3, "", "cannot be reached"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := callPlugin(c.args...)
			if code != c.code || !strings.Contains(stdout, c.stdout) || (c.stdout == "") != (stdout == "") ||
				!strings.Contains(stderr, c.stderr) || (c.stderr == "") != (stderr == "") {
				t.Errorf("exit code %d, stdout %q, stderr %q, want %d, %q, %q", code, stdout, stderr, c.code, c.stdout, c.stderr)
			}
		})
	}
}

func TestPluginTestUpdates(t *testing.T) {
	t.Parallel()
	echo := fixture(t, "echo")
	cases := casesFile(t, `{"cases":[{"name":"echoes","command":"echo","payload":1,"reply":2}]}`)
	if code, _, stderr := callPlugin("test", "--update", echo, cases); code != 0 {
		t.Error(code, stderr)
	}
	if code, stdout, _ := callPlugin("test", "--json", echo, cases); code != 0 || !json.Valid([]byte(stdout)) {
		t.Error(code, stdout)
	}
}

func TestPluginNewAndInspectJSON(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "hello")
	code, stdout, stderr := callPlugin("new", "--lang", "tinygo", "--kit", "../..", "--dir", dir, "hello")
	if code != 0 || !strings.Contains(stdout, "mesh-host plugin build") {
		t.Error(code, stdout, stderr)
	}
	code, stdout, stderr = callPlugin("inspect", "--json", fixture(t, "echo"))
	var found struct{ Format, Name string }
	if err := json.Unmarshal([]byte(stdout), &found); code != 0 || err != nil || found.Format != "mesh" || found.Name != "echo" {
		t.Error(code, stdout, stderr, err)
	}
}

// TestPluginsOfAServer lists and reloads those of a running server.
func TestPluginsOfAServer(t *testing.T) {
	t.Parallel()
	config := host.Default()
	config.Listen, config.Admin.Listen, config.Plugins.CacheDir = "127.0.0.1:0", "127.0.0.1:0", host.CacheOff
	config.Plugins.Dir = filepath.Dir(fixture(t, "echo"))
	if err := os.WriteFile(filepath.Join(config.Plugins.Dir, "bad.wasm"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	server, err := host.New(config, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	defer func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	select {
	case <-server.Ready():
	case err := <-done:
		done <- err
		t.Fatal(err)
	}
	at := []string{"--config", "", "--address", server.AdminAddr().String()}
	code, stdout, stderr := callPlugin(append([]string{"list"}, at...)...)
	if code != 0 || !strings.Contains(stdout, "echo.wasm") || !strings.Contains(stdout, " native ") || !strings.Contains(stdout, "bad.wasm: ") || !strings.Contains(stdout, "not loaded") {
		t.Error(code, stdout, stderr)
	}
	code, stdout, stderr = callPlugin(append([]string{"list", "--json"}, at...)...)
	if code != 0 || !json.Valid([]byte(stdout)) {
		t.Error(code, stdout, stderr)
	}
	if code, stdout, stderr = callPlugin(append([]string{"reload", "echo"}, at...)...); code != 0 || !strings.HasPrefix(stdout, "echo serves version ") {
		t.Error(code, stdout, stderr)
	}
	if code, _, stderr = callPlugin(append([]string{"reload", "nobody"}, at...)...); code != 1 || !strings.Contains(stderr, "ENOTFOUND") {
		t.Error(code, stderr)
	}
}
