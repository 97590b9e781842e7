//go:build linux

package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// One client cannot subscribe to everything: it is told so, and others do not
// notice.
func TestTooManySubscriptions(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: openConfig})
	greedy, other := h.dial(t, v1), h.dial(t, v1)
	other.call(t, "mesh/subscribe-channel", `{"channel":"c 7"}`)
	before := usageOf(t, h.pid())
	const most = 1000 // limits.subscriptions
	for i := range 10_000 {
		command, field := "mesh/subscribe-channel", "channel"
		if i%2 == 1 {
			command, field = "mesh/subscribe-presence", "roomName"
		}
		reply, err := greedy.ask(command, fmt.Sprintf(`{%q:"c %d"}`, field, i))
		if i < most {
			if err != nil || !strings.HasPrefix(reply, `{"success":true,`) {
				t.Fatalf("subscription %d: %s %v", i, reply, err)
			}
			continue
		}
		f, ok := err.(*failure) //nolint:errorlint // never wrapped
		if !ok || f.Code != "ELIMIT" || f.Name != "LimitError" || !strings.Contains(f.Message, "limits.subscriptions") || !strings.Contains(f.Message, "1000") {
			t.Fatalf("subscription %d: %s %v", i, reply, err)
		}
	}
	after := usageOf(t, h.pid())
	t.Logf("before %v, after %v", before, after)
	if grown := after.resident - before.resident; grown > 64<<20 {
		t.Errorf("grown by %d MiB", grown>>20)
	}
	if n := h.metric(t, "mesh_host_topics"); n != most+1 {
		t.Errorf("%v topics are subscribed to", n)
	}
	// At the bound nothing is wrong with what there is, and each that ends makes
	// room for one.
	greedy.says(t, "mesh/subscribe-channel", `{"channel":"c 0"}`, `{"success":true,"history":[]}`)
	greedy.says(t, "mesh/unsubscribe-channel", `{"channel":"c 5000"}`, "false")
	greedy.says(t, "mesh/unsubscribe-channel", `{"channel":"c 2"}`, "true")
	greedy.says(t, "mesh/subscribe-channel", `{"channel":"c 7"}`, `{"success":true,"history":[]}`)
	greedy.denied(t, "mesh/subscribe-channel", `{"channel":"c 2"}`, "ELIMIT", "limits.subscriptions")
	h.publish(t, "c 7", "hello")
	h.publish(t, "c 2", "nobody")
	for _, c := range []*client{greedy, other} {
		if got := c.receives(t, "mesh/subscription-message", 1); len(got) != 1 {
			t.Errorf("got %q", got)
		}
	}
	_ = greedy.conn.CloseNow()
	eventually(t, patience, "its subscriptions are gone", func() bool { return h.metric(t, "mesh_host_topics") == 1 })
	other.says(t, "mesh/subscribe-channel", `{"channel":"c 8"}`, `{"success":true,"history":[]}`)
}

func TestTooManyRooms(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: trackedConfig + "[limits]\nrooms = 3\n"})
	c := h.dial(t, v1)
	room := func(i int) string { return fmt.Sprintf(`{"roomName":"tracked:%d"}`, i) }
	for i := range 3 {
		c.call(t, "mesh/join-room", room(i))
	}
	c.denied(t, "mesh/join-room", room(3), "ELIMIT", "limits.rooms")
	if status, f := h.opFails(t, "rooms.add", object("roomName", "tracked:3", "connectionId", c.id)); status != 429 || f.Code != "ELIMIT" {
		t.Errorf("the server side gets %d %v", status, &f)
	}
	c.says(t, "mesh/join-room", room(2), `{"success":true,"present":`+list(c.id)+`}`)
	h.opSays(t, "rooms.members", room(3), `{"members":[]}`)
	h.opSays(t, "presence.list", room(3), `{"present":[],"states":{}}`)
	c.call(t, "mesh/leave-room", room(0))
	c.says(t, "mesh/join-room", room(3), `{"success":true,"present":`+list(c.id)+`}`)
	h.dial(t, v1).call(t, "mesh/join-room", room(0))
}

func TestLargeValues(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: openConfig + "[limits]\nmessage_size = \"2MiB\"\nreply_size = \"1MiB\"\nrecord_size = \"512KiB\"\n[metadata]\nclient_writable = [\"*\"]\n"})
	c := h.dial(t, v1)
	text := func(size int) string { return `"` + strings.Repeat("x", size-2) + `"` } // with its quotes
	c.call(t, "mesh/join-room", `{"roomName":"r"}`)
	state := func(size int) string { return `{"roomName":"r","state":` + text(size) + `}` }
	c.says(t, "mesh/publish-presence-state", state(4<<10), "true")
	c.denied(t, "mesh/publish-presence-state", state(4<<10+1), "ETOOLARGE", "limits.presence_state")
	c.denied(t, "mesh/publish-presence-state", state(1<<20), "ETOOLARGE", "limits.presence_state")
	c.says(t, "mesh/clear-presence-state", `{"roomName":"r"}`, "true")
	c.says(t, "mesh/set-my-connection-metadata", `{"metadata":`+text(64<<10)+`}`, `{"success":true}`)
	c.denied(t, "mesh/set-my-connection-metadata", `{"metadata":`+text(64<<10+1)+`}`, "ETOOLARGE", "limits.metadata_size")
	if reply := c.call(t, "mesh/get-my-connection-metadata", ""); len(reply) < 64<<10 {
		t.Errorf("the metadata has become %.100s", reply)
	}
	c.call(t, "mesh/subscribe-channel", `{"channel":"c"}`)
	c.says(t, "mesh/publish-channel", `{"channel":"c","message":`+text(1<<20)+`}`, `{"success":true}`)
	c.denied(t, "mesh/publish-channel", `{"channel":"c","message":`+text(1<<20+1)+`}`, "ETOOLARGE", "limits.reply_size")
	if got := c.receives(t, "mesh/subscription-message", 1); len(got) != 1 || len(got[0]) < 1<<20 {
		t.Errorf("%d messages", len(got))
	}
	for _, operation := range []string{"channels.publish", "broadcast"} {
		request := map[string]string{"channels.publish": `{"channel":"c","message":`, "broadcast": `{"command":"x","payload":`}[operation]
		if status, f := h.opFails(t, operation, request+text(1<<20+1)+`}`); status != 413 || f.Code != "ETOOLARGE" {
			t.Errorf("%s gives %d %v", operation, status, &f)
		}
		deep := strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)
		if status, f := h.opFails(t, operation, request+deep+`}`); status != 400 || f.Code != "EPAYLOAD" {
			t.Errorf("%s of what is nested too deeply gives %d %v", operation, status, &f)
		}
	}
	c.call(t, "mesh/noop", "")
	// Beyond a message's size the session ends, as ever.
	if err := c.send(`{"id":1,"command":"mesh/publish-presence-state","payload":{"roomName":"r","state":` + text(2<<20) + `}}`); err == nil {
		if code := c.closed(t, patience); code != 1009 {
			t.Errorf("closed with %d", code)
		}
	}
}

// A history never outgrows a reply: the newest messages that fit are in it.
func TestLargeHistory(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: "[limits]\nreply_size = \"64KiB\"\nrecord_size = \"32KiB\"\n[[channels]]\npattern = \"c\"\nhistory = 100\n"})
	for i := range 20 {
		h.publish(t, "c", fmt.Sprint(i, " ", strings.Repeat("x", 10_000)))
	}
	for _, dialect := range dialects {
		c := h.dial(t, dialing{})
		for command, limit := range map[string]string{"subscribe-channel": "historyLimit", "get-channel-history": "limit"} {
			reply := c.call(t, dialect+command, `{"channel":"c",`+fmt.Sprintf("%q", limit)+`:100}`)
			if n := strings.Count(reply, "xxx "); len(reply) > 64<<10 || len(reply) < 25_000 || n > 0 {
				t.Errorf("%s%s answers %d bytes", dialect, command, len(reply))
			}
			if !strings.Contains(reply, `"19 x`) || strings.Contains(reply, `"0 x`) {
				t.Errorf("%s%s has not the newest: %.100s", dialect, command, reply)
			}
		}
	}
}

// A payload that two readers could understand differently is refused: what
// middleware has looked at is what the command does.
func TestPayloadsWithTwoMeanings(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: "[[channels]]\npattern = \"open\"\n"})
	c := h.dial(t, v1)
	for _, payload := range []string{
		`{"ch\u0061nnel":"open"}`, `{"channel":"op\u0065n"}`, `{"payload":{"channel":"closed"},"channel":"open"}`, `{"channel\u0000":"closed","channel":"open"}`,
	} {
		c.says(t, "mesh/subscribe-channel", payload, `{"success":true,"history":[]}`)
	}
	for _, payload := range []string{
		`{"channel":"closed","channel":"open"}`, `{"channel":"open","channel":"open"}`, `{"channel":"closed","ch\u0061nnel":"open"}`,
		`{"Channel":"closed","channel":"open"}`, `{"channel":"open","CHANNEL":"closed"}`, `{"Channel":"open"}`,
		`{"channel":"open","channel":null}`, `{"channel":null,"channel":"open"}`, `{"channel\u0000":"open"}`,
	} {
		c.denied(t, "mesh/subscribe-channel", payload, "EPAYLOAD", "channel")
	}
}

// Commands without an id are done, and nothing is answered, also where they
// fail.
func TestOneWayBuiltins(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: openConfig})
	c := h.dial(t, v1)
	for _, b := range builtins {
		for _, payload := range []string{`{}`, `7`, `{"` + b.field + `":""}`} {
			if err := c.send(`{"command":"mesh/` + b.name + `","payload":` + payload + `}`); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, frame := range []string{
		`{"command":"mesh/join-room","payload":{"roomName":"r"}}`,
		`{"command":"mesh/subscribe-channel","payload":{"channel":"c","historyLimit":3}}`,
		`{"command":"mesh/subscribe-presence","payload":{"roomName":"r"}}`,
		`{"command":"mesh/publish-presence-state","payload":{"roomName":"r","state":1}}`,
		`{"command":"mesh/publish-channel","payload":{"channel":"c","message":"m"}}`,
	} {
		if err := c.send(frame); err != nil {
			t.Fatal(err)
		}
	}
	c.came(t, state(c, "r", "1"))
	c.receives(t, "mesh/subscription-message", 1)
	if n := c.pushes.len(); n != 3 { // assign-id and these two
		frames, _ := c.pushes.from(0)
		t.Errorf("%d frames: %+v", n, frames)
	}
	h.opSays(t, "rooms.members", `{"roomName":"r"}`, `{"members":`+list(c.id)+`}`)
}
