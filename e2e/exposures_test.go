//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
)

// exposed is what exposures.list shows.
type exposed struct{ Channels, Presence, Rooms []exposure }

// exposure is an entry of it.
type exposure struct {
	Pattern, Guard, PublishGuard, MetadataGuard, HistoryTTL, TTL, SlowConsumer, Source string
	Publish                                                                            bool
	History                                                                            int
}

func (h *host) exposures(t *testing.T) (x exposed) {
	t.Helper()
	if err := json.Unmarshal([]byte(h.op(t, "exposures.list", "{}")), &x); err != nil {
		t.Fatal(err)
	}
	return x
}

// Exposures of the operator and of plugins are listed in the order in which
// they are tried.
func TestExposuresList(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{conformance}, config: `
[[channels]]
pattern = "news"
guard = "conformance.users"
publish = true
publish_guard = "conformance.admins"
history = 7
history_ttl = "90s"
slow_consumer = "drop"
[[channels]]
pattern = "/^free:.*$/"
[[presence]]
pattern = "/^hall$/"
ttl = "30s"
guard = "conformance.users"
slow_consumer = "conflate"
[[rooms]]
pattern = "vault"
guard = "conformance.admins"
metadata_guard = "conformance.admins"
`})
	x := h.exposures(t)
	wantChannels := []exposure{
		{Pattern: "news", Guard: "conformance.users", Publish: true, PublishGuard: "conformance.admins", History: 7, HistoryTTL: "1m30s", SlowConsumer: "drop", Source: "config"},
		{Pattern: "/^free:.*$/", SlowConsumer: "disconnect", Source: "config"},
		{Pattern: "/^open:.+$/", Publish: true, History: 100, HistoryTTL: "24h0m0s", SlowConsumer: "disconnect", Source: "conformance"},
		{Pattern: "/^plain:.+$/", Publish: true, SlowConsumer: "disconnect", Source: "conformance"},
		{Pattern: "/^drop:.+$/", Publish: true, SlowConsumer: "drop", Source: "conformance"},
		{Pattern: "/^guarded:.+$/", Guard: "conformance.members", Publish: true, PublishGuard: "conformance.users", History: 100, HistoryTTL: "24h0m0s", SlowConsumer: "disconnect", Source: "conformance"},
	}
	if len(x.Channels) < len(wantChannels) || !slices.Equal(x.Channels[:len(wantChannels)], wantChannels) {
		t.Errorf("channels: %+v", x.Channels)
	}
	wantPresence := []exposure{
		{Pattern: "/^hall$/", TTL: "30s", Guard: "conformance.users", SlowConsumer: "conflate", Source: "config"},
		{Pattern: "/^room:.+$/", SlowConsumer: "disconnect", Source: "conformance"},
		{Pattern: "/^ttl:.+$/", TTL: "1s", SlowConsumer: "disconnect", Source: "conformance"},
		{Pattern: "/^private:.+$/", Guard: "conformance.users", SlowConsumer: "disconnect", Source: "conformance"},
	}
	if !slices.Equal(x.Presence, wantPresence) {
		t.Errorf("presence: %+v", x.Presence)
	}
	wantRooms := []exposure{
		{Pattern: "vault", Guard: "conformance.admins", MetadataGuard: "conformance.admins", Source: "config"},
		{Pattern: "/^closed:.+$/", Guard: "conformance.users", MetadataGuard: "conformance.admins", Source: "conformance"},
	}
	if !slices.Equal(x.Rooms, wantRooms) {
		t.Errorf("rooms: %+v", x.Rooms)
	}
}

// shut reports whether no channel is exposed but to whom a guard allows it.
func (h *host) shut(t *testing.T) bool {
	t.Helper()
	return !slices.ContainsFunc(h.exposures(t).Channels, func(e exposure) bool { return e.Guard == "" })
}

// Without its plugin nothing is open that it has opened, and what it has
// guarded stays shut.
func TestExposuresOfAPluginThatGoes(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{auth, conformance}, config: tokens})
	ann := h.dial(t, dialing{query: "token=right", subprotocols: v1.subprotocols})
	before := h.exposures(t)
	for range 2 {
		ann.says(t, "mesh/join-room", `{"roomName":"closed:x"}`, `{"success":true,"present":`+list(ann.id)+`}`)
		ann.says(t, "mesh/join-room", `{"roomName":"private:x"}`, `{"success":true,"present":`+list(ann.id)+`}`)
		ann.call(t, "mesh/leave-room", `{"roomName":"closed:x"}`)
		ann.call(t, "mesh/leave-room", `{"roomName":"private:x"}`)
		h.remove(t, conformance)
		eventually(t, patience, "its open channels are gone", func() bool { return h.shut(t) })
		x := h.exposures(t)
		guarded := func(e exposure) bool { return e.Guard != "" }
		if !slices.Equal(x.Presence, slices.DeleteFunc(slices.Clone(before.Presence), func(e exposure) bool { return !guarded(e) })) ||
			!slices.Equal(x.Rooms, slices.DeleteFunc(slices.Clone(before.Rooms), func(e exposure) bool { return !guarded(e) })) {
			t.Errorf("what is left is %+v", x)
		}
		ann.says(t, "mesh/subscribe-channel", `{"channel":"open:x"}`, `{"success":false,"history":[]}`)
		ann.says(t, "mesh/subscribe-presence", `{"roomName":"room:x"}`, `{"success":false,"present":[]}`)
		ann.denied(t, "mesh/join-room", `{"roomName":"closed:x"}`, "EPLUGIN", "conformance.users")
		ann.says(t, "mesh/join-room", `{"roomName":"private:x"}`, `{"success":true,"present":[]}`)
		ann.says(t, "mesh/subscribe-presence", `{"roomName":"private:x"}`, `{"success":false,"present":[]}`)
		ann.call(t, "mesh/leave-room", `{"roomName":"private:x"}`)
		h.install(t, conformance, builtPlugin(t, conformance))
		eventually(t, patience, "everything is as before", func() bool { return reflect.DeepEqual(h.exposures(t), before) })
	}
}

// Of several patterns that match the operator's come first, then those of
// plugins by order and name; the first alone decides.
func TestFirstPatternDecides(t *testing.T) {
	t.Parallel()
	guards := func(plugin, more string) string {
		section := "plugins." + plugin + ".config"
		return fmt.Sprintf("[%s]\nname = %q\n%s[[%s.guards]]\nname = \"yes\"\nhandler = 19\n[[%s.guards]]\nname = \"no\"\nhandler = 16\n", section, plugin, more, section, section)
	}
	channel := func(plugin, pattern, guard string) string {
		return fmt.Sprintf("[[plugins.%s.config.channels]]\npattern = %q\nguard = %q\n", plugin, pattern, guard)
	}
	h := start(t, setup{
		config: "[[channels]]\npattern = \"config first\"\nguard = \"first.no\"\n[[channels]]\npattern = \"/^config opens.*$/\"\n[[channels]]\npattern = \"config opens\"\nguard = \"first.no\"\n" +
			guards("zebra", "order = -1\n") + channel("zebra", "ordered", "no") + channel("zebra", "own order", "yes") + channel("zebra", "/^own.*$/", "no") +
			guards("first", "") + channel("first", "ordered", "yes") + channel("first", "named", "no") + channel("first", "config first", "yes") + channel("first", "config opens", "no") +
			guards("second", "") + channel("second", "named", "yes") + channel("second", "ordered", "yes"),
		content: puppets(t, "zebra", "second", "first"),
	})
	c := h.dial(t, v1)
	for name, open := range map[string]bool{"config first": false, "config opens": true, "ordered": false, "own order": true, "own": false, "named": false, "none": false} {
		want := `{"success":false,"history":[]}`
		if open {
			want = `{"success":true,"history":[]}`
		}
		c.says(t, "mesh/subscribe-channel", object("channel", name), want)
	}
}

// A subscription survives the plugin that opened its channel; new ones are
// refused.
func TestSubscriptionsSurviveASwap(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{conformance}})
	c := h.dial(t, v1)
	c.call(t, "mesh/subscribe-channel", `{"channel":"open:x"}`)
	c.call(t, "mesh/subscribe-presence", `{"roomName":"room:x"}`)
	c.call(t, "mesh/join-room", `{"roomName":"room:x"}`)
	module := builtPlugin(t, conformance)
	lines := h.log.len()
	h.install(t, conformance, variant(module, "swapped"))
	h.awaitLog(t, lines, map[string]string{"msg": "plugin loaded", "file": conformance})
	c.says(t, "mesh/publish-channel", `{"channel":"open:x","message":"swapped"}`, `{"success":true,"offset":1}`)
	c.receives(t, "mesh/subscription-message", 1)

	h.remove(t, conformance)
	eventually(t, patience, "the open channels are gone", func() bool { return h.shut(t) })
	h.publish(t, "open:x", "gone")
	c.receives(t, "mesh/subscription-message", 2)
	c.call(t, "mesh/leave-room", `{"roomName":"room:x"}`)
	c.came(t, joined(c, "room:x"), left(c, "room:x"))
	c.denied(t, "mesh/publish-channel", `{"channel":"open:x","message":1}`, "EDENIED", "")
	h.dial(t, v1).says(t, "mesh/subscribe-channel", `{"channel":"open:x"}`, `{"success":false,"history":[]}`)
	c.says(t, "mesh/unsubscribe-channel", `{"channel":"open:x"}`, "true")
	c.says(t, "mesh/unsubscribe-presence", `{"roomName":"room:x"}`, "true")
}

// reconfigure replaces the configuration file that a host was started with.
func (h *host) reconfigure(t *testing.T, config string) {
	t.Helper()
	i := slices.Index(h.cmd.Args, "--config")
	if err := os.WriteFile(h.cmd.Args[i+1], []byte(config), 0o666); err != nil {
		t.Fatal(err)
	}
}

// plugins.reload reads the plugin's file and section anew, at once; what does
// not load leaves the old version serving.
func TestPluginsReload(t *testing.T) {
	t.Parallel()
	config := func(commands ...string) string {
		text := "[plugins]\nsettle = \"1m\"\n[plugins.puppet.config]\nname = \"puppet\"\n"
		for _, c := range commands {
			text += fmt.Sprintf("[[plugins.puppet.config.commands]]\nname = %q\nhandler = 1\n[[plugins.puppet.config.channels]]\npattern = %q\n", c, c)
		}
		return text
	}
	module := plugintest.Fixture(t, "puppet")
	h := start(t, setup{config: config("a"), content: map[string][]byte{"puppet.wasm": module}})
	c := h.dial(t, v1)
	reload := func() string { return h.op(t, "plugins.reload", `{"name":"puppet"}`) }
	c.says(t, "a", "1", "1")

	// The section.
	h.reconfigure(t, config("a", "b"))
	c.denied(t, "b", "1", "ENOTFOUND", "")
	if got := reload(); got != `{"version":"`+short(module)+`"}` {
		t.Errorf("reload gives %s", got)
	}
	c.says(t, "a", "1", "1")
	c.says(t, "b", "2", "2")
	c.says(t, "mesh/subscribe-channel", `{"channel":"b"}`, `{"success":true,"history":[]}`)

	// The file, which is watched with much patience here.
	next := variant(module, "next")
	h.install(t, "puppet.wasm", next)
	if got := reload(); got != `{"version":"`+short(next)+`"}` {
		t.Errorf("reload gives %s", got)
	}
	c.says(t, "b", "3", "3")

	for what, broken := range map[string]string{
		"no configuration": "[plugins.puppet", "a bad one": config("a") + "[limits]\nnothing = 1\n", "nothing registered": config(),
		"a name of the server": config("mesh/x"),
	} {
		h.reconfigure(t, broken)
		status, f := h.opFails(t, "plugins.reload", `{"name":"puppet"}`)
		if status < 400 || f.Code != "EPLUGIN" || f.Message == "" || f.Ref != "" {
			t.Errorf("%s: %d %+v", what, status, f)
		}
		c.says(t, "b", "4", "4")
	}
	h.reconfigure(t, config("a", "b"))
	h.install(t, "puppet.wasm", []byte("rubbish"))
	if status, f := h.opFails(t, "plugins.reload", `{"name":"puppet"}`); status != 502 || f.Code != "EPLUGIN" || !strings.Contains(f.Message, "WebAssembly") {
		t.Errorf("rubbish: %d %v", status, &f)
	}
	c.says(t, "b", "5", "5")
	var plugins struct {
		Plugins []struct {
			Name, File, Version, Error string
			Loaded                     bool
			Commands                   []string
		}
	}
	if err := json.Unmarshal([]byte(h.op(t, "plugins.list", "{}")), &plugins); err != nil || len(plugins.Plugins) != 1 {
		t.Fatalf("%+v, %v", plugins, err)
	}
	if p := plugins.Plugins[0]; p.Name != "puppet" || p.File != "puppet.wasm" || p.Version != short(next) || p.Error == "" || !p.Loaded || !slices.Equal(p.Commands, []string{"a", "b"}) {
		t.Errorf("listed as %+v", p)
	}
	for _, name := range []string{"nobody", "", "../puppet", "puppet.wasm.part"} {
		if status, f := h.opFails(t, "plugins.reload", object("name", name)); status != 404 || f.Code != "ENOTFOUND" {
			t.Errorf("reloading %q gives %d %v", name, status, &f)
		}
	}
}
