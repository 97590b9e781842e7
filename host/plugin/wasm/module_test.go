package wasm_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/host/plugin/guest"
	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
	"github.com/mesh-host/mesh-host/host/plugin/wasm"
)

func TestCompileRefuses(t *testing.T) {
	t.Parallel()
	h := newHost(t, "{}")
	for _, c := range []struct{ fixture, want string }{
		{"no-version", "does not export mesh_abi_1"},
		{"no-alloc", "does not export mesh_alloc"},
		{"no-register", "does not export mesh_register"},
		{"no-call", "does not export mesh_call"},
		{"no-memory", "does not export memory"},
		{"wrong-signature", "exports mesh_call as (i32, i32) → (i64), not as (i32, i32, i32) → (i64)"},
		{"abi-2", "ABI 2 is newer than this host, which speaks ABI 1"},
		{"unknown-import", `imports what this host does not have: "mesh.teleport", "env.abort"`},
		{"import-signature", "imports mesh.log as (i32) → (i64), not as (i32, i32) → (i64)"},
		{"imports-memory", "imports its memory"},
		{"table-minimum", "table of 100000000 entries, over the limit of 262144"},
	} {
		t.Run(c.fixture, func(t *testing.T) {
			t.Parallel()
			_, err := h.Compile(context.Background(), plugintest.Fixture(t, c.fixture), 0)
			if err == nil {
				t.Fatal("compiles")
			}
			mustContain(t, err.Error(), c.want)
		})
	}
}

func TestCompileRefusesWhatIsNoModule(t *testing.T) {
	t.Parallel()
	h := newHost(t, "{}")
	echo := plugintest.Fixture(t, "echo")
	for name, module := range map[string][]byte{
		"empty":     nil,
		"text":      []byte("this is not WebAssembly"),
		"header":    echo[:8],
		"cut":       echo[:len(echo)/2],
		"one byte":  echo[:1],
		"section":   append(echo[:8:8], 4),
		"big table": append(echo[:8:8], 4, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F),
		"bad table": append(echo[:8:8], 4, 2, 1, 0x70),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := h.Compile(context.Background(), module, 0); err == nil {
				t.Fatal("compiles")
			}
		})
	}
}

func TestStartRefuses(t *testing.T) {
	t.Parallel()
	h := newHost(t, "{}")
	for _, c := range []struct {
		fixture, want string
		timeout       bool
	}{
		{"memory-minimum", "needs at least 134217728 bytes of memory, over its limit of 16777216", false},
		{"start-loop", "start", true},
		{"start-trap", "unreachable", false},
		{"initialize-loop", "start", true},
		{"initialize-exit", "exited", false},
		{"register-loop", "mesh_register", true},
		{"register-trap", "mesh_register: wasm error: unreachable", false},
		{"register-pointer", "mesh_register: returned 20 bytes at 65530, outside its memory of 65536", false},
		{"register-length", "mesh_register: returned 4294967295 bytes, over the limit of 1048576", false},
	} {
		t.Run(c.fixture, func(t *testing.T) {
			t.Parallel()
			m, err := h.Compile(context.Background(), plugintest.Fixture(t, c.fixture), 0)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			_, err = m.Start(options())
			if err == nil {
				t.Fatal("starts")
			}
			mustContain(t, err.Error(), c.want)
			if errors.Is(err, guest.ErrTimeout) != c.timeout {
				t.Errorf("timeout is %t: %v", !c.timeout, err)
			}
		})
	}
}

func TestCacheDir(t *testing.T) {
	t.Parallel()
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(t.TempDir(), "kept")
	for _, c := range []struct{ name, dir, warning string }{
		{"on disk", kept, ""},
		{"not usable", blocked, "compiled plugins are not kept on disk"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var log syncBuffer
			r, err := wasm.New(wasm.Config{CacheDir: c.dir, Log: slog.New(slog.NewTextHandler(&log, nil))})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			m, err := r.Compile(context.Background(), plugintest.Fixture(t, "echo"), 0)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			if c.warning == "" && log.String() != "" || !strings.Contains(log.String(), c.warning) {
				t.Errorf("logs %q", log.String())
			}
			if entries, err := os.ReadDir(c.dir); c.warning == "" && (err != nil || len(entries) == 0) {
				t.Errorf("nothing kept in %s: %v", c.dir, err)
			}
		})
	}
}
