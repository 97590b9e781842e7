//go:build linux

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
)

// Files that must not load, and what the log says of them.
var badPlugins = []struct {
	name    string
	fixture string // of plugintest; content where there is none
	content string
	cause   string
}{
	{name: "not wasm", content: "#!/bin/sh\n", cause: "not a usable WebAssembly module"},
	{name: "empty", content: "", cause: "not a usable WebAssembly module"},
	{name: "only a header", content: "\x00asm\x01\x00\x00\x00", cause: "does not export"},
	{name: "a later version of wasm", content: "\x00asm\x02\x00\x00\x00", cause: "not a usable WebAssembly module"},
	{name: "a component", content: "\x00asm\x0d\x00\x01\x00", cause: "not a usable WebAssembly module"},
	{name: "no memory", fixture: "no-memory", cause: "memory"},
	{name: "lacks mesh_alloc", fixture: "no-alloc", cause: "mesh_alloc"},
	{name: "lacks mesh_call", fixture: "no-call", cause: "mesh_call"},
	{name: "lacks mesh_register", fixture: "no-register", cause: "mesh_register"},
	{name: "lacks the version", fixture: "no-version", cause: "mesh_abi_1"},
	{name: "another ABI", fixture: "abi-2", cause: "ABI 2"},
	{name: "an export of another type", fixture: "wrong-signature", cause: "mesh_"},
	{name: "an unknown import", fixture: "unknown-import", cause: "imports what this host does not have"},
	{name: "an import of another type", fixture: "import-signature", cause: "imports mesh."},
	{name: "imports its memory", fixture: "imports-memory", cause: "memory"},
	{name: "too much memory", fixture: "memory-minimum", cause: "memory"},
	{name: "registers a command twice", fixture: "register-twice", cause: `"twice"`},
	{name: "registers nothing", fixture: "register-nothing", cause: "registers nothing"},
	{name: "loops in mesh_register", fixture: "register-loop", cause: "deadline"},
	{name: "traps in mesh_register", fixture: "register-trap", cause: "mesh_register: wasm error: unreachable"},
	{name: "a pointer outside its memory", fixture: "register-pointer", cause: "outside its memory"},
	{name: "a length of 4 GiB", fixture: "register-length", cause: "4294967295 bytes"},
	{name: "invalid JSON", fixture: "register-json", cause: "JSON"},
	{name: "loops in its start function", fixture: "start-loop", cause: "deadline"},
	{name: "traps in its start function", fixture: "start-trap", cause: "unreachable"},
	{name: "loops in _initialize", fixture: "initialize-loop", cause: "deadline"},
	{name: "exits in _initialize", fixture: "initialize-exit", cause: "exit"},
}

func TestBadPlugins(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{conformance}, config: "[plugins.defaults]\ndeadline = \"300ms\"\n[plugins.conformance]\ndeadline = \"10s\"\n"})
	c := h.dial(t, dialing{})
	for i, bad := range badPlugins {
		t.Run(bad.name, func(t *testing.T) {
			t.Parallel()
			content := []byte(bad.content)
			if bad.fixture != "" {
				content = plugintest.Fixture(t, bad.fixture)
			}
			file := fmt.Sprintf("bad-%d.wasm", i)
			h.install(t, file, content)
			r := h.awaitLog(t, 0, map[string]string{"level": "ERROR", "file": file})
			if cause := fmt.Sprint(r["error"]); !strings.Contains(cause, bad.cause) {
				t.Errorf("the log says %s", cause)
			}
			c.echoes(t)
			h.dial(t, dialing{}).echoes(t)
		})
	}
}

// The same files at the start: the host serves with what is good.
func TestBadPluginsAtStart(t *testing.T) {
	t.Parallel()
	content := make(map[string][]byte)
	for i, bad := range badPlugins {
		content[fmt.Sprintf("bad-%d.wasm", i)] = []byte(bad.content)
		if bad.fixture != "" {
			content[fmt.Sprintf("bad-%d.wasm", i)] = plugintest.Fixture(t, bad.fixture)
		}
	}
	h := start(t, setup{plugins: []string{conformance}, content: content, config: "[plugins.defaults]\ndeadline = \"300ms\"\n[plugins.conformance]\ndeadline = \"10s\"\n"})
	h.dial(t, dialing{}).echoes(t)
	for file := range content {
		h.awaitLog(t, 0, map[string]string{"level": "ERROR", "file": file})
	}
}

// Handlers of the puppet fixture that answer what no plugin may answer.
func TestBadAnswers(t *testing.T) {
	t.Parallel()
	handlers := map[string]int{
		"pointer outside": 7, "4 GiB": 8, "no JSON": 9, "a field cut short": 10, "an unknown status": 11,
		"exits": 12, "asks from outside": 13, "takes to outside": 14, "a wrong error": 28, "an error with data that is no JSON": 29,
	}
	var config strings.Builder
	config.WriteString("[plugins.puppet.config]\nname = \"puppet\"\n")
	names := make(map[string]string)
	for what, handler := range handlers {
		name := fmt.Sprintf("bad.%d", handler)
		names[what] = name
		fmt.Fprintf(&config, "[[plugins.puppet.config.commands]]\nname = %q\nhandler = %d\n", name, handler)
	}
	config.WriteString("[[plugins.puppet.config.commands]]\nname = \"fine\"\nhandler = 1\n")
	h := start(t, setup{plugins: []string{conformance}, config: config.String(), content: map[string][]byte{
		"puppet.wasm": plugintest.Fixture(t, "puppet"),
	}})
	c := h.dial(t, dialing{})
	for what, name := range names {
		if f := c.fails(t, name, `{}`); f.Code != "EPLUGIN" || f.Name != "PluginError" || f.Message != `Plugin "puppet" failed` {
			t.Errorf("%s gives %+v", what, f)
		}
		h.awaitLog(t, 0, map[string]string{"level": "ERROR", "plugin": "puppet", "handler": `"` + name + `"`})
		if reply := c.call(t, "fine", `{"a":1.0}`); reply != `{"a":1.0}` {
			t.Errorf("after %s the plugin answers %s", what, reply)
		}
		c.echoes(t)
	}
}

// mesh_alloc that has no memory to give, or gives some that is not there.
func TestBadAlloc(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{conformance}})
	c := h.dial(t, dialing{})
	for _, fixture := range []string{"alloc-zero", "alloc-outside"} {
		file := fixture + ".wasm"
		h.install(t, file, plugintest.Fixture(t, fixture))
		h.awaitLog(t, 0, map[string]string{"msg": "plugin loaded", "file": file})
		if f := c.fails(t, fixture, `{}`); f.Code != "EPLUGIN" {
			t.Errorf("%s gives %v", fixture, f)
		}
		h.remove(t, file)
		c.echoes(t)
	}
}
