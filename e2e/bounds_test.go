//go:build linux

package e2e

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// stormHost is a host with the storm fixture alone.
func stormHost(t *testing.T, limits string, commands map[string]int) *host {
	t.Helper()
	return startOne(t, setup{
		content: map[string][]byte{"storm.wasm": storm(t, "storm")}, config: stormPlugin("storm", limits, commands),
	})
}

// One call more than calls_in_flight is refused at once, without waiting for an
// instance.
func TestCallsInFlight(t *testing.T) {
	t.Parallel()
	const most = 3
	h := stormHost(t, fmt.Sprintf("deadline = \"2s\"\ncalls_in_flight = %d", most), map[string]int{"loop": 2, "fine": 1})
	c := h.dial(t, dialing{})
	var loops sync.WaitGroup
	for _, bad := range h.dialMany(t, most, dialing{}) {
		loops.Go(func() { bad.fails(t, "storm.loop", "") })
	}
	eventually(t, patience, "all calls run", func() bool {
		return h.metric(t, `mesh_host_plugin_instances_running{plugin="storm"}`) == most
	})
	at := time.Now()
	if f := c.fails(t, "storm.fine", `1`); f.Code != "ERATELIMIT" || time.Since(at) > time.Second {
		t.Errorf("one more is answered %+v after %v", f, time.Since(at))
	}
	if n := h.metric(t, `mesh_host_plugin_errors_total{cause="busy",plugin="storm"}`); n != 1 || h.listed(t, "storm").Counts.Busy != 1 {
		t.Errorf("%v calls are counted as busy", n)
	}
	loops.Wait()
	if reply := c.call(t, "storm.fine", `1`); reply != `1` {
		t.Errorf("afterwards it answers %s", reply)
	}
}

// Host calls beyond host_calls are answered ERATELIMIT, for a while.
func TestHostCallsLimit(t *testing.T) {
	t.Parallel()
	const limited, missing = `"06"`, `"00"` // ERATELIMIT, by its number; a key that is not there
	h := stormHost(t, "deadline = \"300ms\"\nhost_calls = 100", map[string]int{"storm": 9, "once": 24})
	c := h.dial(t, dialing{})
	if reply := c.call(t, "storm.once", ""); reply != missing {
		t.Errorf("at first a host call is answered %s", reply)
	}
	if f := c.fails(t, "storm.storm", ""); f.Code != "ETIMEOUT" {
		t.Errorf("the storm ends with %+v", f)
	}
	n, counts := h.metric(t, `mesh_host_plugin_host_calls_limited_total{plugin="storm"}`), h.listed(t, "storm").Counts
	if n < 100 || float64(counts.HostCallsLimited) != n || counts.HostCalls < counts.HostCallsLimited {
		t.Errorf("%v host calls were refused, plugins.list says %d of %d", n, counts.HostCallsLimited, counts.HostCalls)
	}
	eventually(t, patience, "host calls are served again", func() bool {
		reply := c.call(t, "storm.once", "")
		if reply != missing && reply != limited {
			t.Errorf("a host call is answered %s", reply)
		}
		return reply == missing
	})
}

// A command that always traps is suspended, and the others go on. It comes back
// by itself when it is well again, and at once with a new version.
func TestBreaker(t *testing.T) {
	t.Parallel()
	h := stormHost(t, "breaker = 3", map[string]int{"picky": 25, "fine": 1})
	c := h.dial(t, dialing{})
	suspend := func() {
		t.Helper()
		lines := h.log.len()
		for range 3 {
			if f := c.fails(t, "storm.picky", `1`); f.Code != "EPLUGIN" || strings.Contains(f.Message, "suspended") {
				t.Fatalf("a trap is answered %+v", f)
			}
		}
		if f := c.fails(t, "storm.picky", `{}`); f.Code != "EPLUGIN" || !strings.Contains(f.Message, "suspended") {
			t.Errorf("after three traps: %+v", f)
		}
		h.awaitLog(t, lines, map[string]string{"level": "ERROR", "msg": "suspended", "plugin": "storm", "handler": `command "storm.picky"`, "version": ""})
		if reply := c.call(t, "storm.fine", `1`); reply != `1` {
			t.Errorf("another command answers %s", reply)
		}
		if p := h.listed(t, "storm"); len(p.Suspended) != 1 || p.Suspended[0].Handler != `command "storm.picky"` || p.Suspended[0].Failures < 3 {
			t.Errorf("plugins.list says %+v", p.Suspended)
		}
		if n := h.metric(t, `mesh_host_plugin_handlers_suspended{plugin="storm"}`); n != 1 {
			t.Errorf("%v handlers are suspended", n)
		}
	}
	well := func() bool { reply, err := c.ask("storm.picky", `{}`); return err == nil && reply == `{}` }

	suspend()
	at := time.Now()
	eventually(t, patience, "it comes back by itself", well)
	t.Logf("back after %v", time.Since(at).Round(time.Millisecond))
	h.awaitLog(t, 0, map[string]string{"level": "INFO", "msg": "serves again", "handler": `command "storm.picky"`})
	if n := h.metric(t, `mesh_host_plugin_errors_total{cause="suspended",plugin="storm"}`); n < 1 {
		t.Errorf("%v calls are counted as suspended", n)
	}

	suspend()
	next := storm(t, "mended")
	lines := h.log.len()
	h.install(t, "storm.wasm", next)
	h.awaitLog(t, lines, map[string]string{"msg": "plugin loaded", "version": short(next)})
	if !well() {
		t.Error("the new version is suspended")
	}
	if n := h.metric(t, `mesh_host_plugin_handlers_suspended{plugin="storm"}`); n != 0 {
		t.Errorf("%v handlers are suspended", n)
	}
}

// An answer beyond output is a failure of the plugin.
func TestOutputLimit(t *testing.T) {
	t.Parallel()
	h := stormHost(t, `output = "512KiB"`, map[string]int{"large": 23, "fine": 1})
	c := h.dial(t, dialing{})
	if f := c.fails(t, "storm.large", ""); f.Code != "EPLUGIN" {
		t.Errorf("it is answered %+v", f)
	}
	h.awaitLog(t, 0, map[string]string{"level": "ERROR", "plugin": "storm", "handler": "storm.large", "error": "over the limit of 524288"})
	if n := h.metric(t, `mesh_host_plugin_errors_total{cause="fault",plugin="storm"}`); n != 1 || h.listed(t, "storm").Counts.Faults != 1 {
		t.Errorf("%v faults are counted", n)
	}
	if reply := c.call(t, "storm.fine", `1`); reply != `1` {
		t.Errorf("afterwards it answers %s", reply)
	}
}

// The lines of one call, the plugin's own and the one that it failed, say which
// call it was, and another call is another one.
func TestCallsInTheLog(t *testing.T) {
	t.Parallel()
	h := stormHost(t, "", map[string]int{"die": 21})
	c := h.dial(t, dialing{})
	seen := make(map[any]bool)
	for range 5 {
		lines := h.log.len()
		if f := c.fails(t, "storm.die", ""); f.Code != "EPLUGIN" {
			t.Errorf("it is answered %+v", f)
		}
		from := map[string]string{"plugin": "storm", "version": short(storm(t, "storm")), "call": "-"}
		failed := h.awaitLog(t, lines, with(from, "level", "ERROR", "handler", `command "storm.die"`))
		mine := h.awaitLog(t, lines, with(from, "msg", "mine"))
		if mine["call"] != failed["call"] || seen[mine["call"]] {
			t.Errorf("the line of the plugin has call %v, that of its failure %v; seen before: %v", mine["call"], failed["call"], seen)
		}
		seen[mine["call"]] = true
	}
}

// with returns the fields and some more, given as keys and texts.
func with(fields map[string]string, more ...string) map[string]string {
	all := make(map[string]string)
	for key, text := range fields {
		all[key] = text
	}
	for i := 0; i < len(more); i += 2 {
		all[more[i]] = more[i+1]
	}
	return all
}
