package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	client "github.com/mesh-host/mesh-host/client/go"
)

func TestCommand(t *testing.T) {
	t.Parallel()
	c := dial(t, client.Options{}, serve(t, func(p *peer) {
		p.greet()
		p.answer("add", `{"a":1,"b":"<&>"}`, `{"sum":3}`)
		p.answer("none", "", `null`)
		p.answer("bad", "1", `{"error":"It is bad","code":"EBAD","name":"BadError","ref":"r1","data":{"why":2}}`)
		p.answer("looks bad", "", `{"error":"x","code":"y","name":"z","and":"more"}`)
		p.echo()
	}))
	ctx := within(t)
	equal(t, c.ID(), "c0")
	var result struct{ Sum int }
	if err := c.Call(ctx, "add", map[string]any{"a": 1, "b": "<&>"}, &result); err != nil || result.Sum != 3 {
		t.Fatal(result, err)
	}
	if reply, err := c.Command(ctx, "none", nil); string(reply) != "null" || err != nil {
		t.Fatal(reply, err)
	}
	_, err := c.Command(ctx, "bad", 1)
	var failed *client.Error
	if !errors.As(err, &failed) || failed.Error() != "EBAD: It is bad" || failed.Name != "BadError" || failed.Ref != "r1" || string(failed.Data) != `{"why":2}` {
		t.Fatal(err)
	}
	if reply, err := c.Command(ctx, "looks bad", nil); err != nil || !strings.Contains(string(reply), "more") {
		t.Fatal(reply, err)
	}
	if err := c.Call(ctx, "echo", "text", &result); err == nil || !strings.Contains(err.Error(), "not as expected") {
		t.Fatal(err)
	}
	if _, err := c.Command(ctx, "echo", make(chan int)); err == nil || !strings.Contains(err.Error(), "no JSON") {
		t.Fatal(err)
	}
	c.Close()
	if _, err := c.Command(ctx, "echo", nil); !errors.Is(err, client.ErrClosed) {
		t.Fatal(err)
	}
}

// Whatever a server sends, what was asked is answered, or the connection ends.
func TestHostileFrames(t *testing.T) {
	t.Parallel()
	pushed, back := make(chan string, 100), make(chan struct{}, 1)
	c := dial(t, client.Options{
		OnPush:      func(command string, payload json.RawMessage) { pushed <- command + " " + string(payload) },
		OnReconnect: func() { back <- struct{}{} },
	}, serve(t, func(p *peer) {
		p.greet()
		if p.n > 0 {
			p.echo()
		}
		f := p.expect("first", "")
		for _, text := range []string{
			`{`, `[]`, `null`, `""`, `{}`, `{"command":7}`, `{"id":1}`, "\xff", strings.Repeat("[", 20_000), // bad ones
			`{"id":99,"command":"first","payload":1}`, `{"id":"x","command":"first","payload":1}`, `{"id":{},"command":"first"}`, `{"id":-1,"command":"first"}`,
			`{"command":"mesh/assign-id","payload":"other"}`,
			`{"command":"mesh/subscription-message","payload":7}`, `{"command":"mesh/subscription-message","payload":{"offset":"x"}}`,
			`{"command":"mesh/subscription-message"}`,
			`{"command":"mesh/gap","payload":{"kind":"x","name":"y"}}`, `{"command":"mesh/unsubscribed","payload":[]}`,
			`{"command":"mesh/record-update","payload":{"recordId":"nobody's","full":1}}`,
			`{"command":"notice","payload":"last"}`,
		} {
			p.send("%s", text)
		}
		p.reply(f, `"fine"`)
		for range 10 {
			p.send("rubbish")
		}
		p.wait()
	}))
	if reply, err := c.Command(within(t), "first", nil); string(reply) != `"fine"` || err != nil {
		t.Fatal(string(reply), err)
	}
	for {
		if text := receive(t, pushed); text == `notice "last"` {
			break
		}
	}
	if reply, err := c.Command(within(t), "second", 2); string(reply) != "2" && !errors.Is(err, client.ErrDisconnected) {
		t.Fatal(string(reply), err)
	}
	receive(t, back) // too much of it has ended the connection
	equal(t, c.ID(), "c1")
}

func TestBinaryAndLargeFrames(t *testing.T) {
	t.Parallel()
	ends := make(chan error, 2)
	c := dial(t, client.Options{ReadLimit: 1000, OnDisconnect: func(err error) { ends <- err }}, serve(t, func(p *peer) {
		p.greet()
		switch p.n {
		case 0:
			_ = p.conn.Write(p.ctx, websocket.MessageBinary, []byte(`{}`))
			p.wait()
		case 1:
			p.send(`{"command":"large","payload":%q}`, strings.Repeat("x", 2000))
			p.wait()
		default:
			p.echo()
		}
	}))
	if err := receive(t, ends); !strings.Contains(err.Error(), "binary") {
		t.Fatal(err)
	}
	if err := receive(t, ends); !strings.Contains(err.Error(), "limit") {
		t.Fatal(err)
	}
	if reply, err := c.Command(within(t), "echo", 1); string(reply) != "1" || err != nil {
		t.Fatal(string(reply), err)
	}
}

func TestServerThatNeverAnswers(t *testing.T) {
	t.Parallel()
	got := make(chan frame)
	c := dial(t, client.Options{}, serve(t, func(p *peer) {
		p.greet()
		got <- p.next()
		p.wait()
	}))
	ctx, cancel := context.WithCancel(within(t))
	failed := make(chan error, 1)
	go func() {
		_, err := c.Command(ctx, "anyone?", nil)
		failed <- err
	}()
	receive(t, got)
	cancel()
	if err := receive(t, failed); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func TestCallInFlightWhenTheConnectionEnds(t *testing.T) {
	t.Parallel()
	c := dial(t, client.Options{}, serve(t, func(p *peer) {
		p.greet()
		if p.next(); p.n > 0 {
			p.t.Error("the command was sent again")
		}
	}))
	if _, err := c.Command(within(t), "once", nil); !errors.Is(err, client.ErrDisconnected) {
		t.Fatal(err)
	}
}

// gate lets connections be answered only while it is open.
type gate struct{ open chan struct{} }

func TestOffline(t *testing.T) {
	t.Parallel()
	for _, fails := range []bool{false, true} {
		t.Run(fmt.Sprint("FailOffline ", fails), func(t *testing.T) {
			t.Parallel()
			g, down := gate{make(chan struct{})}, make(chan error, 1)
			c := dial(t, client.Options{FailOffline: fails, Waiting: 2, OnDisconnect: func(err error) { down <- err }}, serve(t, func(p *peer) {
				if p.n > 0 {
					select {
					case <-g.open:
					case <-p.ctx.Done():
					}
				}
				p.greet()
				if p.n > 0 {
					p.echo()
				}
				p.expect("cut", "")
			}))
			_, _ = c.Command(within(t), "cut", nil)
			receive(t, down)
			if fails {
				_, err := c.Command(within(t), "echo", 1)
				_, refused := c.Subscribe(within(t), "x", nil, client.ChannelOptions{})
				_, alone := c.Join(within(t), "x")
				if !errors.Is(err, client.ErrOffline) || !errors.Is(refused, client.ErrOffline) || !errors.Is(alone, client.ErrOffline) {
					t.Error(err, refused, alone)
				}
				close(g.open)
				return
			}
			soon, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
			defer cancel()
			if _, err := c.Command(soon, "echo", 1); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			answers := make(chan error, 3)
			for range 3 {
				go func() {
					_, err := c.Command(within(t), "echo", 1)
					answers <- err
				}()
			}
			if err := receive(t, answers); !errors.Is(err, client.ErrBusy) {
				t.Error(err)
			}
			close(g.open)
			if a, b := receive(t, answers), receive(t, answers); a != nil || b != nil {
				t.Error(a, b)
			}
		})
	}
}

// Calls, pushes, cuts and Close at the same time, for the race detector.
func TestHammer(t *testing.T) {
	t.Parallel()
	c := dial(t, client.Options{Queue: 4, Backlog: 1000, OnPush: func(string, json.RawMessage) {}}, serve(t, func(p *peer) {
		p.greet()
		for n := range 60 {
			f := p.next()
			p.send(`{"command":"noise","payload":%d}`, n)
			p.send(`{"command":"mesh/subscription-message","payload":{"channel":"a","message":"m","epoch":"e","offset":%d}}`, n)
			switch f.Command {
			case "echo":
				p.reply(f, string(f.Payload))
			default:
				p.reply(f, `{"success":true,"history":[],"epoch":"e","offset":0,"present":[],"version":1}`)
			}
		}
	}))
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 50 {
				want := fmt.Sprint(i*1000 + n)
				if reply, err := c.Command(within(t), "echo", i*1000+n); err == nil && string(reply) != want {
					t.Errorf("%s, not %s", reply, want)
				}
			}
		})
		wg.Go(func() {
			for range 10 {
				s, err := c.Subscribe(within(t), string(rune('a'+i)), func(client.Message) {}, client.ChannelOptions{})
				if err == nil {
					err = s.Unsubscribe(within(t))
				}
				if err != nil && !errors.Is(err, client.ErrDisconnected) {
					t.Error(err)
				}
			}
		})
		wg.Go(func() {
			for range 5 {
				_, err := c.Join(within(t), string(rune('a'+i)))
				if err == nil {
					err = c.Leave(within(t), string(rune('a'+i)))
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	go c.Close()
	c.Close()
}
