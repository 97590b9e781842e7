//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/plugin/guest"
	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
)

// attack is a handler of the storm fixture, and how it ends.
type attack struct {
	name    string
	handler int
	code    string // that the client gets
	cause   string // label of the metric
	reason  string // in the log
}

var (
	loops = []attack{
		{"loop", 2, "ETIMEOUT", "timeout", "deadline"},
		{"fills", 8, "ETIMEOUT", "timeout", "deadline"},
		{"grows", 7, "ETIMEOUT", "timeout", "deadline"},
	}
	recursions = []attack{
		{"recurses", 4, "EPLUGIN", "fault", "nest deeper than 10000"},
		{"mutual", 5, "EPLUGIN", "fault", "nest deeper than 10000"},
		{"indirect", 6, "EPLUGIN", "fault", "nest deeper than 10000"},
	}
	hostCallStorms = []attack{
		{"asks", 9, "ETIMEOUT", "timeout", "deadline"},
		{"logs", 10, "ETIMEOUT", "timeout", "deadline"},
		{"pushes", 12, "ETIMEOUT", "timeout", "deadline"},
		{"prints", 13, "ETIMEOUT", "timeout", "deadline"},
	}
	pointers = []attack{
		{"traps", 3, "EPLUGIN", "fault", "unreachable"},
		{"asks.outside", 14, "EPLUGIN", "fault", "is outside the memory"},
		{"asks.4GiB", 15, "EPLUGIN", "fault", "is outside the memory"},
		{"takes.outside", 17, "EPLUGIN", "fault", "outside the memory"},
		{"answers.outside", 18, "EPLUGIN", "fault", "outside"},
		{"answers.4GiB", 19, "EPLUGIN", "fault", "4294967295"},
		{"answers.field", 20, "EPLUGIN", "fault", ""},
	}
)

// stormPlugin is the configuration that has a copy of the storm fixture register
// commands under its name: "storm.loop".
func stormPlugin(name, limits string, commands map[string]int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "[plugins.%s]\n%s\n[plugins.%s.config]\nname = %q\n", name, limits, name, name)
	for _, command := range slices.Sorted(maps.Keys(commands)) {
		fmt.Fprintf(&b, "[[plugins.%s.config.commands]]\nname = %q\nhandler = %d\n", name, name+"."+command, commands[command])
	}
	return b.String()
}

// storm is the fixture under a name; its copies are told apart by it.
func storm(t *testing.T, name string) []byte {
	t.Helper()
	return variant(plugintest.Fixture(t, "storm"), name)
}

// listedPlugin is what plugins.list says of a plugin.
type listedPlugin struct {
	Name, File, Version, Error string
	Loaded                     bool
	Granted, HTTP              []string
	Suspended                  []struct {
		Handler  string
		Failures int
	}
	Counts guest.Counts
}

func (h *host) listed(t *testing.T, name string) listedPlugin {
	t.Helper()
	var all struct{ Plugins []listedPlugin }
	if err := json.Unmarshal([]byte(h.op(t, "plugins.list", "{}")), &all); err != nil {
		t.Fatal(err)
	}
	for _, p := range all.Plugins {
		if p.Name == name {
			return p
		}
	}
	t.Fatalf("plugins.list has no %s: %+v", name, all.Plugins)
	return listedPlugin{}
}

const (
	stormDeadline = 500 * time.Millisecond
	// late is how much later than the deadline a client may be answered.
	late = 1500 * time.Millisecond
)

// TestStorms has a plugin do its worst while the sessions of another one go on:
// each attack ends with its error in time, and is named in the log, the metrics
// and plugins.list.
func TestStorms(t *testing.T) {
	for name, attacks := range map[string][]attack{
		"loops": loops, "recursions": recursions, "host calls": hostCallStorms, "pointers": pointers,
	} {
		t.Run(name, func(t *testing.T) {
			commands := map[string]int{"fine": 1, "asks.field": 16}
			for _, a := range attacks {
				commands[a.name] = a.handler
			}
			module := storm(t, "storm")
			h := startOne(t, setup{
				plugins: []string{conformance}, content: map[string][]byte{"storm.wasm": module},
				config: stormPlugin("storm", fmt.Sprintf("deadline = %q", stormDeadline), commands),
			})
			b := h.bystanders(t, "echo")
			bad := h.dial(t, dialing{})
			for _, a := range attacks {
				b.meanwhile(t, func() { bad.attacks(t, h, short(module), a) })
				if reply := bad.call(t, "storm.fine", `{"a":1}`); reply != `{"a":1}` {
					t.Errorf("after %s the plugin answers %s", a.name, reply)
				}
			}
			const refused = `"03"` // EPAYLOAD, by its number: the plugin may go on
			if reply := bad.call(t, "storm.asks.field", ""); reply != refused {
				t.Errorf("a host call with a field of 4 GiB is answered %s", reply)
			}
			if n := h.listed(t, "storm").Counts; n.Discarded != uint64(len(attacks)) {
				t.Errorf("plugins.list counts %d instances discarded after %d attacks", n.Discarded, len(attacks))
			}
			b.check(t, h)
		})
	}
}

// attacks calls one attack and looks at all that says so.
func (c *client) attacks(t *testing.T, h *host, version string, a attack) {
	t.Helper()
	metric := fmt.Sprintf(`mesh_host_plugin_errors_total{cause=%q,plugin="storm"}`, a.cause)
	counted, lines, at := h.metric(t, metric), h.log.len(), time.Now()
	if f := c.fails(t, "storm."+a.name, ""); f.Code != a.code {
		t.Errorf("%s ends with %+v, not %s", a.name, f, a.code)
	}
	if took := time.Since(at); took > stormDeadline+late {
		t.Errorf("%s is answered after %v", a.name, took)
	}
	r := h.awaitLog(t, lines, map[string]string{
		"level": "ERROR", "plugin": "storm", "version": version, "handler": fmt.Sprintf("command %q", "storm."+a.name), "call": "-", "error": a.reason,
	})
	t.Logf("%s: %v", a.name, r["error"])
	if n := h.metric(t, metric); n != counted+1 {
		t.Errorf("%s: %s went from %v to %v", a.name, metric, counted, n)
	}
}
