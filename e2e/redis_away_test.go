//go:build linux

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/mesh-host/mesh-host/host/backplane/redis/redistest"
)

// away is how long Redis is away in these tests: some seconds, or with
// MESH_E2E_LONG set longer than any lease.
func away() time.Duration {
	if os.Getenv("MESH_E2E_LONG") != "" {
		return 20 * time.Second
	}
	return 3 * time.Second
}

const awayConfig = trackedConfig + `
[[channels]]
pattern = "/^kept:.+$/"
publish = true
history = 100000
[[channels]]
pattern = "/^live:.+$/"
publish = true
[[records]]
pattern = "/^open:.+$/"
writable = true
[liveness]
ping_interval = 0
latency_interval = 0
`

// awaitReady waits until /readyz answers with a status.
func (h *host) awaitReady(t *testing.T, status int, within time.Duration) {
	t.Helper()
	eventually(t, within, fmt.Sprintf("/readyz answers %d", status), func() bool {
		got, _ := get(t, "http://"+h.address+"/readyz")
		return got == status
	})
}

// Redis goes away from one of two nodes, in each way in which it can, and comes
// back: nobody is disconnected who need not be, and nothing is lost in silence.
func TestRedisAway(t *testing.T) {
	t.Parallel()
	for name, goes := range map[string]func(*redistest.Proxy){"cut": (*redistest.Proxy).Cut, "refused": (*redistest.Proxy).Refuse} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t)
			proxy := redistest.StartProxy(t, server.Addr)
			s := setup{plugins: []string{conformance}, config: awayConfig}
			node := func(i int, address string) *host {
				s := s.named(i)
				s.env = append(s.env, "MESH_REDIS_URL=redis://"+address)
				return startOne(t, s)
			}
			redisAway(t, node(0, proxy.Addr), node(1, server.Addr), func() { goes(proxy) }, func() { proxy.Restore(t) })
		})
	}
}

func redisAway(t *testing.T, near, far *host, goes, returns func()) {
	t.Helper()
	a := audienceOf(t, near, far)
	goes()
	gone := time.Now()
	a.writeAway(t, 0, 20)
	near.awaitReady(t, http.StatusServiceUnavailable, patience)
	near.servesAlone(t, a.asker)
	if left := away() - time.Since(gone); left > 0 {
		rest(left)
	}
	a.writeAway(t, 20, 20)
	for i, c := range a.all {
		if err := c.cause(); err != nil {
			t.Fatalf("session %d has ended while Redis was away: %v", i, err)
		}
	}
	returns()
	back := time.Now()
	near.awaitReady(t, http.StatusOK, 5*time.Second)
	a.caughtUp(t)
	t.Logf("away for %v, all caught up %v after", back.Sub(gone).Round(time.Millisecond), time.Since(back).Round(time.Millisecond))
	a.goesOn(t)
}

// audience are clients of a node from which Redis goes away, and one of another.
type audience struct {
	near, far                                       *host
	asker, kept, live, record, still, moved, member *client
	all                                             []*client
	writer                                          *client // at the far node
	version                                         version
}

func audienceOf(t *testing.T, near, far *host) *audience {
	t.Helper()
	a := &audience{near: near, far: far, writer: far.dial(t, v1)}
	for _, c := range []**client{&a.asker, &a.kept, &a.live, &a.record, &a.still, &a.moved, &a.member} {
		*c = near.dial(t, v1)
		a.all = append(a.all, *c)
	}
	a.kept.call(t, "mesh/subscribe-channel", `{"channel":"kept:x"}`)
	a.live.call(t, "mesh/subscribe-channel", `{"channel":"live:x"}`)
	a.record.call(t, "mesh/subscribe-record", `{"recordId":"open:x"}`)
	a.still.call(t, "mesh/subscribe-presence", `{"roomName":"tracked:still"}`)
	a.moved.call(t, "mesh/subscribe-presence", `{"roomName":"tracked:moved"}`)
	a.member.call(t, "mesh/join-room", `{"roomName":"tracked:still"}`)
	a.still.receives(t, "mesh/presence-update", 1)
	a.publish(t, "live:x", "before")
	a.live.receives(t, "mesh/subscription-message", 1)
	a.publish(t, "kept:x", "before")
	a.kept.receives(t, "mesh/subscription-message", 1)
	return a
}

// publish publishes at the far node.
func (a *audience) publish(t *testing.T, channel, message string) {
	t.Helper()
	a.writer.call(t, "mesh/publish-channel", object("channel", channel, "message", message))
}

// writeAway does at the far node what the near one does not hear of.
func (a *audience) writeAway(t *testing.T, from, n int) {
	t.Helper()
	for i := range n {
		a.publish(t, "kept:x", fmt.Sprint(from+i))
		a.version = a.writer.write(t, "open:x", fmt.Sprint(from+i))
	}
	a.publish(t, "live:x", "meanwhile")
	a.writer.call(t, "mesh/join-room", `{"roomName":"tracked:moved"}`)
	a.writer.call(t, "mesh/leave-room", `{"roomName":"tracked:moved"}`)
}

// servesAlone checks what a node does without Redis once it knows that it is away.
func (h *host) servesAlone(t *testing.T, c *client) {
	t.Helper()
	if status, body := get(t, "http://"+h.address+"/healthz"); status != http.StatusOK {
		t.Errorf("/healthz: %d %s", status, body)
	}
	var refusals, echoes latencies
	for i := range 30 {
		for command, payload := range map[string]string{
			"mesh/join-room": `{"roomName":"r"}`, "mesh/publish-channel": `{"channel":"live:x","message":"m"}`,
			"mesh/publish-record-update": recordWrite("open:y", fmt.Sprint(i)), "mesh/subscribe-record": `{"recordId":"open:y"}`,
			"mesh/subscribe-channel": `{"channel":"kept:y"}`, "mesh/subscribe-presence": `{"roomName":"tracked:y"}`, "kv.get": `{"key":"k"}`,
		} {
			asked := time.Now()
			if f := c.fails(t, command, payload); f.Code != "EUNAVAILABLE" {
				t.Fatalf("%s fails with %v", command, f)
			}
			refusals = append(refusals, time.Since(asked))
		}
		asked := time.Now()
		c.echoes(t)
		echoes = append(echoes, time.Since(asked))
	}
	for what, l := range map[string]latencies{"refusals": merge([]latencies{refusals}), "echo": merge([]latencies{echoes})} {
		t.Logf("while Redis is away: %s: %v", what, l)
		// The machine does other things too, now and then.
		if p95, worst := l.at(0.95), l.at(1); p95 > 50*time.Millisecond || worst > 500*time.Millisecond {
			t.Errorf("%s take %v, %v at worst", what, p95, worst)
		}
	}
	for range 3 {
		_, err := h.tryDial(t, v1)
		var r *refused
		if !errors.As(err, &r) || r.status != http.StatusServiceUnavailable {
			t.Errorf("a further client gets %v", err)
		}
	}
	if status, f := h.opFails(t, "rooms.members", `{"roomName":"r"}`); status != http.StatusServiceUnavailable || f.Code != "EUNAVAILABLE" {
		t.Errorf("an operator gets %d %v", status, &f)
	}
}

// awayMessages is how many messages were published while Redis was away.
const awayMessages = 40

// caughtUp waits until everyone has what they have missed, or knows that it was
// something.
func (a *audience) caughtUp(t *testing.T) {
	t.Helper()
	const soon = 10 * time.Second
	// Where the connection for subscriptions has outlived a cut, nothing was lost.
	for what, x := range map[string]struct {
		*client
		command string
		all     int
	}{
		"a channel without history": {a.live, "mesh/subscription-message", 3},
		"a room that was joined":    {a.moved, "mesh/presence-update", 4},
	} {
		if !polled(soon, func() bool { return x.cause() != nil || x.count(x.command) == x.all }) {
			t.Errorf("the subscriber of %s has %d of %d pushes, and is not closed", what, x.count(x.command), x.all)
		}
		if err := x.cause(); err != nil && websocket.CloseStatus(err) != 4102 {
			t.Errorf("the subscriber of %s is closed: %v", what, err)
		}
	}
	a.kept.receives(t, "mesh/subscription-message", 1+awayMessages)
	newest := func(f frame) bool {
		p, err := readRecordPush(f)
		return f.Command == "mesh/record-update" && err == nil && p.version == a.version
	}
	if _, found := a.record.pushes.find(0, soon, newest); !found {
		t.Errorf("the newest version %+v of the record did not come", a.version)
	}
	eventually(t, soon, "the member is one again", func() bool {
		return a.far.op(t, "rooms.members", `{"roomName":"tracked:still"}`) == `{"members":`+list(a.member.id)+`}`
	})
}

// goesOn checks that everything goes on as if nothing had been.
func (a *audience) goesOn(t *testing.T) {
	t.Helper()
	a.publish(t, "kept:x", "last")
	want := []string{"before"}
	for i := range awayMessages {
		want = append(want, fmt.Sprint(i))
	}
	var got []string
	for i, text := range a.kept.receives(t, "mesh/subscription-message", awayMessages+2) {
		var m struct {
			Message string
			Offset  int
		}
		if err := json.Unmarshal([]byte(text), &m); err != nil || m.Offset != i+1 {
			t.Errorf("message %d is %s", i+1, text)
		}
		got = append(got, m.Message)
	}
	if want = append(want, "last"); !slices.Equal(got, want) {
		t.Errorf("the subscriber of the channel has %q", got)
	}
	last := a.writer.write(t, "open:x", `"last"`)
	eventually(t, patience, "the record's last version comes", func() bool {
		pushes := a.record.records(t, 1)
		return pushes[len(pushes)-1].version == last
	})
	before := int64(0)
	for _, p := range a.record.records(t, 1) {
		if p.Version <= before || p.Epoch != last.Epoch {
			t.Errorf("after version %d comes %+v", before, p.version)
		}
		before = p.Version
	}
	late := a.near.dial(t, v1)
	late.says(t, "mesh/join-room", `{"roomName":"tracked:still"}`, `{"success":true,"present":`+list(a.member.id, late.id)+`}`)
	joined := func(f frame) bool {
		return f.Command == "mesh/presence-update" && strings.Contains(string(f.Payload), late.id)
	}
	// Where the node's lease has lapsed, its members have left and come back.
	told := func() bool { return a.still.pushes.count(joined) == 1 || a.still.cause() != nil }
	eventually(t, patience, "the subscriber of presence is told, or closed", told)
	a.far.op(t, "connections.send", `{"to":[`+encoded(a.asker.id)+`],"command":"hello"}`)
	a.asker.push(t, "hello")
	if err := a.still.cause(); err != nil && away() < 10*time.Second {
		t.Errorf("the subscriber of a room where nothing has happened is closed: %v", err)
	}
}
