//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"syscall"
	"testing"
)

// hooked is how often a hook of the conformance plugin has run, and what it
// saw last.
type hooked struct {
	Count int
	Last  struct {
		ConnectionID, User, RoomName, Reason string
		Metadata                             json.RawMessage
		Code                                 int
	}
}

func (c *client) hooked(t *testing.T, event, room string) (h hooked) {
	t.Helper()
	request := object("event", event, "roomName", room)
	if room == "" {
		request = object("event", event)
	}
	if err := json.Unmarshal([]byte(c.call(t, "hooks", request)), &h); err != nil {
		t.Fatal(err)
	}
	return h
}

// ran waits until a hook has run n times, and never once more, and returns
// what it saw.
func (c *client) ran(t *testing.T, event, room string, n int) hooked {
	t.Helper()
	var h hooked
	if !polled(patience, func() bool { h = c.hooked(t, event, room); return h.Count >= n }) || h.Count != n {
		t.Fatalf("the hook %s %s has run %d times, not %d", event, room, h.Count, n)
	}
	return h
}

// Each hook runs once for each event, and sees the client as it was.
func TestHooks(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{auth, conformance}, config: tokens})
	watcher := h.dial(t, v1)
	watcher.ran(t, "connect", "", 1)
	c := h.dial(t, dialing{query: "token=right", subprotocols: v1.subprotocols})
	if seen := watcher.ran(t, "connect", "", 2).Last; seen.ConnectionID != c.id || seen.User != "ann" || string(seen.Metadata) != `{"user":"ann"}` {
		t.Errorf("connect sees %+v", seen)
	}
	for range 3 {
		c.call(t, "mesh/join-room", `{"roomName":"r"}`)
	}
	if seen := watcher.ran(t, "join", "r", 1).Last; seen.ConnectionID != c.id || seen.User != "ann" || seen.RoomName != "r" {
		t.Errorf("join sees %+v", seen)
	}
	h.describe(t, c, `{"a":1}`)
	for i, leave := range []struct {
		reason string
		do     func()
	}{
		{"leave", func() { c.call(t, "mesh/leave-room", `{"roomName":"r"}`) }},
		{"removed", func() { h.op(t, "rooms.remove", object("roomName", "r", "connectionId", c.id)) }},
		{"removed", func() { h.op(t, "rooms.removeFromAll", object("connectionId", c.id)) }},
		{"cleared", func() { h.op(t, "rooms.clear", `{"roomName":"r"}`) }},
	} {
		leave.do()
		leave.do() // nothing more happens
		if seen := watcher.ran(t, "leave", "r", i+1).Last; seen.ConnectionID != c.id || seen.User != "ann" || seen.Reason != leave.reason || string(seen.Metadata) != `{"a":1}` {
			t.Errorf("leave sees %+v, not %s", seen, leave.reason)
		}
		c.call(t, "mesh/join-room", `{"roomName":"r"}`)
		watcher.ran(t, "join", "r", i+2)
	}
	c.call(t, "mesh/join-room", `{"roomName":"s"}`)
	h.op(t, "connections.disconnect", `{"connectionId":"`+c.id+`","code":4009,"reason":"replaced"}`)
	for room, n := range map[string]int{"r": 5, "s": 1} {
		if seen := watcher.ran(t, "leave", room, n).Last; seen.ConnectionID != c.id || seen.Reason != "disconnect" || string(seen.Metadata) != `{"a":1}` {
			t.Errorf("leave sees %+v", seen)
		}
	}
	if seen := watcher.ran(t, "disconnect", "", 1).Last; seen.ConnectionID != c.id || seen.User != "ann" || seen.Code != 4009 || seen.Reason != "replaced" || string(seen.Metadata) != `{"a":1}` {
		t.Errorf("disconnect sees %+v", seen)
	}
	// A client that is just gone has a hook too; one that closes says so.
	gone, closing := h.dial(t, v1), h.dial(t, v1)
	_ = gone.conn.CloseNow()
	if seen := watcher.ran(t, "disconnect", "", 2).Last; seen.ConnectionID != gone.id || seen.Code != 1006 && seen.Code != 1001 {
		t.Errorf("disconnect sees %+v", seen)
	}
	_ = closing.conn.Close(1000, "bye")
	if seen := watcher.ran(t, "disconnect", "", 3).Last; seen.ConnectionID != closing.id || seen.Code != 1000 {
		t.Errorf("disconnect sees %+v", seen)
	}
	watcher.ran(t, "connect", "", 4)
}

// Many clients at once: each event once.
func TestHooksOfManyClients(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{conformance}})
	watcher := h.dial(t, v1)
	const n = 40
	clients := h.dialMany(t, n, v1)
	for i, c := range clients {
		for _, room := range []string{"all", fmt.Sprint("half ", i%2)} {
			c.call(t, "mesh/join-room", object("roomName", room))
		}
	}
	watcher.ran(t, "connect", "", n+1)
	watcher.ran(t, "join", "all", n)
	for i, c := range clients {
		if i%4 == 0 {
			c.call(t, "mesh/leave-room", `{"roomName":"all"}`)
		}
		_ = c.conn.CloseNow()
	}
	watcher.ran(t, "disconnect", "", n)
	watcher.ran(t, "leave", "all", n)
	watcher.ran(t, "leave", "half 0", n/2)
	watcher.ran(t, "leave", "half 1", n/2)
}

// A hook that fails is logged and counted, and holds up nothing.
func TestHooksThatFail(t *testing.T) {
	t.Parallel()
	config := "[plugins.defaults]\nlog_rate = 10000\n"
	content := make(map[string][]byte)
	handlers := map[string]int{"trapper": 4, "failer": 15, "exiter": 12, "liar": 11, "refuser": 16}
	for name, handler := range handlers {
		for _, event := range []string{"connect", "disconnect", "join", "leave"} {
			config += fmt.Sprintf("[[plugins.%s.config.hooks]]\nevent = %q\nhandler = %d\n", name, event, handler)
		}
		maps.Copy(content, puppets(t, name))
	}
	h := start(t, setup{config: config + trackedConfig, content: content})
	watcher := h.dial(t, v1)
	watcher.call(t, "mesh/subscribe-presence", `{"roomName":"tracked:f"}`)
	c := h.dial(t, v1)
	c.says(t, "mesh/join-room", `{"roomName":"tracked:f"}`, `{"success":true,"present":`+list(c.id)+`}`)
	c.says(t, "mesh/leave-room", `{"roomName":"tracked:f"}`, `{"success":true}`)
	c.says(t, "mesh/join-room", `{"roomName":"tracked:f"}`, `{"success":true,"present":`+list(c.id)+`}`)
	_ = c.conn.CloseNow()
	watcher.came(t, joined(c, "tracked:f"), left(c, "tracked:f"), joined(c, "tracked:f"), left(c, "tracked:f"))
	eventually(t, patience, "it is gone", func() bool { return h.sessions(t) == 1 })
	for name := range handlers {
		for _, event := range []string{"connect", "disconnect", "join", "leave"} {
			r, ok := h.log.find(0, patience, func(r record) bool {
				return r["plugin"] == name && (r["level"] == "ERROR" || r["level"] == "WARN") && strings.Contains(encoded(r), event)
			})
			if !ok {
				t.Errorf("nothing in the log of %s's hook %s: %v\n%s", name, event, r, h.tail(10))
			}
		}
		cause := "fault"
		if name == "failer" || name == "refuser" {
			cause = "error"
		}
		eventually(t, patience, "the errors of "+name+" are counted", func() bool {
			return h.metric(t, fmt.Sprintf(`mesh_host_plugin_errors_total{cause=%q,plugin=%q}`, cause, name)) >= 7
		})
	}
}

// When the host stops, the hooks of all who were there still run, each once.
func TestHooksAtTheStop(t *testing.T) {
	t.Parallel()
	config := "[plugins.defaults]\nlog_rate = 10000\n"
	for _, event := range []string{"connect", "disconnect", "join", "leave"} {
		config += fmt.Sprintf("[[plugins.scribe.config.hooks]]\nevent = %q\nhandler = 22\n", event) // logs its name
	}
	h := start(t, setup{config: config, content: puppets(t, "scribe")})
	const n = 20
	for _, c := range h.dialMany(t, n, v1) {
		c.call(t, "mesh/join-room", `{"roomName":"r"}`)
		c.call(t, "mesh/join-room", object("roomName", c.id))
	}
	h.signal(t, syscall.SIGTERM)
	h.wait(t, patience)
	for event, want := range map[string]int{"connect": n, "join": 2 * n, "leave": 2 * n, "disconnect": n} {
		if got := h.log.count(func(r record) bool { return r["plugin"] == "scribe" && r["msg"] == event }); got != want {
			t.Errorf("the hook %s has run %d times, not %d", event, got, want)
		}
	}
}
