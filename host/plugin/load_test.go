package plugin_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/plugin"
	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
)

// TestBadPlugins proves of each bad file that its error names file and cause,
// and that the plugin beside it works.
func TestBadPlugins(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ fixture, want string }{
		{"no-version", "does not export mesh_abi_1"},
		{"no-memory", "does not export memory"},
		{"no-alloc", "does not export mesh_alloc"},
		{"no-register", "does not export mesh_register"},
		{"no-call", "does not export mesh_call"},
		{"wrong-signature", "exports mesh_call as"},
		{"abi-2", "ABI 2 is newer than this host"},
		{"unknown-import", `"mesh.teleport", "env.abort"`},
		{"import-signature", "imports mesh.log as"},
		{"memory-minimum", "needs at least 134217728 bytes of memory"},
		{"table-minimum", "table of 100000000 entries"},
		{"start-loop", "deadline passed"},
		{"start-trap", "unreachable"},
		{"initialize-loop", "deadline passed"},
		{"initialize-exit", "exited"},
		{"register-loop", "deadline passed"},
		{"register-trap", "unreachable"},
		{"register-pointer", "outside its memory"},
		{"register-length", "4294967295 bytes"},
		{"register-json", "is not JSON"},
		{"register-nothing", "registers nothing"},
		{"register-twice", `registers command "twice" twice`},
	} {
		t.Run(c.fixture, func(t *testing.T) {
			t.Parallel()
			f := load(t, map[string][]byte{
				"bad.wasm":  plugintest.Fixture(t, c.fixture),
				"echo.wasm": plugintest.Fixture(t, "echo"),
			}, map[string]plugin.Settings{"bad": {Limits: quick()}})
			s := f.status("bad.wasm")
			if s.Loaded || !strings.HasPrefix(s.Error, "plugin: load bad.wasm: ") || !strings.Contains(s.Error, c.want) {
				t.Errorf("status %+v", s)
			}
			f.logs("bad.wasm", "plugin not loaded")
			if got, err := f.call("echo", `"here"`); err != nil || got != `"here"` {
				t.Errorf("the plugin beside it: %q, %v", got, err)
			}
		})
	}
}

func TestNotWasm(t *testing.T) {
	t.Parallel()
	f := load(t, map[string][]byte{"text.wasm": []byte("hello"), "empty.wasm": nil, "echo.wasm": plugintest.Fixture(t, "echo")}, nil)
	for _, file := range []string{"text.wasm", "empty.wasm"} {
		if s := f.status(file); s.Loaded || !strings.Contains(s.Error, "plugin: load "+file+": not a usable WebAssembly module") {
			t.Errorf("status %+v", s)
		}
	}
	if got, err := f.call("echo", `1`); err != nil || got != `1` {
		t.Errorf("the plugin beside them: %q, %v", got, err)
	}
}

func TestOtherFilesAreIgnored(t *testing.T) {
	t.Parallel()
	one := plugintest.Fixture(t, "one")
	f := newFolder(t, map[string][]byte{".one.wasm": one, "~one.wasm": one, "#one.wasm": one, "one.wasm.tmp": one, "one.txt": one, ".wasm": one}, nil)
	defer f.Close()
	if err := os.MkdirAll(filepath.Join(f.dir, "folder.wasm"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := f.Load(); err != nil {
		t.Fatal(err)
	}
	if s := f.Status(); len(s) != 0 {
		t.Errorf("status %+v", s)
	}
}

func TestLargeFile(t *testing.T) {
	t.Parallel()
	f := newFolder(t, map[string][]byte{"large.wasm": nil}, nil)
	defer f.Close()
	if err := os.Truncate(f.path("large.wasm"), 64<<20+1); err != nil {
		t.Fatal(err)
	}
	if err := f.Load(); err != nil {
		t.Fatal(err)
	}
	if s := f.status("large.wasm"); !strings.Contains(s.Error, "over the limit of 67108864") {
		t.Errorf("status %+v", s)
	}
}

func TestFolderIsMade(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "b")
	f := load(t, nil, nil, func(o *plugin.Options) { o.Dir = dir })
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		t.Errorf("%v, %v", info, err)
	}
	_ = f
}

func TestFolderCannotBeMade(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := plugin.New(plugin.Options{Dir: filepath.Join(file, "plugins")}); err == nil || !strings.Contains(err.Error(), "plugin: open folder: ") {
		t.Errorf("got %v", err)
	}
}

func TestNameFromFile(t *testing.T) {
	t.Parallel()
	const register = `{"commands":[{"name":"c","handler":1}]}`
	for file, want := range map[string]string{
		"chat.wasm":                           "chat",
		"chat-go.wasm":                        "chat",
		"chat-tinygo.wasm":                    "chat",
		"chat-rust.wasm":                      "chat",
		"chat-assemblyscript.wasm":            "chat",
		"chat-extism-assemblyscript.wasm":     "chat",
		"chat-room.wasm":                      "chat-room",
		"chat-room-c.wasm":                    "chat-room",
		"-go.wasm":                            "-go",
		"go.wasm":                             "go",
		"a b.wasm":                            "",
		strings.Repeat("x", 65) + ".wasm":     "",
		strings.Repeat("x", 64) + "-js.wasm":  strings.Repeat("x", 64),
		"settle.wasm":                         "",
		"conformance.extism-rust.v1-zig.wasm": "",
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			f := newFolder(t, map[string][]byte{file: plugintest.Fixture(t, "puppet")}, nil,
				func(o *plugin.Options) { o.Settings = func(string) plugin.Settings { return document(register) } })
			defer f.Close()
			if err := f.Load(); err != nil {
				t.Fatal(err)
			}
			s := f.status(file)
			if want == "" && (s.Loaded || !strings.Contains(s.Error, "the file's name would make it plugin")) {
				t.Errorf("status %+v", s)
			}
			if want != "" && (!s.Loaded || s.Name != want) {
				t.Errorf("status %+v, want the name %q", s, want)
			}
		})
	}
}

func TestRegistrationDependsOnConfig(t *testing.T) {
	t.Parallel()
	puppet := plugintest.Fixture(t, "puppet")
	f := load(t, map[string][]byte{"a.wasm": puppet, "b.wasm": puppet}, map[string]plugin.Settings{
		"a": document(`{"commands":[{"name":"first","handler":20}]}`),
		"b": document(`{"commands":[{"name":"second","handler":20}]}`),
	})
	for _, name := range []string{"first", "second"} {
		if got, err := f.call(name, `{}`); err != nil || got != `"early"` {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// TestNameUnlikeFile: the file's name gives the configuration of the first
// probe, the registered name that of the second, which counts.
func TestNameUnlikeFile(t *testing.T) {
	t.Parallel()
	f := load(t, map[string][]byte{"file-go.wasm": plugintest.Fixture(t, "puppet")}, map[string]plugin.Settings{
		"file": document(`{"name":"real","commands":[{"name":"first","handler":20}]}`),
		"real": document(`{"name":"real","commands":[{"name":"second","handler":20}]}`),
	})
	if s := f.status("file-go.wasm"); s.Name != "real" || !s.Loaded {
		t.Errorf("status %+v", s)
	}
	if _, err := f.call("first", `{}`); err == nil || err.Code != abi.CodeNotFound {
		t.Errorf("the first probe counts: %v", err)
	}
	if got, err := f.call("second", `{}`); err != nil || got != `"early"` {
		t.Errorf("%q, %v", got, err)
	}
}

func TestNameThatDoesNotStay(t *testing.T) {
	t.Parallel()
	f := load(t, map[string][]byte{"file.wasm": plugintest.Fixture(t, "puppet")}, map[string]plugin.Settings{
		"file": document(`{"name":"real","commands":[{"name":"c","handler":20}]}`),
		"real": document(`{"name":"third","commands":[{"name":"c","handler":20}]}`),
	})
	if s := f.status("file.wasm"); s.Loaded || !strings.Contains(s.Error, `with the configuration of "real" the name "third"`) {
		t.Errorf("status %+v", s)
	}
}

func TestCollisions(t *testing.T) {
	t.Parallel()
	puppet := plugintest.Fixture(t, "puppet")
	f := load(t, map[string][]byte{"a.wasm": puppet, "b.wasm": puppet, "which-go.wasm": plugintest.Fixture(t, "one"), "which-rust.wasm": plugintest.Fixture(t, "two")},
		map[string]plugin.Settings{
			"a": document(`{"commands":[{"name":"c","handler":1}]}`),
			"b": document(`{"commands":[{"name":"c","handler":1}]}`),
		})
	if s := f.status("b.wasm"); s.Error != `plugin: load b.wasm: command "c" is registered by plugin "a" (a.wasm) and by plugin "b" (b.wasm)` {
		t.Errorf("status %+v", s)
	}
	if s := f.status("which-rust.wasm"); s.Error != `plugin: load which-rust.wasm: plugin "which" is in which-go.wasm and in which-rust.wasm` {
		t.Errorf("status %+v", s)
	}
	if got, err := f.call("which", `{}`); err != nil || got != `"one"` {
		t.Errorf("%q, %v", got, err)
	}
}

func TestRunEndsEmpty(t *testing.T) {
	t.Parallel()
	f := newFolder(t, map[string][]byte{"one.wasm": plugintest.Fixture(t, "one")}, nil)
	if err := f.Load(); err != nil {
		t.Fatal(err)
	}
	held := f.router.Acquire() // a call that is still to come
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	cancel()
	f.until("the table is empty", func() bool {
		_, err := f.call("which", `{}`)
		return err != nil && err.Code == abi.CodeNotFound
	})
	if got, err := f.callOn(held, "which", `{}`); err != nil || got != `"one"` {
		t.Errorf("the call in flight: %q, %v", got, err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := f.Reload(context.Background(), "which"); !errors.Is(err, plugin.ErrClosed) {
		t.Errorf("Reload: %v", err)
	}
}
