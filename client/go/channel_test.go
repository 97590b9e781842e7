package client_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	client "github.com/mesh-host/mesh-host/client/go"
)

// heard is what a channel's handlers are told, in words.
type heard chan string

func (h heard) message(m client.Message) {
	past := ""
	if m.Past {
		past = " past"
	}
	h <- fmt.Sprintf("%s %s%d%s", m.Text, m.Epoch, m.Offset, past)
}

func (h heard) gap(from, to client.Position) {
	h <- fmt.Sprintf("gap %s%d %s%d", from.Epoch, from.Offset, to.Epoch, to.Offset)
}

func (h heard) expect(t *testing.T, want ...string) {
	t.Helper()
	for _, w := range want {
		equal(t, receive(t, h), w)
	}
}

func (p *peer) message(offset int, epoch string) {
	p.send(`{"command":"mesh/subscription-message","payload":{"channel":"news","message":"m%d","offset":%d,"epoch":%q}}`, offset, offset, epoch)
}

const subscribe = "mesh/subscribe-channel"

// A life of a channel: history, pushes right behind the reply, doubled ones, a
// recovery in pages, what is lost for good.
func TestChannel(t *testing.T) {
	t.Parallel()
	h, next := make(heard, 100), make(chan struct{})
	c := dial(t, client.Options{OnReconnect: func() { h <- "reconnected" }}, serve(t, func(p *peer) {
		p.greet()
		switch p.n {
		case 0:
			f := p.expect(subscribe, `{"channel":"news","historyLimit":2}`)
			p.message(1, "a") // of nothing that has begun
			p.reply(f, `{"success":true,"history":["m3","m2"],"epoch":"a","offset":3}`)
			p.message(4, "a")
			p.message(4, "a")
			p.message(2, "a")
			p.message(5, "a")
			<-next
		case 1:
			p.answer(subscribe, `{"channel":"news","historyLimit":2,"recover":{"epoch":"a","offset":5}}`,
				`{"success":true,"history":[],"epoch":"a","offset":7,"recovered":true,"missed":[{"offset":6,"message":"m6"},{"offset":7,"message":"m7"}],"more":true}`)
			f := p.expect(subscribe, `{"channel":"news","historyLimit":2,"recover":{"epoch":"a","offset":7}}`)
			p.reply(f, `{"success":true,"history":[],"epoch":"a","offset":8,"recovered":true,"missed":[{"offset":8,"message":"m8"}]}`)
			p.message(9, "a")
			<-next
		case 2:
			p.answer(subscribe, `{"channel":"news","historyLimit":2,"recover":{"epoch":"a","offset":9}}`,
				`{"success":true,"history":["m20","m19"],"epoch":"a","offset":20,"recovered":false}`)
			p.message(21, "a")
			<-next
		case 3:
			p.answer(subscribe, `{"channel":"news","historyLimit":2,"recover":{"epoch":"a","offset":21}}`,
				`{"success":true,"history":["m1"],"epoch":"b","offset":1,"recovered":false}`)
			p.message(2, "b")
			p.send(`{"command":"mesh/gap","payload":{"kind":"channel","name":"news","epoch":"b","offset":4}}`)
			p.message(5, "b") // recovered, too
			p.answer(subscribe, `{"channel":"news","historyLimit":2,"recover":{"epoch":"b","offset":2}}`,
				`{"success":true,"history":[],"epoch":"b","offset":5,"recovered":true,"missed":[{"offset":3,"message":"m3"},{"offset":4,"message":"m4"},{"offset":5,"message":"m5"}]}`)
			p.message(6, "b")
			p.message(1, "c") // a stream that began anew beside us
			p.answer(subscribe, `{"channel":"news","historyLimit":2,"recover":{"epoch":"b","offset":6}}`,
				`{"success":true,"history":["m1"],"epoch":"c","offset":1,"recovered":false}`)
			p.message(2, "c")
			p.answer("mesh/unsubscribe-channel", `{"channel":"news"}`, "true")
			p.message(3, "c")
			p.echo()
		}
	}))
	s, err := c.Subscribe(within(t), "news", h.message, client.ChannelOptions{History: 2, OnGap: h.gap})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Subscribe(within(t), "news", h.message, client.ChannelOptions{}); !errors.Is(err, client.ErrSubscribed) {
		t.Fatal(err)
	}
	h.expect(t, "m2 a2 past", "m3 a3 past", "m4 a4", "m5 a5")
	next <- struct{}{}
	first := receive(t, h)
	h.expect(t, "m7 a7 past", "m8 a8 past")
	equal(t, first, "m6 a6 past")
	// What is pushed after the restoring is handled beside OnReconnect.
	a, b := receive(t, h), receive(t, h)
	if a > b {
		a, b = b, a
	}
	equal(t, a+", "+b, "m9 a9, reconnected")
	next <- struct{}{}
	h.expect(t, "gap a9 a20", "m19 a19 past", "m20 a20 past")
	a, b = receive(t, h), receive(t, h)
	if a > b {
		a, b = b, a
	}
	equal(t, a+", "+b, "m21 a21, reconnected")
	next <- struct{}{}
	h.expect(t, "gap a21 b1", "m1 b1 past")
	var rest []string
	for len(rest) < 8 {
		if text := receive(t, h); text != "reconnected" {
			rest = append(rest, text)
		}
	}
	equal(t, strings.Join(rest, ", "), "m2 b2, m3 b3 past, m4 b4 past, m5 b5 past, m6 b6, gap b6 c1, m1 c1 past, m2 c2")
	if err := s.Unsubscribe(within(t)); err != nil {
		t.Fatal(err)
	}
	receive(t, s.Done())
	if _, err := c.Command(within(t), "echo", nil); err != nil || !errors.Is(s.Err(), client.ErrUnsubscribed) || len(h) > 1 {
		t.Fatal(err, s.Err(), len(h))
	}
}

func TestChannelOptions(t *testing.T) {
	t.Parallel()
	c := dial(t, client.Options{}, serve(t, func(p *peer) {
		p.greet()
		p.answer(subscribe, `{"channel":"a","historyLimit":0,"recover":{"epoch":"e","offset":4}}`, `{"success":true,"history":[],"epoch":"e","offset":5,"recovered":true,"missed":[{"offset":5,"message":"five"}]}`)
		p.answer(subscribe, `{"channel":"b","historyLimit":7,"since":3,"sinceTime":1700000000000}`, `{"success":true,"history":["x"]}`)
		p.answer(subscribe, `{"channel":"c","historyLimit":0}`, `{"success":false,"history":[]}`)
		p.answer(subscribe, `{"channel":"d","historyLimit":0}`, `{"error":"too many","code":"ELIMIT","name":"LimitError"}`)
		p.echo()
	}))
	h := make(heard, 10)
	for _, s := range []struct {
		channel string
		o       client.ChannelOptions
	}{{"a", client.ChannelOptions{From: client.Position{Epoch: "e", Offset: 4}}}, {"b", client.ChannelOptions{History: 7, Since: 3, SinceTime: time.UnixMilli(1_700_000_000_000)}}} {
		if _, err := c.Subscribe(within(t), s.channel, h.message, s.o); err != nil {
			t.Fatal(err)
		}
	}
	got := []string{receive(t, h), receive(t, h)}
	if got[0] != "five e5 past" && got[1] != "five e5 past" || got[0] != "x 0 past" && got[1] != "x 0 past" {
		t.Error(got)
	}
	_, err := c.Subscribe(within(t), "c", h.message, client.ChannelOptions{})
	_, limit := c.Subscribe(within(t), "d", h.message, client.ChannelOptions{})
	var failed *client.Error
	if !errors.Is(err, client.ErrRefused) || !errors.As(limit, &failed) || failed.Code != "ELIMIT" {
		t.Error(err, limit)
	}
}

// A subscription ends when the server says so, and when it is refused on the way
// back; what fails for the time being is tried again.
func TestChannelLost(t *testing.T) {
	t.Parallel()
	lost := make(chan string, 10)
	c := dial(t, client.Options{OnLost: func(kind, name string, err error) { lost <- fmt.Sprint(kind, " ", name, " ", err) }}, serve(t, func(p *peer) {
		p.greet()
		for i := 0; ; i++ {
			f := p.next()
			switch p.n {
			case 1: // for now
				p.reply(f, `{"error":"Backplane unavailable","code":"EUNAVAILABLE","name":"UnavailableError"}`)
				p.wait()
			case 2:
				p.reply(f, `{"success":false,"history":[]}`)
				p.echo()
			}
			p.reply(f, `{"success":true,"history":[]}`)
			if i == 1 {
				p.send(`{"command":"mesh/unsubscribed","payload":{"kind":"channel","name":"a","reason":"closed"}}`)
				p.expect("go", "")
				return
			}
		}
	}))
	a, err := c.Subscribe(within(t), "a", func(client.Message) {}, client.ChannelOptions{})
	b, err2 := c.Subscribe(within(t), "b", func(client.Message) {}, client.ChannelOptions{})
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	receive(t, a.Done())
	equal(t, receive(t, lost), "channel a client: unsubscribed: closed")
	_, _ = c.Command(within(t), "go", nil)
	receive(t, b.Done())
	if !errors.Is(a.Err(), client.ErrUnsubscribed) || !errors.Is(b.Err(), client.ErrRefused) {
		t.Error(a.Err(), b.Err())
	}
	equal(t, receive(t, lost), `channel b client: refused by the server: channel "b"`)
}

// What a slow handler cannot take is recovered once it can, and the connection goes
// on meanwhile.
func TestSlowHandler(t *testing.T) {
	t.Parallel()
	const messages = 500
	recovers := make(chan int, 1)
	c := dial(t, client.Options{Backlog: 2000}, serve(t, func(p *peer) {
		p.greet()
		p.answer(subscribe, `{"channel":"news","historyLimit":0}`, `{"success":true,"history":[],"epoch":"a","offset":0}`)
		for i := range messages {
			p.message(i+1, "a")
		}
		for {
			f := p.next()
			if f.Command == "echo" {
				p.reply(f, "1")
				continue
			}
			var last int
			if _, err := fmt.Sscanf(string(f.Payload), `{"channel":"news","historyLimit":0,"recover":{"epoch":"a","offset":%d}}`, &last); err != nil {
				panic(err)
			}
			var missed []string
			for i := last + 1; i <= messages; i++ {
				missed = append(missed, fmt.Sprintf(`{"offset":%d,"message":"m%d"}`, i, i))
			}
			recovers <- last
			p.reply(f, fmt.Sprintf(`{"success":true,"history":[],"epoch":"a","offset":%d,"recovered":true,"missed":[%s]}`, messages, strings.Join(missed, ",")))
		}
	}))
	hold, all, n := make(chan struct{}), make(chan struct{}), int64(0)
	_, err := c.Subscribe(within(t), "news", func(m client.Message) {
		<-hold
		if n++; m.Offset != n {
			t.Errorf("%d came after %d", m.Offset, n-1)
		}
		if n == messages {
			close(all)
		}
	}, client.ChannelOptions{OnGap: func(from, to client.Position) { t.Error("a gap", from, to) }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Command(within(t), "echo", nil); err != nil {
		t.Fatal(err)
	}
	close(hold)
	receive(t, all)
	if last := receive(t, recovers); last < 2 || last > 50 {
		t.Errorf("%d were kept", last)
	}
}

// Replies that make no sense, and none at all, end the connection and not more.
func TestHostileReplies(t *testing.T) {
	t.Parallel()
	ends := make(chan error, 20)
	replies := []string{
		`7`, `{"success":"yes"}`, `{"success":true,"epoch":"other","offset":3,"recovered":true,"history":[]}`,
		`{"success":true,"epoch":"a","offset":3,"recovered":true,"more":true,"missed":[]}`, `{"success":true,"epoch":"a","offset":9,"recovered":false,"more":true}`, "",
	}
	c := dial(t, client.Options{ReplyTimeout: 100 * time.Millisecond, OnDisconnect: func(err error) { ends <- err }}, serve(t, func(p *peer) {
		p.greet()
		f := p.next()
		switch {
		case p.n > len(replies):
			p.reply(f, `{"success":true,"history":[],"epoch":"a","offset":4,"recovered":true,"missed":[{"offset":4,"message":"m4"}]}`)
			p.wait()
		case p.n > 0 && replies[p.n-1] == "":
			p.wait()
		case p.n > 0:
			p.reply(f, replies[p.n-1])
			p.wait()
		}
		p.reply(f, `{"success":true,"history":[],"epoch":"a","offset":3}`)
		p.expect("cut", "")
	}))
	h := make(heard, 10)
	if _, err := c.Subscribe(within(t), "news", h.message, client.ChannelOptions{OnGap: h.gap}); err != nil {
		t.Fatal(err)
	}
	_, _ = c.Command(within(t), "cut", nil)
	receive(t, ends)
	for range replies {
		t.Log(receive(t, ends))
	}
	h.expect(t, "m4 a4 past")
}

// A subscription whose caller has gone is none, at the server too.
func TestSubscribeGivenUp(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{})
	over := make(chan struct{})
	c := dial(t, client.Options{}, serve(t, func(p *peer) {
		p.greet()
		p.expect(subscribe, `{"channel":"a","historyLimit":0}`)
		close(asked)
		p.expect("mesh/unsubscribe-channel", `{"channel":"a"}`)
		close(over)
		p.wait()
	}))
	ctx, cancel := context.WithCancel(within(t))
	go func() {
		<-asked
		cancel()
	}()
	if _, err := c.Subscribe(ctx, "a", func(client.Message) {}, client.ChannelOptions{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	receive(t, over)
}

// What the server ends while it is asked again is the former subscription; one that its
// caller has left meanwhile is ended at the server.
func TestEndedWhileAsking(t *testing.T) {
	t.Parallel()
	asked, over := make(chan struct{}), make(chan struct{})
	c := dial(t, client.Options{}, serve(t, func(p *peer) {
		p.greet()
		const ended = `{"command":"mesh/unsubscribed","payload":{"kind":"channel","name":"news","reason":"closed"}}`
		p.answer(subscribe, `{"channel":"news","historyLimit":0}`, `{"success":true,"history":[],"epoch":"a","offset":0}`)
		p.send(`{"command":"mesh/gap","payload":{"kind":"channel","name":"news"}}`)
		f := p.expect(subscribe, `{"channel":"news","historyLimit":0,"recover":{"epoch":"a","offset":0}}`)
		p.send(ended)
		p.reply(f, `{"success":true,"history":[],"epoch":"a","offset":0,"recovered":true,"missed":[]}`)
		p.message(1, "a")
		p.answer("go", "", "null")
		p.send(`{"command":"mesh/gap","payload":{"kind":"channel","name":"news"}}`)
		f = p.expect(subscribe, `{"channel":"news","historyLimit":0,"recover":{"epoch":"a","offset":1}}`)
		close(asked)
		p.answer("mesh/unsubscribe-channel", `{"channel":"news"}`, "false")
		p.reply(f, `{"success":true,"history":[],"epoch":"a","offset":1,"recovered":true,"missed":[]}`)
		p.expect("mesh/unsubscribe-channel", `{"channel":"news"}`)
		close(over)
		p.echo()
	}))
	h := make(heard, 10)
	s, err := c.Subscribe(within(t), "news", h.message, client.ChannelOptions{})
	if err != nil {
		t.Fatal(err)
	}
	h.expect(t, "m1 a1")
	if _, err := c.Command(within(t), "go", nil); err != nil {
		t.Fatal(err)
	}
	receive(t, asked)
	if err := s.Unsubscribe(within(t)); err != nil {
		t.Fatal(err)
	}
	receive(t, over)
}

// Without a connection there is nothing to tell: a subscription ends at once.
func TestUnsubscribeOffline(t *testing.T) {
	t.Parallel()
	gone := make(chan error, 1)
	c := dial(t, client.Options{OnDisconnect: func(err error) { gone <- err }}, serve(t, func(p *peer) {
		if p.n > 0 {
			p.wait()
		}
		p.greet()
		p.answer(subscribe, `{"channel":"a","historyLimit":0}`, `{"success":true,"history":[]}`)
		p.expect("cut", "")
	}))
	s, err := c.Subscribe(within(t), "a", func(client.Message) {}, client.ChannelOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = c.Command(within(t), "cut", nil)
	receive(t, gone)
	if err := s.Unsubscribe(within(t)); err != nil {
		t.Error(err)
	}
}

// Who subscribes anew while the one before ends is subscribed.
func TestSubscribeAnew(t *testing.T) {
	t.Parallel()
	c := dial(t, client.Options{}, serve(t, func(p *peer) {
		p.greet()
		for subscribed := false; ; {
			f := p.next()
			switch f.Command {
			case "subscribed":
				p.reply(f, fmt.Sprint(subscribed))
				continue
			case subscribe:
				subscribed = true
			default:
				subscribed = false
			}
			p.reply(f, `{"success":true,"history":[]}`)
		}
	}))
	follow := func() *client.Subscription {
		s, err := c.Subscribe(within(t), "a", func(client.Message) {}, client.ChannelOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := follow()
	for n := range 300 {
		before, ended := s, make(chan error)
		go func() { ended <- before.Unsubscribe(within(t)) }()
		<-before.Done()
		s = follow()
		if err := receive(t, ended); err != nil {
			t.Fatal(err)
		}
		if reply, err := c.Command(within(t), "subscribed", nil); err != nil || string(reply) != "true" {
			t.Fatal(n, string(reply), err)
		}
	}
}

// A handler may call what it likes, and Close waits for it.
func TestCloseWaits(t *testing.T) {
	t.Parallel()
	c := dial(t, client.Options{}, serve(t, func(p *peer) {
		p.greet()
		p.answer(subscribe, `{"channel":"news","historyLimit":0}`, `{"success":true,"history":[]}`)
		p.message(1, "a")
		p.echo()
	}))
	begun, over := make(chan struct{}), false
	s, err := c.Subscribe(within(t), "news", func(client.Message) {
		if _, err := c.Command(within(t), "echo", 1); err != nil {
			t.Error(err)
		}
		close(begun)
		<-c.Done()
		over = true
	}, client.ChannelOptions{})
	if err != nil {
		t.Fatal(err)
	}
	receive(t, begun)
	c.Close()
	if !over || !errors.Is(s.Err(), client.ErrClosed) || !errors.Is(c.Err(), client.ErrClosed) {
		t.Error(over, s.Err(), c.Err())
	}
	if _, err := c.Subscribe(within(t), "x", nil, client.ChannelOptions{}); !errors.Is(err, client.ErrClosed) {
		t.Error(err)
	}
}
