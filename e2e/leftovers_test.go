//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"
)

// After all clients have left nothing is left of them, however they did it.
func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{auth, conformance}, config: tokens + `
[metadata]
client_writable = ["*"]
[liveness]
close_timeout = "500ms"
[[channels]]
pattern = "/^free:.*$/"
publish = true
[[presence]]
pattern = "/^hall:.*$/"
ttl = "1s"
`})
	for i := range 10 {
		h.set(t, fmt.Sprint("record:", i), fmt.Sprint(i))
	}
	h.set(t, "list:1", `["record:1","record:2"]`)
	resting := usageOf(t, h.pid())
	for round := range 3 {
		clients := h.dialMany(t, 30, dialing{query: "token=right", mute: round == 1})
		var group sync.WaitGroup
		for i, c := range clients {
			group.Go(func() { settle(t, c, i) })
		}
		group.Wait()
		if n := h.metric(t, "mesh_host_room_members"); n != 30*3 {
			t.Errorf("%v memberships", n)
		}
		for i, c := range clients {
			switch i % 5 {
			case 0:
				_ = c.conn.CloseNow()
			case 1:
				_ = c.conn.Close(1000, "bye")
			case 2:
				h.op(t, "connections.disconnect", object("connectionId", c.id))
			case 3:
				_ = c.send("this is no frame of ours")
				if i == 3 && round == 2 {
					_ = c.send(`{"id":1,"command":"spin"}`) // it goes in the midst of a command
				}
				_ = c.conn.CloseNow()
			case 4: // with the user
			}
		}
		h.op(t, "users.disconnect", `{"user":"ann"}`)
		h.isEmpty(t)
	}
	eventually(t, patience, "the files of connections are closed", func() bool { return usageOf(t, h.pid()).files <= resting.files+2 })
}

// Clients that are gone before they are answered leave nothing either.
func TestHastyClientsLeaveNothing(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{conformance}, config: "[[presence]]\npattern = \"/^hall:.*$/\"\n[[channels]]\npattern = \"/^free:.*$/\"\n"})
	watcher := h.dial(t, v1)
	watcher.call(t, "mesh/subscribe-presence", `{"roomName":"hall:all"}`)
	var frames []byte
	for i := range 20 {
		for _, frame := range []string{
			`{"command":"mesh/join-room","payload":{"roomName":"hall:all"}}`,
			`{"command":"mesh/publish-presence-state","payload":{"roomName":"hall:all","state":1,"expireAfter":60000}}`,
			fmt.Sprintf(`{"command":"mesh/join-room","payload":{"roomName":"room %d"}}`, i),
			fmt.Sprintf(`{"command":"mesh/subscribe-channel","payload":{"channel":"free:%d"}}`, i),
			fmt.Sprintf(`{"command":"mesh/subscribe-presence","payload":{"roomName":"hall:%d"}}`, i),
			fmt.Sprintf(`{"command":"mesh/subscribe-record","payload":{"recordId":"record:%d"}}`, i),
			fmt.Sprintf(`{"command":"mesh/subscribe-collection","payload":{"collectionId":"list:%d"}}`, i),
			`{"command":"mesh/subscribe-collection","payload":{"collectionId":"records"}}`,
			`{"command":"mesh/leave-room","payload":{"roomName":"hall:all"}}`,
		} {
			frames = append(frames, text(frame)...)
		}
	}
	var group sync.WaitGroup
	for i := range 100 {
		r := h.shake(t)
		group.Go(func() {
			_, _ = r.conn.Write(frames[:len(frames)*(i+1)/100])
			_ = r.conn.Close()
		})
	}
	group.Wait()
	eventually(t, patience, "all are gone", func() bool { return h.sessions(t) == 1 })
	// A session is no session any more a moment before it has left its rooms.
	eventually(t, patience, "nobody is present", func() bool {
		return h.op(t, "presence.list", `{"roomName":"hall:all"}`) == `{"present":[],"states":{}}`
	})
	balance := map[string]int{}
	for _, update := range watcher.received(t, "mesh/presence-update") {
		var u struct{ Type, ConnectionID string }
		if err := json.Unmarshal([]byte(update), &u); err != nil {
			t.Fatal(err)
		}
		balance[u.ConnectionID] += map[string]int{"join": 1, "leave": -1}[u.Type]
		if n := balance[u.ConnectionID]; n < 0 || n > 1 {
			t.Fatalf("%s is there %d times", u.ConnectionID, n)
		}
	}
	for id, n := range balance {
		if n != 0 {
			t.Errorf("the watcher still sees %s", id)
		}
	}
	_ = watcher.conn.CloseNow()
	h.isEmpty(t)
}

// settle has a client hold something of everything.
func settle(t *testing.T, c *client, i int) {
	t.Helper()
	for command, payload := range map[string]string{
		"mesh/set-my-connection-metadata": fmt.Sprintf(`{"metadata":{"n":%d}}`, i),
		"rt/subscribe-channel":            `{"channel":"free:all"}`,
		"mesh/subscribe-channel":          fmt.Sprintf(`{"channel":"free:%d"}`, i),
		"mesh/join-room":                  `{"roomName":"hall:all"}`,
		"join-room":                       fmt.Sprintf(`{"roomName":"hall:%d"}`, i%7),
		"rt/join-room":                    fmt.Sprintf(`{"roomName":"own:%d"}`, i),
		"mesh/subscribe-presence":         `{"roomName":"hall:all"}`,
		"rt/subscribe-presence":           fmt.Sprintf(`{"roomName":"hall:%d"}`, i),
		"mesh/subscribe-record":           `{"recordId":"record:all","mode":"patch"}`,
		"rt/subscribe-record":             fmt.Sprintf(`{"recordId":"shared:%d"}`, i),
		"mesh/subscribe-collection":       `{"collectionId":"records"}`,
		"rt/subscribe-collection":         `{"collectionId":"mine"}`,
	} {
		if _, err := c.ask(command, payload); err != nil {
			t.Error(err)
		}
	}
	for _, payload := range []string{`{"roomName":"hall:all","state":1}`, fmt.Sprintf(`{"roomName":"hall:%d","state":2,"expireAfter":300000}`, i%7)} {
		if reply, err := c.ask("mesh/publish-presence-state", payload); err != nil || reply != "true" {
			t.Errorf("%s: %s %v", payload, reply, err)
		}
	}
}

// isEmpty waits until nothing of any client is left, in the lists of the admin
// API and in the counts of the metrics.
func (h *host) isEmpty(t *testing.T) {
	t.Helper()
	for _, empty := range []struct{ operation, request, want string }{
		{"connections.list", "{}", `{"connections":[]}`},
		{"connections.metadata.list", "{}", `[]`},
		{"users.list", "{}", `{"users":[]}`},
		{"users.connections", `{"user":"ann"}`, `{"connections":[]}`},
		{"rooms.list", "{}", `{"rooms":[]}`},
		{"rooms.members", `{"roomName":"hall:all"}`, `{"members":[]}`},
		{"presence.list", `{"roomName":"hall:all"}`, `{"present":[],"states":{}}`},
		{"presence.list", `{"roomName":"hall:3"}`, `{"present":[],"states":{}}`},
	} {
		got := ""
		if !polled(patience, func() bool { got = h.op(t, empty.operation, empty.request); return got == empty.want }) {
			t.Errorf("%s %s has %s left", empty.operation, empty.request, got)
		}
	}
	for _, metric := range []string{"sessions", "rooms", "room_members", "present", "topics", "collections", "room_metadata_bytes", "hooks_waiting"} {
		got := 0.0
		if !polled(patience, func() bool { got = h.metric(t, "mesh_host_"+metric); return got == 0 }) {
			t.Errorf("%s is %v", metric, got)
		}
	}
}

// What is kept of channels goes by its age, nothing of rooms that are cleared
// stays.
func TestHistoryGoesByItsAge(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: "[[channels]]\npattern = \"/^c.*$/\"\nhistory = 10\nhistory_ttl = \"1s\"\n"})
	c := h.dial(t, v1)
	for i := range 20 {
		h.publish(t, fmt.Sprint("c", i), "m")
	}
	before := h.position(t, "c0")
	if n := h.metric(t, "mesh_host_channel_streams"); n != 20 {
		t.Errorf("%v streams", n)
	}
	at := time.Now()
	eventually(t, patience, "the message is gone", func() bool {
		return c.call(t, "mesh/get-channel-history", `{"channel":"c0"}`) == fmt.Sprintf(`{"success":true,"history":[],"epoch":%q,"offset":1}`, before.Epoch)
	})
	if took := time.Since(at); took < 500*time.Millisecond || took > 5*time.Second {
		t.Errorf("it is gone after %v", took)
	}
	// What is gone is not recovered, and the offsets go on.
	c.says(t, "mesh/subscribe-channel", fmt.Sprintf(`{"channel":"c0","recover":{"epoch":%q,"offset":0}}`, before.Epoch),
		fmt.Sprintf(`{"success":true,"history":[],"epoch":%q,"offset":1,"recovered":false}`, before.Epoch))
	h.opSays(t, "channels.publish", `{"channel":"c0","message":"next"}`, fmt.Sprintf(`{"offset":2,"epoch":%q}`, before.Epoch))
}
