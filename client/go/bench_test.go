package client

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// bench receives one frame again and again, from its text to the handler.
func bench(b *testing.B, key topicKey, t topic, text string) {
	b.Helper()
	c := &Client{options: Options{Backlog: 1 << 20}, calls: newQueue[callback](), subs: make(map[topicKey]*Subscription)}
	s := &Subscription{c: c, key: key, topic: t, events: newQueue[event](), begun: make(chan struct{}), ending: make(chan struct{})}
	c.subs[key] = s
	raw := []byte(text)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	var f frame
	for b.Loop() {
		if err := f.parse(raw); err != nil {
			b.Fatal(err)
		}
		c.take(nil, &f, len(raw))
		if e, ok := s.events.take(); !ok || s.handle(e) != nil {
			b.Fatal("nothing came")
		}
	}
}

func BenchmarkReceiveMessage(b *testing.B) {
	for _, size := range []int{16, 1024} {
		b.Run(fmt.Sprint(size, " bytes"), func(b *testing.B) {
			n := 0
			f := &follower{channel: "news", handle: func(Message) { n++ }} // a channel without history: each message counts
			bench(b, topicKey{"channel", "news"}, f, fmt.Sprintf(`{"command":"mesh/subscription-message","payload":{"channel":"news","message":%q}}`, strings.Repeat("x", size)))
			if n < b.N {
				b.Errorf("%d messages of %d", n, b.N)
			}
		})
	}
}

func BenchmarkReceivePresence(b *testing.B) {
	w := &watcher{room: "lobby", handle: func(PresenceEvent) {}, members: make(map[string]json.RawMessage)}
	bench(b, topicKey{"presence", "lobby"}, w, `{"command":"mesh/presence-update","payload":{"type":"state","connectionId":"c1","roomName":"lobby","state":{"x":1,"y":2},"timestamp":1700000000000}}`)
}

// A patch of one member in a record of a hundred.
func BenchmarkApplyPatch(b *testing.B) {
	members := make(map[string]string)
	for i := range 100 {
		members[fmt.Sprint("member ", i)] = strings.Repeat("x", 50)
	}
	doc, _ := json.Marshal(members)
	n := &node{raw: doc}
	b.ReportAllocs()
	for b.Loop() {
		if err := n.apply(json.RawMessage(`[{"op":"replace","path":"/member 50","value":"y"}]`)); err != nil || len(n.text()) < 5000 {
			b.Fatal(err)
		}
	}
}
