//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// What a subscription begins with and what is pushed after it is everything,
// each message once, while messages are published all the time.
func TestSubscriptionJoinsHistory(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: "[[channels]]\npattern = \"busy\"\npublish = true\nhistory = 100000\n"})
	publisher := h.dial(t, v1)
	stop := make(chan struct{})
	var publishing sync.WaitGroup
	publishing.Go(func() {
		for i := 1; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := publisher.ask("mesh/publish-channel", fmt.Sprintf(`{"channel":"busy","message":"%d"}`, i)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for round := range 20 {
		c := h.dial(t, []dialing{v1, {}}[round%2])
		var begun struct {
			History []string
			Offset  int
		}
		if err := json.Unmarshal([]byte(c.call(t, "mesh/subscribe-channel", `{"channel":"busy","historyLimit":10}`)), &begun); err != nil {
			t.Fatal(err)
		}
		if len(begun.History) > 0 && begun.History[0] != strconv.Itoa(begun.Offset) {
			t.Fatalf("the newest is %s, the offset %d", begun.History[0], begun.Offset)
		}
		for i, payload := range c.receives(t, "mesh/subscription-message", 20) {
			var m struct {
				Message string
				Offset  int
			}
			if err := json.Unmarshal([]byte(payload), &m); err != nil || m.Offset != begun.Offset+1+i || m.Message != strconv.Itoa(m.Offset) {
				t.Fatalf("round %d: after %d comes %s as number %d, %v", round, begun.Offset, payload, i+1, err)
			}
		}
		_ = c.conn.CloseNow()
	}
	close(stop)
	publishing.Wait()
}

// A reply that begins a subscription comes before its pushes, and old clients
// get time to register their callback; new ones do not wait.
func TestReplyPrecedesPushes(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: channelsConfig})
	longest, shortest := time.Duration(0), time.Hour
	for round := range 20 {
		for _, d := range []dialing{{}, v1} {
			w, err := h.connect(t, d)
			if err != nil {
				t.Fatal(err)
			}
			// Both in one write: the publish runs right behind the subscription.
			for _, frame := range []string{
				`{"id":1,"command":"mesh/subscribe-channel","payload":{"channel":"open:order"}}`,
				`{"command":"mesh/publish-channel","payload":{"channel":"open:order","message":"x"}}`,
			} {
				if err := w.send(frame); err != nil {
					t.Fatal(err)
				}
			}
			var replied time.Time
			for pushed := false; !pushed; {
				text, err := w.next()
				if err != nil {
					t.Fatal(err)
				}
				switch {
				case strings.HasPrefix(string(text), `{"id":1,`):
					replied = time.Now()
				case strings.Contains(string(text), "subscription-message"):
					pushed = true
				}
			}
			if replied.IsZero() {
				t.Fatalf("round %d: the push comes before the reply", round)
			}
			if took := time.Since(replied); d.subprotocols == nil {
				longest = max(longest, took)
			} else {
				shortest = min(shortest, took)
			}
			_ = w.conn.CloseNow()
		}
	}
	if longest < 4*time.Millisecond {
		t.Errorf("an old client gets its first push after at most %v", longest)
	}
	if shortest > 4*time.Millisecond {
		t.Errorf("a new client gets its first push after %v at the soonest", shortest)
	}
}

// The server ends subscriptions, and says so.
func TestServerEndsSubscriptions(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: channelsConfig + "[[presence]]\npattern = \"hall\"\n"})
	for i, d := range []dialing{v1, {}, {}} {
		dialect := dialects[i]
		c, other := h.dial(t, d), h.dial(t, v1)
		for _, x := range []*client{c, other} {
			prefix := dialect
			if x == other {
				prefix = "mesh/"
			}
			x.call(t, prefix+"subscribe-channel", `{"channel":"plain:end"}`)
			x.call(t, prefix+"subscribe-presence", `{"roomName":"hall"}`)
		}
		end := object("channel", "plain:end", "connectionId", c.id, "reason", "enough")
		h.opSays(t, "channels.unsubscribe", end, `{"unsubscribed":true}`)
		h.unsubscribedAgain(t, "channels.unsubscribe", end)
		end = object("roomName", "hall", "connectionId", c.id)
		h.opSays(t, "presence.unsubscribe", end, `{"unsubscribed":true}`)
		h.unsubscribedAgain(t, "presence.unsubscribe", end)
		h.publish(t, "plain:end", "later")
		want := []string{`{"kind":"channel","name":"plain:end","reason":"enough"}`, `{"kind":"presence","name":"hall","reason":""}`}
		if got := c.receives(t, dialect+"unsubscribed", 2); !slices.Equal(got, want) {
			t.Errorf("%sunsubscribed: %q", dialect, got)
		}
		if got := c.received(t, dialect+"subscription-message"); len(got) != 0 {
			t.Errorf("after the end comes %q", got)
		}
		other.receives(t, "mesh/subscription-message", 1)
		c.says(t, dialect+"unsubscribe-channel", `{"channel":"plain:end"}`, "false")
		c.says(t, dialect+"subscribe-channel", `{"channel":"plain:end"}`, `{"success":true,"history":[]}`)
	}
	h.opSays(t, "channels.unsubscribe", `{"channel":"plain:end","connectionId":"nobody"}`, `{"unsubscribed":false}`)
}

// unsubscribedAgain ends a subscription that has ended. A node knows that there is
// none of its own clients only; of another node's it says that it has asked.
func (h *host) unsubscribedAgain(t *testing.T, operation, request string) {
	t.Helper()
	got := h.op(t, operation, request)
	if got != `{"unsubscribed":false}` && (len(h.others) == 0 || got != `{"unsubscribed":true}`) {
		t.Errorf("%s %s once more = %s", operation, request, got)
	}
}
