package client_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	client "github.com/mesh-host/mesh-host/client/go"
)

func TestPresence(t *testing.T) {
	t.Parallel()
	h := make(heard, 100)
	c := dial(t, client.Options{}, serve(t, func(p *peer) {
		update := func(rest string) {
			p.send(`{"command":"mesh/presence-update","payload":{"roomName":"lobby","timestamp":1700000000000,%s}}`, rest)
		}
		p.greet()
		f := p.expect("mesh/subscribe-presence", `{"roomName":"lobby"}`)
		if p.n > 0 {
			p.reply(f, `{"success":true,"present":["b","d","e"],"states":{"b":{"n":2},"d":1}}`)
			p.wait()
		}
		p.reply(f, `{"success":true,"present":["a","b"],"states":{"a":{"n":1}}}`)
		update(`"type":"join","connectionId":"c"`)
		update(`"type":"join","connectionId":"c"`)
		update(`"type":"state","connectionId":"c","state":"busy"`)
		update(`"type":"state","connectionId":"c","state":null`)
		update(`"type":"state","connectionId":"d","state":1`) // of one who had left
		update(`"type":"state","connectionId":"c","state":"idle"`)
		update(`"type":"join","connectionId":"c"`) // left meanwhile
		update(`"type":"leave","connectionId":"a"`)
		update(`"type":"leave","connectionId":"a"`)
		update(`"type":"vanish","connectionId":"b"`)
		p.expect("cut", "")
	}))
	s, err := c.SubscribePresence(within(t), "lobby", func(e client.PresenceEvent) {
		h <- fmt.Sprint(e.Kind, " ", e.ID, " ", string(e.State), " ", !e.Time.IsZero())
	})
	if err != nil {
		t.Fatal(err)
	}
	h.expect(t, "join a  false", `state a {"n":1} false`, "join b  false", "join c  true", `state c "busy" true`, "state c  true",
		`state c "idle" true`, "state c  true", "leave a  true")
	_, _ = c.Command(within(t), "cut", nil)
	h.expect(t, "leave c  false", `state b {"n":2} false`, "join d  false", "state d 1 false", "join e  false")
	var ids []string
	for id, state := range s.Members() {
		ids = append(ids, id+string(state))
	}
	slices.Sort(ids)
	equal(t, strings.Join(ids, " "), `b{"n":2} d1 e`)
}

// After a reconnect rooms and states are as they were, in this order, before anything
// else is said.
func TestRoomsAreRestored(t *testing.T) {
	t.Parallel()
	back, lost := make(chan struct{}, 1), make(chan string, 10)
	const state = "mesh/publish-presence-state"
	c := dial(t, client.Options{OnReconnect: func() { back <- struct{}{} }, OnLost: func(kind, name string, err error) { lost <- fmt.Sprint(kind, " ", name, " ", err) }}, serve(t, func(p *peer) {
		p.greet()
		switch p.n {
		case 0:
			p.answer("mesh/join-room", `{"roomName":"lobby"}`, `{"success":true,"present":["c0"]}`)
			p.answer(state, `{"expireAfter":3600000,"roomName":"lobby","silent":true,"state":{"x":1}}`, "true")
			p.answer(state, `{"roomName":"lobby","silent":false,"state":0}`, "false") // refused: the one before stays
			p.answer("mesh/join-room", `{"roomName":"secret"}`, `{"error":"no","code":"EDENIED","name":"DeniedError"}`)
			p.answer("mesh/join-room", `{"roomName":"left"}`, `{"success":true,"present":[]}`)
			p.answer("mesh/leave-room", `{"roomName":"left"}`, `{"success":true}`)
			p.expect("mesh/join-room", `{"roomName":"late"}`) // and ends: it is joined next time
		case 1:
			seen := make(map[string]bool)
			for range 4 {
				f := p.next()
				text := f.Command + string(f.Payload)
				if seen[text] = true; f.Command != "mesh/join-room" {
					if !seen[`mesh/join-room{"roomName":"lobby"}`] || !strings.Contains(text, `"state":{"x":1}`) || !strings.Contains(text, `"expireAfter":3`) {
						p.t.Errorf("a state comes: %s, before: %v", text, seen)
					}
					p.reply(f, "true")
					continue
				}
				p.reply(f, `{"success":true,"present":["x"]}`)
			}
			if !seen[`mesh/join-room{"roomName":"late"}`] {
				p.t.Error(seen)
			}
			p.expect("cut", "")
		default:
			for {
				f := p.next()
				switch {
				case f.Command == "cut":
					return
				case strings.Contains(string(f.Payload), "late"):
					p.reply(f, `{"error":"no more","code":"EDENIED","name":"DeniedError"}`)
				case f.Command == state:
					p.reply(f, "false")
				default:
					p.reply(f, `{"success":true,"present":["x"]}`)
				}
			}
		}
	}))
	present, err := c.Join(within(t), "lobby")
	if err != nil || !slices.Equal(present, []string{"c0"}) {
		t.Fatal(present, err)
	}
	if err := c.SetState(within(t), "lobby", map[string]int{"x": 1}, client.StateOptions{ExpireAfter: time.Hour, Silent: true}); err != nil {
		t.Fatal(err)
	}
	if err := c.SetState(within(t), "lobby", 0, client.StateOptions{}); !errors.Is(err, client.ErrRefused) {
		t.Fatal(err)
	}
	var failed *client.Error
	if _, err := c.Join(within(t), "secret"); !errors.As(err, &failed) {
		t.Fatal(err)
	}
	if _, err := c.Join(within(t), "left"); err != nil {
		t.Fatal(err)
	}
	if err := c.Leave(within(t), "left"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Join(within(t), "late"); err != nil {
		t.Fatal(err)
	}
	receive(t, back)
	_, _ = c.Command(within(t), "cut", nil)
	receive(t, back)
	got := []string{receive(t, lost), receive(t, lost)}
	slices.Sort(got)
	equal(t, strings.Join(got, "; "), `room late EDENIED: no more; state lobby client: refused by the server: the state in room "lobby"`)
}
