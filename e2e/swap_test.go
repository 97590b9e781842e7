//go:build linux

package e2e

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
)

// variant returns a module that does the same and has another hash: with a
// custom section behind (WebAssembly core specification, section 5.5.3).
func variant(module []byte, note string) []byte {
	name := "note"
	section := append([]byte{byte(len(name))}, name+note...)
	made := append([]byte(nil), module...)
	return append(append(made, 0, byte(len(section))), section...) // lengths below 128: one byte
}

// short is how the host names a content.
func short(module []byte) string {
	sum := sha256.Sum256(module)
	return hex.EncodeToString(sum[:])[:12]
}

// Fifty clients call without pause while the plugin's file is overwritten ten
// times: not one command fails or is lost, and no connection ends.
func TestHotSwapUnderTraffic(t *testing.T) {
	h := start(t, setup{plugins: []string{conformance}})
	module := builtPlugin(t, conformance)
	clients := h.dialMany(t, 50, dialing{})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var (
		traffic sync.WaitGroup
		total   atomic.Int64
		took    = make([]latencies, len(clients))
	)
	for i, c := range clients {
		traffic.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				payload := fmt.Sprintf(`{"client":%d,"n":%d}`, i, n)
				at := time.Now()
				reply, err := c.ask("echo", payload)
				if err != nil || reply != payload {
					t.Errorf("%s is answered %s, error %v", payload, reply, err)
					return
				}
				took[i] = append(took[i], time.Since(at))
				total.Add(1)
			}
		})
	}
	for swap := range 10 {
		next := variant(module, "swap "+fmt.Sprint(swap%2))
		before := total.Load()
		lines := h.log.len()
		at := time.Now()
		if swap%4 < 2 {
			h.install(t, conformance, next)
		} else if err := h.overwrite(conformance, next, 8, 5*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		r := h.awaitLog(t, lines, map[string]string{"msg": "plugin loaded", "file": conformance})
		if r["version"] != short(next) {
			t.Errorf("swap %d: loaded version %v, not %s", swap, r["version"], short(next))
		}
		t.Logf("swap %d serves after %v; %d calls meanwhile", swap, time.Since(at).Round(time.Millisecond), total.Load()-before)
		after := total.Load()
		eventually(t, patience, "calls go on", func() bool { return total.Load() > after+500 || t.Failed() })
	}
	stop()
	traffic.Wait()
	for i, c := range clients {
		if err := c.cause(); err != nil && !t.Failed() {
			t.Errorf("client %d: %v", i, err)
		}
	}
	t.Log(merge(took))
}

// A new file's commands answer within a second of the copy. How long a plugin
// of standard Go takes to be compiled for the first time is up to the machine.
func TestNewFileAnswersWithinASecond(t *testing.T) {
	start(t, setup{plugins: []string{conformance}}).finish(t) // fills the cache
	for _, c := range []struct {
		name, cache, file, command string
		module                     []byte
		within                     time.Duration
	}{
		{"small", "off", "which.wasm", "which", plugintest.Fixture(t, "one"), time.Second},
		{"of standard Go", built.cache, conformance, "echo", builtPlugin(t, conformance), time.Second},
		{"of standard Go, for the first time", "off", conformance, "echo", builtPlugin(t, conformance), patience},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := start(t, setup{env: []string{"MESH_PLUGINS_CACHE_DIR=" + c.cache}})
			client := h.dial(t, dialing{})
			if f := client.fails(t, c.command, "1"); f.Code != "ENOTFOUND" {
				t.Fatalf("before: %v", f)
			}
			at := time.Now()
			h.install(t, c.file, c.module)
			eventually(t, patience, "it answers", func() bool { _, err := client.ask(c.command, "1"); return err == nil })
			took := time.Since(at)
			t.Logf("answers after %v", took.Round(time.Millisecond))
			if took > c.within {
				t.Errorf("the commands of a new file answer after %v", took)
			}
		})
	}
}

func TestPluginFilesComeChangeAndGo(t *testing.T) {
	t.Parallel()
	one, two := plugintest.Fixture(t, "one"), plugintest.Fixture(t, "two")
	h := start(t, setup{})
	c := h.dial(t, dialing{})
	answers := func(want string) {
		t.Helper()
		eventually(t, patience, "which answers "+want, func() bool {
			reply, err := c.ask("which", "")
			return err == nil && reply == want
		})
	}
	h.install(t, "which.wasm", one)
	answers(`"one"`)
	h.install(t, "which.wasm", two)
	answers(`"two"`)

	// A broken file leaves the old one serving, and the log says why.
	lines := h.log.len()
	h.install(t, "which.wasm", []byte("rubbish"))
	r := h.awaitLog(t, lines, map[string]string{"level": "ERROR", "file": "which.wasm"})
	if !strings.Contains(fmt.Sprint(r["error"]), "WebAssembly") {
		t.Errorf("the log says %v", r)
	}
	answers(`"two"`)
	if n := h.metric(t, `mesh_host_plugin_file_failing{file="which.wasm",plugin="which"}`); n != 1 {
		t.Errorf("the metric says %v", n)
	}
	h.install(t, "which.wasm", one)
	answers(`"one"`)

	h.remove(t, "which.wasm")
	eventually(t, patience, "which is not found", func() bool {
		_, err := c.ask("which", "")
		f, ok := err.(*failure) //nolint:errorlint // never wrapped
		return ok && f.Code == "ENOTFOUND"
	})
}

// Files that are no plugins, and those that tools write before they rename
// them, are left alone.
func TestOtherFilesAreIgnored(t *testing.T) {
	t.Parallel()
	one := plugintest.Fixture(t, "one")
	h := start(t, setup{content: map[string][]byte{"notes.txt": []byte("x"), ".hidden.wasm": []byte("x"), "which.wasm~": one, "#which.wasm": one}})
	c := h.dial(t, dialing{})
	h.install(t, "which.wasm.tmp", one)
	h.install(t, "echo.wasm", plugintest.Fixture(t, "echo"))
	h.awaitLog(t, 0, map[string]string{"msg": "plugin loaded", "file": "echo.wasm"})
	if f := c.fails(t, "which", ""); f.Code != "ENOTFOUND" {
		t.Errorf("which: %v", f)
	}
	if n := h.log.count(func(r record) bool { return r["file"] != nil && r["file"] != "echo.wasm" }); n > 0 {
		t.Errorf("the log mentions other files:\n%s", h.tail(10))
	}
}

// A file that is being written is not loaded before it is whole.
func TestHalfWrittenFileIsNotLoaded(t *testing.T) {
	t.Parallel()
	module := builtPlugin(t, conformance)
	h := start(t, setup{config: "[plugins]\nsettle = \"400ms\"\n"})
	c := h.dial(t, dialing{})
	if err := h.overwrite(conformance, module, 30, 50*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "echo answers", func() bool { _, err := c.ask("echo", "1"); return err == nil })
	if n := h.log.count(func(r record) bool { return r["level"] == "ERROR" }); n > 0 {
		t.Errorf("a part of it was loaded:\n%s", h.tail(10))
	}
	// Also not where a writer stops in the middle for good: that part is no
	// plugin, and what was there before goes on serving.
	lines := h.log.len()
	if err := h.overwrite(conformance, module[:len(module)/2], 2, time.Millisecond); err != nil {
		t.Fatal(err)
	}
	h.awaitLog(t, lines, map[string]string{"level": "ERROR", "file": conformance, "msg": "goes on serving"})
	c.echoes(t)
}

// Two plugins that claim one command: the first goes on, and the log names
// both files.
func TestCollisionNamesBothFiles(t *testing.T) {
	t.Parallel()
	one, two := plugintest.Fixture(t, "one"), plugintest.Fixture(t, "two")
	h := start(t, setup{content: map[string][]byte{"a.wasm": one}})
	c := h.dial(t, dialing{})
	h.install(t, "b.wasm", two)
	r := h.awaitLog(t, 0, map[string]string{"level": "ERROR", "file": "b.wasm"})
	if text := fmt.Sprint(r["error"]); !strings.Contains(text, "a.wasm") || !strings.Contains(text, "b.wasm") {
		t.Errorf("the log says %s", text)
	}
	if reply := c.call(t, "which", ""); reply != `"one"` {
		t.Errorf("which answers %s", reply)
	}
	// The name is free once its holder goes.
	h.remove(t, "a.wasm")
	eventually(t, patience, "b.wasm serves", func() bool { reply, _ := c.ask("which", ""); return reply == `"two"` })

	// Another name, the same command.
	lines := h.log.len()
	h.install(t, "c.wasm", rename(t, one, "which", "whose"))
	r = h.awaitLog(t, lines, map[string]string{"level": "ERROR", "file": "c.wasm"})
	if text := fmt.Sprint(r["error"]); !strings.Contains(text, `command "which"`) || !strings.Contains(text, "b.wasm") || !strings.Contains(text, "c.wasm") {
		t.Errorf("the log says %s", text)
	}
}

// rename gives a plugin another name of the same length.
func rename(t *testing.T, module []byte, from, to string) []byte {
	t.Helper()
	made := strings.Replace(string(module), `{"name":"`+from, `{"name":"`+to, 1)
	if made == string(module) || len(made) != len(module) {
		t.Fatalf("no name %q of that length", from)
	}
	return []byte(made)
}
