//go:build linux

package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
)

// Modules that hang, or cannot be loaded, keep no one waiting while they are
// tried: the log, the metrics and plugins.list say why they do not serve.
func TestModulesThatHang(t *testing.T) {
	h := startOne(t, setup{plugins: []string{conformance}, config: "[plugins.defaults]\ndeadline = \"400ms\"\n[plugins.conformance]\ndeadline = \"10s\"\n"})
	b := h.bystanders(t, "echo")
	for fixture, reason := range map[string]string{
		"start-loop": "deadline", "initialize-loop": "deadline", "register-loop": "deadline",
		"register-length": "4294967295 bytes", "unknown-import": "imports what this host does not have",
	} {
		module := plugintest.Fixture(t, fixture)
		b.meanwhile(t, func() {
			h.install(t, fixture+".wasm", module)
			h.awaitLog(t, 0, map[string]string{"level": "ERROR", "msg": "plugin not loaded", "file": fixture + ".wasm", "version": short(module), "error": reason})
		})
		if n := h.metric(t, fmt.Sprintf(`mesh_host_plugin_file_failing{file=%q,plugin=%q}`, fixture+".wasm", fixture)); n != 1 {
			t.Errorf("%s: the metrics do not say that it fails", fixture)
		}
		if p := h.listed(t, fixture); p.Loaded || p.Error == "" || p.Counts.FailedLoads != 1 {
			t.Errorf("%s: plugins.list says %+v", fixture, p)
		}
	}
	// This one loads, and hangs as soon as it is to take a request.
	h.install(t, "alloc-loop.wasm", plugintest.Fixture(t, "alloc-loop"))
	h.awaitLog(t, 0, map[string]string{"msg": "plugin loaded", "file": "alloc-loop.wasm"})
	b.meanwhile(t, func() {
		at := time.Now()
		f := h.dial(t, dialing{}).fails(t, "bad", `{}`)
		if took := time.Since(at); f.Code != "ETIMEOUT" || took > stormDeadline+late {
			t.Errorf("a loop in mesh_alloc ends with %+v after %v", f, took)
		}
		h.awaitLog(t, 0, map[string]string{"level": "ERROR", "plugin": "alloc-loop", "call": "-", "error": "deadline"})
	})
	b.check(t, h)
}

// A plugin that pushes to everyone without end is held to host_calls: no session
// is closed for it, and all others are answered.
func TestPushFlood(t *testing.T) {
	const rate = 200
	h := startOne(t, setup{
		plugins: []string{conformance}, content: map[string][]byte{"storm.wasm": storm(t, "storm")},
		config: stormPlugin("storm", fmt.Sprintf("deadline = \"1s\"\nhost_calls = %d", rate), map[string]int{"push": 11}),
	})
	b := h.bystanders(t, "echo")
	bad := h.dial(t, dialing{})
	at := time.Now()
	b.meanwhile(t, func() {
		if f := bad.fails(t, "storm.push", ""); f.Code != "ETIMEOUT" {
			t.Errorf("it ends with %+v", f)
		}
	})
	most := rate * (int(time.Since(at).Seconds()) + 2)
	for _, c := range b.clients {
		if n := c.count("storm"); n == 0 || n > most {
			t.Errorf("a session got %d pushes, not 1 to %d", n, most)
		}
	}
	if n := h.metric(t, `mesh_host_plugin_host_calls_limited_total{plugin="storm"}`); n < 1000 {
		t.Errorf("%v host calls were refused", n)
	}
	b.check(t, h)
}

// What a plugin logs and prints beyond log_rate is dropped and counted; that it
// failed is still in the log.
func TestLogFlood(t *testing.T) {
	const rate = 20
	h := startOne(t, setup{
		plugins: []string{conformance}, content: map[string][]byte{"storm.wasm": storm(t, "storm")},
		config: stormPlugin("storm", fmt.Sprintf("deadline = \"500ms\"\nlog_rate = %d", rate), map[string]int{"log": 10, "print": 13}),
	})
	b := h.bystanders(t, "echo")
	bad := h.dial(t, dialing{})
	at := time.Now()
	for _, command := range []string{"storm.log", "storm.print"} {
		b.meanwhile(t, func() {
			if f := bad.fails(t, command, ""); f.Code != "ETIMEOUT" {
				t.Errorf("%s ends with %+v", command, f)
			}
			h.awaitLog(t, 0, map[string]string{"level": "ERROR", "plugin": "storm", "handler": fmt.Sprintf("command %q", command)})
		})
	}
	most := rate * (int(time.Since(at).Seconds()) + 2)
	lines := h.log.count(func(r record) bool { return r["plugin"] == "storm" && (r["msg"] == "mine" || r["msg"] == "storm") })
	if lines == 0 || lines > most {
		t.Errorf("the log has %d lines of the flood, not 1 to %d", lines, most)
	}
	if n, listed := h.metric(t, `mesh_host_plugin_log_lines_dropped_total{plugin="storm"}`), h.listed(t, "storm").Counts.DroppedLines; n < 1000 || float64(listed) != n {
		t.Errorf("%v lines were dropped, plugins.list says %d", n, listed)
	}
	b.check(t, h)
}

// A plugin that fills its store is refused with ELIMIT; that of another one is as
// before.
func TestStoreFlood(t *testing.T) {
	h := startOne(t, setup{
		plugins: []string{conformance}, content: map[string][]byte{"storm.wasm": storm(t, "storm")},
		config: stormPlugin("storm", `kv_size = "1MiB"`, map[string]int{"fill": 22}),
	})
	b := h.bystanders(t, "echo")
	c := h.dial(t, dialing{})
	c.call(t, "kv.set", `{"key":"before","value":1}`)
	const refused = `"10"` // ELIMIT, by its number
	for range 2 {
		b.meanwhile(t, func() {
			if reply := c.call(t, "storm.fill", ""); reply != refused {
				t.Errorf("the flood ends with %s, not %s", reply, refused)
			}
		})
	}
	c.call(t, "kv.set", `{"key":"after","value":2}`)
	for key, value := range map[string]string{"before": `{"value":1}`, "after": `{"value":2}`} {
		if reply := c.call(t, "kv.get", object("key", key)); reply != value {
			t.Errorf("kv.get %s is answered %s", key, reply)
		}
	}
	b.check(t, h)
}
