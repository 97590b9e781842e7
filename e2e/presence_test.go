//go:build linux

package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// Each real change is pushed once, whatever else is tried.
func TestPresenceChanges(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: trackedConfig})
	const room = "tracked:a"
	payload := object("roomName", room)
	watcher, a, b := h.dial(t, v1), h.dial(t, v1), h.dial(t, v1)
	watcher.says(t, "mesh/subscribe-presence", payload, `{"success":true,"present":[],"states":{}}`)
	watcher.says(t, "mesh/subscribe-presence", payload, `{"success":true,"present":[],"states":{}}`)
	for range 3 {
		a.call(t, "mesh/join-room", payload)
	}
	b.call(t, "mesh/join-room", payload)
	watcher.came(t, joined(a, room), joined(b, room))
	for range 3 {
		b.call(t, "mesh/leave-room", payload)
	}
	b.call(t, "mesh/join-room", payload)
	h.op(t, "rooms.add", object("roomName", room, "connectionId", b.id))
	h.op(t, "rooms.remove", object("roomName", room, "connectionId", b.id))
	h.op(t, "rooms.add", object("roomName", room, "connectionId", b.id))
	_ = a.conn.CloseNow()
	want := []string{joined(a, room), joined(b, room), left(b, room), joined(b, room), left(b, room), joined(b, room), left(a, room)}
	watcher.came(t, want...)
	watcher.says(t, "mesh/get-presence-state", payload, `{"success":true,"present":`+list(b.id)+`,"states":{}}`)
	h.op(t, "connections.disconnect", object("connectionId", b.id))
	watcher.came(t, append(want, left(b, room))...)
	watcher.says(t, "mesh/unsubscribe-presence", payload, "true")
	watcher.says(t, "mesh/unsubscribe-presence", payload, "false")
	h.dial(t, v1).call(t, "mesh/join-room", payload)
	if got := watcher.received(t, "mesh/presence-update"); len(got) != len(want)+1 {
		t.Errorf("after unsubscribing came %q", got[len(want)+1:])
	}
}

// A member that watches its own room sees itself come and go.
func TestPresenceOfOneself(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: trackedConfig})
	for _, dialect := range dialects {
		c := h.dial(t, dialing{})
		room := "tracked:self" + dialect
		payload := object("roomName", room)
		c.call(t, dialect+"subscribe-presence", payload)
		c.call(t, dialect+"join-room", payload)
		c.says(t, dialect+"publish-presence-state", `{"roomName":"`+room+`","state":{"a":1.0}}`, "true")
		c.call(t, dialect+"leave-room", payload)
		want := []string{joined(c, room), state(c, room, `{"a":1.0}`), left(c, room)}
		if got := untimed(t, c.receives(t, dialect+"presence-update", 3)); !slices.Equal(got, want) {
			t.Errorf("%s: %q", dialect, got)
		}
	}
}

func TestPresenceStates(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: trackedConfig})
	const room = "tracked:s"
	payload := object("roomName", room)
	watcher, a, stranger := h.dial(t, v1), h.dial(t, v1), h.dial(t, v1)
	watcher.call(t, "mesh/subscribe-presence", payload)
	with := func(state string) string { return `{"roomName":"` + room + `","state":` + state + `}` }
	a.says(t, "mesh/publish-presence-state", with("1"), "false") // no member yet
	a.says(t, "mesh/clear-presence-state", payload, "false")
	a.call(t, "mesh/join-room", payload)
	want := []string{joined(a, room)}
	for _, s := range []string{`{"z":1,"a":[1.0,null]}`, `"x"`, `7`, `-1e9`, `true`, `[]`, `{}`, `" "`} {
		a.says(t, "mesh/publish-presence-state", with(s), "true")
		want = append(want, state(a, room, s))
		h.opSays(t, "presence.list", payload, `{"present":`+list(a.id)+`,"states":{"`+a.id+`":`+s+`}}`)
	}
	for _, s := range []string{`null`, `false`, `0`, `-0`, `""`} {
		a.says(t, "mesh/publish-presence-state", with(s), "false")
	}
	a.says(t, "mesh/publish-presence-state", payload, "false")
	stranger.says(t, "mesh/publish-presence-state", with("1"), "false")
	a.says(t, "mesh/publish-presence-state", `{"roomName":"untracked","state":1}`, "false")
	watcher.says(t, "mesh/get-presence-state", payload, `{"success":true,"present":`+list(a.id)+`,"states":{"`+a.id+`":" "}}`)
	watcher.says(t, "mesh/subscribe-presence", payload, `{"success":true,"present":`+list(a.id)+`,"states":{"`+a.id+`":" "}}`)
	a.says(t, "mesh/publish-presence-state", `{"roomName":"`+room+`","state":"quiet","silent":true}`, "true")
	a.says(t, "mesh/clear-presence-state", payload, "true")
	want = append(want, state(a, room, "null"))
	watcher.came(t, want...)
	// What the server side sets is seen alike.
	h.opSays(t, "presence.set", fmt.Sprintf(`{"roomName":%q,"connectionId":%q,"state":{"by":"server"}}`, room, a.id), `{"success":true}`)
	h.opSays(t, "presence.clear", object("roomName", room, "connectionId", a.id), `{"success":true}`)
	h.opSays(t, "presence.set", fmt.Sprintf(`{"roomName":%q,"connectionId":%q,"state":1}`, room, stranger.id), `{"success":false}`)
	watcher.came(t, append(want, state(a, room, `{"by":"server"}`), state(a, room, "null"))...)
	for _, command := range []string{"subscribe-presence", "get-presence-state"} {
		watcher.says(t, "mesh/"+command, `{"roomName":"untracked"}`, `{"success":false,"present":[]}`)
	}
	for payload, field := range map[string]string{
		`{"roomName":"tracked:s","state":1,"expireAfter":"soon"}`:              "expireAfter",
		`{"roomName":"tracked:s","state":1,"expireAfter":[]}`:                  "expireAfter",
		`{"roomName":"tracked:s","state":1,"expireAfter":9000000000000000000}`: "expireAfter",
		`{"roomName":"tracked:s","state":1,"silent":"yes"}`:                    "silent",
		`{"roomName":"tracked:s","state":1,"silent":1}`:                        "silent",
	} {
		a.denied(t, "mesh/publish-presence-state", payload, "EPAYLOAD", field)
	}
}

// States end by themselves: each once, and never a newer one.
func TestPresenceStatesExpire(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: trackedConfig})
	const room = "tracked:e"
	payload := object("roomName", room)
	watcher, a := h.dial(t, v1), h.dial(t, v1)
	watcher.call(t, "mesh/subscribe-presence", payload)
	a.call(t, "mesh/join-room", payload)
	with := func(state string, ms int) string {
		return fmt.Sprintf(`{"roomName":%q,"state":%s,"expireAfter":%d}`, room, state, ms)
	}
	at := time.Now()
	a.says(t, "mesh/publish-presence-state", with("1", 200), "true")
	want := []string{joined(a, room), state(a, room, "1"), state(a, room, "null")}
	watcher.came(t, want...)
	if took := time.Since(at); took < 200*time.Millisecond || took > 5*time.Second {
		t.Errorf("it expires after %v", took)
	}

	// A newer state takes the older one's end away, and so does leaving.
	for i, ms := range []int{1000, 300_000, 1000, 0, 1000, -5} {
		s := fmt.Sprint(i + 2)
		a.says(t, "mesh/publish-presence-state", with(s, ms), "true")
		want = append(want, state(a, room, s))
	}
	b := h.dial(t, v1)
	b.call(t, "mesh/join-room", payload)
	b.says(t, "mesh/publish-presence-state", with("8", 1000), "true")
	b.call(t, "mesh/leave-room", payload)
	b.call(t, "mesh/join-room", payload)
	want = append(want, joined(b, room), state(b, room, "8"), left(b, room), joined(b, room))
	rest(1300 * time.Millisecond)
	watcher.came(t, want...)
	h.opSays(t, "presence.list", payload, `{"present":`+list(a.id, b.id)+`,"states":{"`+a.id+`":7}}`)
}

// Who shows no sign of life for the TTL is gone from presence, not from the
// room, and is back with the next sign.
func TestPresenceLapses(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: "[[presence]]\npattern = \"lapse\"\nttl = \"1s\"\n[liveness]\nping_interval = \"200ms\"\nmax_missed_pongs = 1000\nlatency_interval = 0\n"})
	payload := `{"roomName":"lapse"}`
	watcher := h.dial(t, v1)
	watcher.call(t, "mesh/subscribe-presence", payload)
	answering, mute := h.dial(t, v1), h.dial(t, dialing{subprotocols: v1.subprotocols, mute: true})
	answering.call(t, "mesh/join-room", payload)
	mute.call(t, "mesh/join-room", payload)
	mute.says(t, "mesh/publish-presence-state", `{"roomName":"lapse","state":1}`, "true")
	at := time.Now()
	want := []string{joined(answering, "lapse"), joined(mute, "lapse"), state(mute, "lapse", "1"), left(mute, "lapse")}
	watcher.came(t, want...)
	if took := time.Since(at); took < 900*time.Millisecond || took > 5*time.Second {
		t.Errorf("it lapses after %v", took)
	}
	h.opSays(t, "presence.list", payload, `{"present":`+list(answering.id)+`,"states":{}}`)
	h.opSays(t, "rooms.members", payload, `{"members":`+list(answering.id, mute.id)+`}`)
	mute.call(t, "mesh/noop", "")
	want = append(want, joined(mute, "lapse"))
	watcher.came(t, want...)
	h.opSays(t, "presence.list", payload, `{"present":`+list(answering.id, mute.id)+`,"states":{}}`)
	mute.says(t, "mesh/publish-presence-state", `{"roomName":"lapse","state":2}`, "true")
	want = append(want, state(mute, "lapse", "2"))

	// Once more, and then it leaves while it has lapsed: nobody sees that.
	watcher.came(t, append(want, left(mute, "lapse"))...)
	_ = mute.conn.CloseNow()
	eventually(t, patience, "it is no member", func() bool {
		return h.op(t, "rooms.members", payload) == `{"members":`+list(answering.id)+`}`
	})
	watcher.came(t, append(want, left(mute, "lapse"))...)
}

// A member whose presence has lapsed and who joins again, or leaves, is treated
// as one who is back.
func TestLapsedMemberJoinsAgain(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: "[[presence]]\npattern = \"lapse\"\nttl = \"1s\"\n[liveness]\nping_interval = 0\nlatency_interval = 0\n"})
	payload := `{"roomName":"lapse"}`
	watcher, c := h.dial(t, v1), h.dial(t, v1)
	watcher.call(t, "mesh/subscribe-presence", payload)
	c.call(t, "mesh/join-room", payload)
	want := []string{joined(c, "lapse"), left(c, "lapse")}
	watcher.came(t, want...)
	c.says(t, "mesh/join-room", payload, `{"success":true,"present":`+list(c.id)+`}`)
	watcher.came(t, append(want, joined(c, "lapse"))...)
	c.call(t, "mesh/leave-room", payload)
	want = append(want, joined(c, "lapse"), left(c, "lapse"))
	watcher.came(t, want...)
	rest(1500 * time.Millisecond)
	c.call(t, "mesh/noop", "")
	watcher.came(t, want...)
}
