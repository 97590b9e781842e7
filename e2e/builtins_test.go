//go:build linux

package e2e

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// v1 is how a client of this protocol connects, without the delays that old
// clients need.
var v1 = dialing{subprotocols: []string{"mesh.v1"}}

// dialects are the spellings of the built-in commands: what stands before a
// name.
var dialects = []string{"mesh/", "rt/", ""}

// says checks what a command replies.
func (c *client) says(t *testing.T, command, payload, want string) {
	t.Helper()
	if reply, err := c.ask(command, payload); err != nil || reply != want {
		t.Errorf("%s %s is answered %s, error %v, not %s", command, payload, reply, err, want)
	}
}

// comesToSay waits until a command is answered with a text.
func (c *client) comesToSay(t *testing.T, command, payload, want string) {
	t.Helper()
	eventually(t, patience, command+" is answered "+want, func() bool { return c.call(t, command, payload) == want })
}

// denied checks that a command fails with a code and a message that has a
// part.
func (c *client) denied(t *testing.T, command, payload, code, part string) {
	t.Helper()
	if f := c.fails(t, command, payload); f.Code != code || !strings.Contains(f.Message, part) {
		t.Errorf("%s %.200s fails with %v, not with %s and %q", command, payload, f, code, part)
	}
}

// received returns the payloads of the pushes of a name that have come so far:
// all that the server produced before.
func (c *client) received(t *testing.T, command string) []string {
	t.Helper()
	c.call(t, "mesh/noop", "")
	var payloads []string
	frames, _ := c.pushes.from(0)
	for _, f := range frames {
		if f.Command == command {
			payloads = append(payloads, string(f.Payload))
		}
	}
	return payloads
}

// receives waits until n pushes of a name have come, and returns their payloads.
func (c *client) receives(t *testing.T, command string, n int) []string {
	t.Helper()
	eventually(t, patience, fmt.Sprintf("%d pushes %s", n, command), func() bool { return c.count(command) >= n })
	return c.received(t, command)
}

var timestamp = regexp.MustCompile(`,"timestamp":[1-9][0-9]{12}\}$`)

// untimed takes the timestamps out of updates of presence.
func untimed(t *testing.T, updates []string) []string {
	t.Helper()
	bare := make([]string, len(updates))
	for i, u := range updates {
		if !timestamp.MatchString(u) {
			t.Errorf("no timestamp: %s", u)
		}
		bare[i] = timestamp.ReplaceAllString(u, "}")
	}
	return bare
}

// came checks the updates of presence that a session of dialect mesh/ has got.
func (c *client) came(t *testing.T, want ...string) {
	t.Helper()
	if got := untimed(t, c.receives(t, "mesh/presence-update", len(want))); !slices.Equal(got, want) {
		t.Errorf("updates of presence:\n got %q\nwant %q", got, want)
	}
}

// joined, left and state are updates of presence.

func joined(c *client, room string) string { return change("join", c, room) }

func left(c *client, room string) string { return change("leave", c, room) }

func change(kind string, c *client, room string) string {
	return fmt.Sprintf(`{"type":%q,"connectionId":%q,"roomName":%q}`, kind, c.id, room)
}

func state(c *client, room, value string) string {
	return fmt.Sprintf(`{"type":"state","connectionId":%q,"roomName":%q,"state":%s}`, c.id, room, value)
}

// builtins are the built-in commands on names, each with the field that holds
// the name and the other fields that it needs.
var builtins = []struct{ name, field, more string }{
	{"subscribe-channel", "channel", ""},
	{"unsubscribe-channel", "channel", ""},
	{"publish-channel", "channel", `,"message":1`},
	{"get-channel-history", "channel", ""},
	{"join-room", "roomName", ""},
	{"leave-room", "roomName", ""},
	{"get-room-metadata", "roomName", ""},
	{"subscribe-presence", "roomName", ""},
	{"unsubscribe-presence", "roomName", ""},
	{"get-presence-state", "roomName", ""},
	{"publish-presence-state", "roomName", `,"state":1`},
	{"clear-presence-state", "roomName", ""},
	{"get-connection-metadata", "connectionId", ""},
	{"subscribe-record", "recordId", ""},
	{"unsubscribe-record", "recordId", ""},
	{"publish-record-update", "recordId", `,"newValue":1`},
	{"subscribe-collection", "collectionId", ""},
	{"unsubscribe-collection", "collectionId", ""},
}

// What is no name is refused by every command, and nothing is left of it.
func TestBadNames(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: openConfig})
	c := h.dial(t, v1)
	long := strings.Repeat("x", 257)
	for _, b := range builtins {
		for _, payload := range []string{
			``, `null`, `{}`, `[]`, `"x"`, `7`, `true`,
			`{"` + b.field + `":null` + b.more + `}`,
			`{"` + b.field + `":7` + b.more + `}`,
			`{"` + b.field + `":["x"]` + b.more + `}`,
			`{"` + b.field + `":{}` + b.more + `}`,
			`{"` + b.field + `":""` + b.more + `}`,
			`{"` + b.field + `":"` + long + `"` + b.more + `}`,
			`{"` + b.field + `":"` + strings.Repeat("ü", 129) + `"` + b.more + `}`,
			`{"` + b.field + `":"a\u0000b"` + b.more + `}`,
			`{"` + b.field + `":"a\nb"` + b.more + `}`,
			`{"` + b.field + `":"a\u007fb"` + b.more + `}`,
			`{"` + b.field + `":"a\u0085b"` + b.more + `}`,
		} {
			for _, dialect := range dialects {
				f := c.fails(t, dialect+b.name, payload)
				part := b.field
				if payload != "" && payload[0] != '{' {
					part = "payload"
				}
				if f.Code != "EPAYLOAD" || f.Name != "PayloadError" || !strings.Contains(f.Message, part) || len(f.Message) > 200 {
					t.Errorf("%s%s %.80s fails with %+v", dialect, b.name, payload, f)
				}
			}
		}
	}
	h.opSays(t, "rooms.list", "", `{"rooms":[]}`)
	h.opSays(t, "rooms.list", object("connectionId", c.id), `{"rooms":[]}`)
}

// The longest name is one, whatever it is made of.
func TestLongAndOddNames(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: openConfig})
	c := h.dial(t, v1)
	for i, name := range []string{
		strings.Repeat("x", 256), strings.Repeat("ü", 128), " ", "/", "a b", "__proto__", "\"", `\`, "🚀", "../..", "mesh/x", "*", "\u2028", "<script>",
	} {
		payload := object("roomName", name)
		c.says(t, "mesh/join-room", payload, `{"success":true,"present":`+list(c.id)+`}`)
		if got := h.op(t, "rooms.list", object("connectionId", c.id)); !sameJSON(got, `{"rooms":[`+encoded(name)+`]}`) {
			t.Errorf("the rooms are %s", got)
		}
		c.says(t, "mesh/leave-room", payload, `{"success":true}`)
		c.says(t, "mesh/subscribe-channel", object("channel", name), `{"success":true,"history":[]}`)
		h.publish(t, name, "m")
		want := `{"channel":` + encoded(name) + `,"message":"m"}`
		got := c.receives(t, "mesh/subscription-message", i+1)
		if len(got) != i+1 || !sameJSON(got[i], want) {
			t.Errorf("got %q, not %s", got, want)
		}
		c.says(t, "mesh/unsubscribe-channel", object("channel", name), "true")
	}
}

// openConfig opens every channel, for publishing too, and has every room
// tracked.
const openConfig = `
[[channels]]
pattern = "/^.*$/"
publish = true
[[presence]]
pattern = "/^.*$/"
`

// Every dialect's name for a built-in is answered under that name, and no
// other name is one.
func TestDialectsOfNames(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: openConfig})
	for _, dialect := range dialects {
		c := h.dial(t, dialing{})
		c.says(t, dialect+"noop", "", "true")
		c.says(t, dialect+"join-room", `{"roomName":"r"}`, `{"success":true,"present":`+present(dialect, c)+`}`)
		c.says(t, dialect+"leave-room", `{"roomName":"r"}`, `{"success":true}`)
		c.says(t, dialect+"get-my-connection-metadata", "", `{"metadata":null}`)
	}
	c := h.dial(t, v1)
	for _, name := range []string{"mesh/nope", "rt/nope", "MESH/noop", "mesh/Noop", "mesh//noop", "mesh/rt/noop", "rt/mesh/noop", "/noop", "mesh/", "mesh/noop/", "mesh/builtin", " noop"} {
		f := c.fails(t, name, "{}")
		if f.Code != "ENOTFOUND" || f.Message != fmt.Sprintf("Command %q not found", name) {
			t.Errorf("%q: %v", name, f)
		}
	}
}

// present is the list of members without metadata as a dialect has it, sorted
// by id.
func present(dialect string, clients ...*client) string {
	sorted := slices.Sorted(slices.Values(ids(clients...)))
	if dialect != "rt/" {
		return encoded(append([]string{}, sorted...))
	}
	entries := []string{}
	for _, id := range sorted {
		entries = append(entries, fmt.Sprintf(`{"id":%q,"metadata":null}`, id))
	}
	return "[" + strings.Join(entries, ",") + "]"
}
