//go:build linux

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// Each way to address clients reaches exactly those it names.
func TestAddressing(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{auth}, config: tokens})
	ann1, ann2 := h.dial(t, dialing{query: "token=right"}), h.dial(t, dialing{query: "token=right"})
	bob, nobody, rt := h.dial(t, dialing{query: "token=other"}), h.dial(t, v1), h.dial(t, dialing{})
	rt.call(t, "rt/noop", "")
	all := []*client{ann1, ann2, bob, nobody, rt}
	for _, c := range []*client{ann1, bob, rt} {
		c.call(t, "mesh/join-room", `{"roomName":"r"}`)
	}
	to := func(clients ...*client) string { return encoded(ids(clients...)) }
	sent := make(map[*client]int)
	for i, step := range []struct {
		operation, request string
		receivers          []*client
	}{
		{"connections.send", `"to":` + to(ann2, nobody), []*client{ann2, nobody}},
		{"connections.send", `"to":` + to(bob, bob, bob), []*client{bob}},
		{"connections.send", `"to":["nobody",""]`, nil},
		{"connections.send", `"to":[]`, nil},
		{"connections.send", `"to":` + to(all...) + `,"exclude":` + to(ann1, nobody), []*client{ann2, bob, rt}},
		{"rooms.send", `"roomName":"r"`, []*client{ann1, bob, rt}},
		{"rooms.send", `"roomName":"r","exclude":` + to(bob, ann2), []*client{ann1, rt}},
		{"rooms.send", `"roomName":"empty"`, nil},
		{"users.send", `"to":["ann"]`, []*client{ann1, ann2}},
		{"users.send", `"to":["ann","bob","ann","eve"]`, []*client{ann1, ann2, bob}},
		{"users.send", `"to":["ann"],"exclude":` + to(ann1), []*client{ann2}},
		{"broadcast", `"exclude":[]`, all},
		{"broadcast", `"exclude":` + to(rt, ann1, bob, ann2), []*client{nobody}},
		{"broadcast", `"exclude":["nobody"]`, all},
	} {
		name := fmt.Sprint("push ", i)
		payload := fmt.Sprintf(`{"n":%d.0}`, i)
		h.opSays(t, step.operation, `{`+step.request+`,"command":"`+name+`","payload":`+payload+`}`, fmt.Sprintf(`{"sent":%d}`, len(step.receivers)))
		for _, c := range all {
			want := 0
			for _, r := range step.receivers {
				if r == c {
					want = 1
				}
			}
			if got := c.receives(t, name, want); len(got) != want || want == 1 && got[0] != payload {
				t.Errorf("%s %s: client %s has %q", step.operation, step.request, c.id, got)
			}
			sent[c] += want
		}
	}
	h.opSays(t, "broadcast", `{"command":"bare"}`, `{"sent":5}`)
	for _, c := range all {
		if got := c.receives(t, "bare", 1); len(got) != 1 || got[0] != "null" {
			t.Errorf("no payload arrives as %q", got)
		}
		// It comes after all that was sent before, to whom it was not, too.
		if got := c.pushes.count(func(f frame) bool { return strings.HasPrefix(f.Command, "push ") }); got != sent[c] {
			t.Errorf("client %s has %d pushes, not %d", c.id, got, sent[c])
		}
	}
	for _, command := range []string{"", "mesh/x", "rt/x", "ping", "pong", "latency", "latency:request", "latency:response", "a\nb", strings.Repeat("x", 257)} {
		for _, operation := range []string{"broadcast", "connections.send", "users.send", "rooms.send"} {
			request := map[string]any{"command": command, "to": []string{}, "roomName": "r"}
			switch operation {
			case "broadcast":
				delete(request, "to")
				delete(request, "roomName")
			case "rooms.send":
				delete(request, "to")
			default:
				delete(request, "roomName")
			}
			if status, f := h.opFails(t, operation, encoded(request)); status != 400 || f.Code != "EPAYLOAD" || !strings.Contains(f.Message, "command") {
				t.Errorf("%s as %q gives %d %v", operation, command, status, &f)
			}
		}
	}
}

// Who is told to go is told why.
func TestDisconnect(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{auth}, config: tokens})
	for _, c := range []struct {
		more string
		code int
		why  string
	}{
		{``, 4003, ""},
		{`,"code":0,"reason":"go"`, 4003, "go"},
		{`,"code":1000`, 1000, ""},
		{`,"code":1013,"reason":"` + strings.Repeat("ü", 61) + `"`, 1013, strings.Repeat("ü", 61)},
		{`,"code":4999,"reason":"x"`, 4999, "x"},
	} {
		leaver, stayer := h.dial(t, v1), h.dial(t, v1)
		h.opSays(t, "connections.disconnect", `{"connectionId":"`+leaver.id+`"`+c.more+`}`, `{"disconnected":true}`)
		code := leaver.closed(t, patience)
		var closed websocket.CloseError
		if !errors.As(leaver.cause(), &closed) || code != c.code || closed.Reason != c.why {
			t.Errorf("%s: %v", c.more, leaver.cause())
		}
		eventually(t, patience, "it is gone", func() bool {
			return h.op(t, "connections.disconnect", object("connectionId", leaver.id)) == `{"disconnected":false}`
		})
		stayer.call(t, "mesh/noop", "")
	}
	ann1, ann2, bob := h.dial(t, dialing{query: "token=right"}), h.dial(t, dialing{query: "token=right"}), h.dial(t, dialing{query: "token=other"})
	h.opSays(t, "users.disconnect", `{"user":"ann","code":4009,"reason":"replaced"}`, `{"disconnected":2}`)
	for _, c := range []*client{ann1, ann2} {
		if code := c.closed(t, patience); code != 4009 {
			t.Errorf("closed with %d", code)
		}
	}
	bob.call(t, "mesh/noop", "")
	eventually(t, patience, "ann is gone", func() bool { return h.op(t, "users.list", "{}") == `{"users":["bob"]}` })
	h.opSays(t, "users.disconnect", `{"user":"ann"}`, `{"disconnected":0}`)
	for _, code := range []string{"1001", "1008", "1011"} {
		c := h.dial(t, v1)
		h.opSays(t, "connections.disconnect", `{"connectionId":"`+c.id+`","code":`+code+`}`, `{"disconnected":true}`)
		if got := fmt.Sprint(c.closed(t, patience)); got != code {
			t.Errorf("closed with %s, not %s", got, code)
		}
	}
	for _, code := range []string{"-1", "1", "999", "1002", "1003", "1004", "1005", "1006", "1007", "1009", "1010", "1015", "2999", "3000", "3999", "5000", "65536", "4294971299"} {
		if status, f := h.opFails(t, "connections.disconnect", `{"connectionId":"`+bob.id+`","code":`+code+`}`); status != 400 || f.Code != "EPAYLOAD" || !strings.Contains(f.Message, "code") {
			t.Errorf("code %s gives %d %v", code, status, &f)
		}
	}
	bob.call(t, "mesh/noop", "")
}

func TestConnectionsList(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{auth}, config: tokens + "[node]\nname = \"node-7\"\n[liveness]\nlatency_interval = \"50ms\"\n"})
	name := "node-7"
	if len(h.others) > 0 {
		name = nameOf(0)
	}
	before := time.Now()
	ann := h.dial(t, dialing{query: "token=right"})
	h.dial(t, dialing{})
	for request, n := range map[string]int{`{}`: 2, `{"user":"ann"}`: 1, `{"user":"eve"}`: 0} {
		var page struct {
			Connections []struct {
				ConnectionID, User, Node string
				Latency                  *int
				ConnectedAt              time.Time
			}
		}
		if err := json.Unmarshal([]byte(h.op(t, "connections.list", request)), &page); err != nil || len(page.Connections) != n {
			t.Fatalf("%s lists %+v, %v", request, page, err)
		}
		for _, c := range page.Connections {
			// How fast another node's clients answer is not known here.
			if here := c.Node == name; here != (c.Latency != nil) {
				t.Errorf("%s lists %+v", request, c)
			} else if !here && len(h.others) > 0 {
				zero := 0
				c.Latency = &zero
			}
			if c.Node != name && len(h.others) == 0 || c.ConnectedAt.Before(before.Add(-time.Second)) || c.ConnectedAt.After(time.Now().Add(time.Second)) ||
				(c.User == "ann") != (c.ConnectionID == ann.id) || c.Latency == nil || *c.Latency < 0 || *c.Latency > 5000 {
				t.Errorf("%s lists %+v", request, c)
			}
		}
	}
}
