//go:build linux

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
)

// puppetGuards are guards of the puppet fixture, by the number of the handler
// behind each: how a command that names one of those that refuse is answered.
var puppetGuards = []struct {
	name    string
	handler int
	code    string // "" allows
}{
	{"allows", 19, ""},
	{"traps", 4, "EPLUGIN"},
	{"recurses", 5, "EPLUGIN"},
	{"grows", 6, "EPLUGIN"},
	{"outside", 7, "EPLUGIN"},
	{"huge", 8, "EPLUGIN"},
	{"unjson", 9, "EPLUGIN"},
	{"truncated", 10, "EPLUGIN"},
	{"status", 11, "EPLUGIN"},
	{"exits", 12, "EPLUGIN"},
	{"fails", 15, "EOWN"},
	{"refuses", 16, "EDENIED"},
	{"forbids", 17, "EOWN"},
	{"replies", 20, "EPLUGIN"},
	{"badly", 29, "EPLUGIN"},
}

// puppetConfig has the plugin of that name register the guards, and itself
// expose a channel, a room and presence behind each.
func puppetConfig(plugin string) string {
	var b strings.Builder
	section := "plugins." + plugin + ".config"
	fmt.Fprintf(&b, "[%s]\nname = %q\n", section, plugin)
	for _, g := range puppetGuards {
		fmt.Fprintf(&b, "[[%s.guards]]\nname = %q\nhandler = %d\n", section, g.name, g.handler)
		fmt.Fprintf(&b, "[[%s.channels]]\npattern = \"own:%s\"\nguard = %q\npublish = true\npublishGuard = %q\nhistory = 9\n", section, g.name, g.name, g.name)
		fmt.Fprintf(&b, "[[%s.presence]]\npattern = \"own:%s\"\nguard = %q\n", section, g.name, g.name)
		fmt.Fprintf(&b, "[[%s.rooms]]\npattern = \"own-room:%s\"\nguard = %q\nmetadataGuard = %q\n", section, g.name, g.name, g.name)
	}
	return b.String()
}

// puppets are copies of the puppet fixture, which are told apart by a note.
func puppets(t *testing.T, names ...string) map[string][]byte {
	t.Helper()
	content := make(map[string][]byte)
	for _, name := range names {
		content[name+".wasm"] = variant(plugintest.Fixture(t, "puppet"), name)
	}
	return content
}

// guardedConfig exposes in the operator's name what puppetConfig does in the
// plugin's.
func guardedConfig(plugin string) string {
	var b strings.Builder
	for _, g := range puppetGuards {
		guard := plugin + "." + g.name
		fmt.Fprintf(&b, "[[channels]]\npattern = \"op:%s\"\nguard = %q\npublish = true\npublish_guard = %q\nhistory = 9\n", g.name, guard, guard)
		fmt.Fprintf(&b, "[[presence]]\npattern = \"op:%s\"\nguard = %q\n", g.name, guard)
		fmt.Fprintf(&b, "[[rooms]]\npattern = \"op-room:%s\"\nguard = %q\nmetadata_guard = %q\n", g.name, guard, guard)
	}
	return b.String()
}

// A guard opens the door only by saying so, whoever has put it there.
func TestGuards(t *testing.T) {
	t.Parallel()
	h := start(t, setup{
		config:  guardedConfig("puppet") + "[plugins.puppet]\nlog_rate = 10000\n" + puppetConfig("puppet"),
		content: map[string][]byte{"puppet.wasm": plugintest.Fixture(t, "puppet")},
	})
	for _, place := range []string{"own", "op"} {
		for _, g := range puppetGuards {
			t.Run(place+" "+g.name, func(t *testing.T) {
				t.Parallel()
				h.guarded(t, place, g.name, g.code)
			})
		}
	}
}

// guarded tries everything that a guard stands before.
func (h *host) guarded(t *testing.T, place, guard, code string) {
	t.Helper()
	c := h.dial(t, v1)
	topic, room := place+":"+guard, place+"-room:"+guard
	channel, presence := object("channel", topic), object("roomName", topic)
	if code == "" {
		for command, payload := range map[string]string{"subscribe-channel": channel, "get-channel-history": channel, "subscribe-presence": presence, "get-presence-state": presence} {
			if reply := c.call(t, "mesh/"+command, payload); !strings.HasPrefix(reply, `{"success":true,`) {
				t.Errorf("%s: %s", command, reply)
			}
		}
		c.says(t, "mesh/publish-channel", `{"channel":"`+topic+`","message":1}`, `{"success":true,"offset":1}`)
		c.says(t, "mesh/get-room-metadata", object("roomName", room), `{"metadata":null}`)
		for _, name := range []string{topic, room} {
			c.says(t, "mesh/join-room", object("roomName", name), `{"success":true,"present":`+list(c.id)+`}`)
		}
		c.says(t, "mesh/publish-presence-state", `{"roomName":"`+topic+`","state":1}`, "true")
		return
	}
	for _, dialect := range dialects {
		c.says(t, dialect+"subscribe-channel", channel, `{"success":false,"history":[]}`)
		c.says(t, dialect+"get-channel-history", channel, `{"success":false,"history":[]}`)
		c.says(t, dialect+"subscribe-presence", presence, `{"success":false,"present":[]}`)
		c.says(t, dialect+"get-presence-state", presence, `{"success":false,"present":[]}`)
		c.denied(t, dialect+"publish-channel", `{"channel":"`+topic+`","message":1}`, code, "")
		c.denied(t, dialect+"join-room", object("roomName", room), code, "")
		c.denied(t, dialect+"get-room-metadata", object("roomName", room), "EDENIED", "members")
	}
	h.opSays(t, "rooms.members", object("roomName", room), `{"members":[]}`)
	// The room itself may be joined where only its presence is guarded.
	c.says(t, "mesh/join-room", presence, `{"success":true,"present":[]}`)
	c.says(t, "mesh/publish-presence-state", `{"roomName":"`+topic+`","state":1}`, "false")
	c.says(t, "mesh/clear-presence-state", presence, "false")
	h.opSays(t, "rooms.members", presence, `{"members":`+list(c.id)+`}`)
	h.opSays(t, "presence.list", presence, `{"present":[],"states":{}}`)
	h.publish(t, topic, "secret")
	if got := c.received(t, "mesh/subscription-message"); len(got) > 0 {
		t.Errorf("got %q", got)
	}
}

// A guard that never answers refuses once its deadline has passed, and holds
// up nobody else.
func TestGuardThatSpins(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{conformance}, config: `
[[channels]]
pattern = "spin"
guard = "spinner.spins"
publish = true
publish_guard = "spinner.spins"
[[channels]]
pattern = "free"
[[presence]]
pattern = "spin"
guard = "spinner.spins"
[[rooms]]
pattern = "spin-room"
guard = "spinner.spins"
[plugins.spinner]
deadline = "300ms"
[[plugins.spinner.config.guards]]
name = "spins"
handler = 3
`, content: map[string][]byte{"spinner.wasm": plugintest.Fixture(t, "puppet")}})
	c, other := h.dial(t, v1), h.dial(t, v1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, try := range []struct{ command, payload, want, code string }{
			{"subscribe-channel", `{"channel":"spin"}`, `{"success":false,"history":[]}`, ""},
			{"publish-channel", `{"channel":"spin","message":1}`, "", "ETIMEOUT"},
			{"join-room", `{"roomName":"spin-room"}`, "", "ETIMEOUT"},
			{"join-room", `{"roomName":"spin"}`, `{"success":true,"present":[]}`, ""},
			{"subscribe-presence", `{"roomName":"spin"}`, `{"success":false,"present":[]}`, ""},
		} {
			reply, err := c.ask("mesh/"+try.command, try.payload)
			if f, ok := err.(*failure); try.code == "" && (err != nil || reply != try.want) || try.code != "" && (!ok || f.Code != try.code) { //nolint:errorlint // never wrapped
				t.Errorf("%s %s: %s %v", try.command, try.payload, reply, err)
			}
		}
	}()
	served := 0
	for waiting := true; waiting; served++ {
		other.echoes(t)
		other.says(t, "mesh/subscribe-channel", `{"channel":"free"}`, `{"success":true,"history":[]}`)
		select {
		case <-done:
			waiting = false
		default:
		}
	}
	if served < 20 {
		t.Errorf("others were served %d times meanwhile", served)
	}
}

// A guard of a plugin that is not there refuses; so does one that the plugin
// does not have.
func TestGuardThatIsNotThere(t *testing.T) {
	t.Parallel()
	config := ""
	for i, guard := range []string{"absent.guard", "conformance.nothing"} {
		config += fmt.Sprintf("[[channels]]\npattern = \"c%d\"\nguard = %q\npublish = true\npublish_guard = %q\n[[presence]]\npattern = \"c%d\"\nguard = %q\n[[rooms]]\npattern = \"r%d\"\nguard = %q\n",
			i, guard, guard, i, guard, i, guard)
	}
	h := start(t, setup{plugins: []string{conformance}, config: config})
	c := h.dial(t, v1)
	for i := range 2 {
		c.says(t, "mesh/subscribe-channel", fmt.Sprintf(`{"channel":"c%d"}`, i), `{"success":false,"history":[]}`)
		c.denied(t, "mesh/publish-channel", fmt.Sprintf(`{"channel":"c%d","message":1}`, i), "EPLUGIN", "is not loaded")
		c.says(t, "mesh/subscribe-presence", fmt.Sprintf(`{"roomName":"c%d"}`, i), `{"success":false,"present":[]}`)
		c.denied(t, "mesh/join-room", fmt.Sprintf(`{"roomName":"r%d"}`, i), "EPLUGIN", "is not loaded")
	}
}

// The guards of the conformance plugin: for members, for users, for
// administrators.
func TestConformanceGuards(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{auth, conformance}, config: tokens + `
[[channels]]
pattern = "/^staff:.+$/"
guard = "conformance.users"
`})
	ann := h.dial(t, dialing{query: "token=right", subprotocols: v1.subprotocols})
	anonymous := h.dial(t, v1)
	subscribed, refused := `{"success":true,"history":[]}`, `{"success":false,"history":[]}`

	ann.says(t, "mesh/subscribe-channel", `{"channel":"staff:x"}`, subscribed)
	anonymous.says(t, "mesh/subscribe-channel", `{"channel":"staff:x"}`, refused)

	for _, c := range []*client{ann, anonymous} {
		c.says(t, "mesh/subscribe-channel", `{"channel":"guarded:x"}`, refused)
		c.call(t, "mesh/join-room", `{"roomName":"guarded:x"}`)
		if reply := c.call(t, "mesh/subscribe-channel", `{"channel":"guarded:x"}`); !strings.HasPrefix(reply, `{"success":true,`) {
			t.Errorf("a member: %s", reply)
		}
	}
	ann.says(t, "mesh/publish-channel", `{"channel":"guarded:x","message":"hi"}`, `{"success":true,"offset":1}`)
	anonymous.denied(t, "mesh/publish-channel", `{"channel":"guarded:x","message":"hi"}`, "EDENIED", "known users")
	anonymous.receives(t, "mesh/subscription-message", 1)
	// A guard is asked when a subscription begins; leaving does not end it.
	anonymous.call(t, "mesh/leave-room", `{"roomName":"guarded:x"}`)
	ann.call(t, "mesh/publish-channel", `{"channel":"guarded:x","message":"still"}`)
	anonymous.receives(t, "mesh/subscription-message", 2)
	anonymous.says(t, "mesh/get-channel-history", `{"channel":"guarded:x"}`, refused)
	anonymous.says(t, "mesh/subscribe-channel", `{"channel":"guarded:x"}`, refused)

	ann.says(t, "mesh/join-room", `{"roomName":"private:x"}`, `{"success":true,"present":`+list(ann.id)+`}`)
	anonymous.says(t, "mesh/join-room", `{"roomName":"private:x"}`, `{"success":true,"present":[]}`)
	h.opSays(t, "presence.list", `{"roomName":"private:x"}`, `{"present":`+list(ann.id)+`,"states":{}}`)

	ann.call(t, "mesh/join-room", `{"roomName":"closed:x"}`)
	anonymous.denied(t, "mesh/join-room", `{"roomName":"closed:x"}`, "EDENIED", "known users")
	anonymous.denied(t, "mesh/get-room-metadata", `{"roomName":"closed:x"}`, "EDENIED", "members")
	anonymous.denied(t, "mesh/get-connection-metadata", object("connectionId", "nobody"), "EDENIED", "")
	h.describe(t, anonymous, `{"admin":true}`)
	h.op(t, "rooms.metadata.set", `{"roomName":"closed:x","metadata":{"t":1}}`)
	anonymous.says(t, "mesh/get-room-metadata", `{"roomName":"closed:x"}`, `{"metadata":{"t":1}}`)
	anonymous.call(t, "mesh/leave-room", `{"roomName":"private:x"}`)
	anonymous.says(t, "mesh/get-connection-metadata", object("connectionId", ann.id), `{"metadata":{"user":"ann"}}`)
	ann.denied(t, "mesh/get-connection-metadata", object("connectionId", anonymous.id), "EDENIED", "")
	for _, channel := range []string{"bad:trap", "bad:rubbish"} {
		ann.says(t, "mesh/subscribe-channel", object("channel", channel), refused)
	}
}

// Middleware guards built-ins too, whatever they are called.
func TestMiddlewareGuardsBuiltins(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: `
[[plugins.listener.config.middleware]]
name = "listen"
handler = 22
global = true
order = 1
[[plugins.bouncer.config.middleware]]
name = "bounce"
handler = 17
global = true
order = 2
`, content: puppets(t, "listener", "bouncer")})
	c := h.dial(t, dialing{})
	for _, b := range builtins {
		lines := h.log.len()
		for _, dialect := range dialects {
			c.denied(t, dialect+b.name, `{"`+b.field+`":"x"`+b.more+`}`, "EOWN", "no")
		}
		eventually(t, patience, "three lines of "+b.name, func() bool {
			records, _ := h.log.from(lines)
			return len(slices.DeleteFunc(slices.Clone(records), func(r record) bool { return r["msg"] != "mesh/"+b.name })) == len(dialects)
		})
	}
	h.opSays(t, "rooms.list", "{}", `{"rooms":[]}`)
}
