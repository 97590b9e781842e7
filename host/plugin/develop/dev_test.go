package develop_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/host"
	"github.com/mesh-host/mesh-host/host/plugin/develop"
	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
)

// TestDev follows a project: a change is swapped in, a build that fails is
// not, and the end is an end.
func TestDev(t *testing.T) {
	t.Parallel()
	dir := project(t, develop.Go)
	config := host.Default()
	config.Listen, config.Admin.Listen, config.Plugins.CacheDir = "127.0.0.1:0", "127.0.0.1:0", host.CacheOff
	var said output
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done := make(chan error, 1)
	var logged output
	others := t.TempDir()
	go func() {
		done <- develop.Dev(ctx, develop.DevOptions{
			Dir: dir, Others: others, Host: config, Log: slog.New(slog.NewTextHandler(&logged, nil)), Output: &said,
		})
	}()
	said.waitFor(t, "watching ", 1)
	if !strings.Contains(said.String(), "plugin hello: hello/greet") {
		t.Fatal(said.String())
	}
	main := filepath.Join(dir, "main.go")
	source, err := os.ReadFile(main)
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		if err := os.WriteFile(main, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(others, "echo.wasm"), plugintest.Fixture(t, "echo"), 0o600); err != nil {
		t.Fatal(err)
	}
	logged.waitFor(t, "file=echo.wasm", 1)
	write(strings.ReplaceAll(string(source), `"Hello"`, `"Hallo"`))
	said.waitFor(t, "swapped ", 1)
	write(string(source) + "\nthis is no Go")
	said.waitFor(t, "NOT BUILT", 1)
	said.waitFor(t, "syntax error", 1)
	write(strings.ReplaceAll(string(source), `p.Name("hello")`, `return mesh.Denied("not today")`))
	said.waitFor(t, "NOT LOADED", 1)
	write(string(source))
	said.waitFor(t, "swapped ", 2)
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
