//go:build linux

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// follower is a subscriber whose connection ends again and again. It recovers,
// and takes note of every message: it fails on one that is missing, doubled or
// out of order, and on a reply that claims too much or too little.
type follower struct {
	host    *host
	channel string
	old     bool // speaks rt/ without a subprotocol
	kept    int64
	last    position // of the newest message it has

	torn      int // connections that ended within a frame
	pages     int // replies that said that there is more
	recovered int // messages that came with replies
	pushed    int
	refused   int // recoveries that were not possible
}

// message is the n-th text on a channel.
func message(n int64) string { return fmt.Sprintf("%d:%s", n, strings.Repeat("x", int(n*7%97))) }

// live lives one connection, until it ends or the follower has everything up to
// offset. Only what the server does wrong is an error.
func (f *follower) live(o hop, offset int64) error {
	o.old = f.old
	l, err := f.host.link(o)
	if err != nil {
		return f.ended(err)
	}
	defer l.conn.Close()
	if f.old {
		l.dialect = "rt/"
	}
	if err := f.subscribe(l); err != nil {
		return f.ended(err)
	}
	for f.last.Offset < offset {
		push, err := l.frame()
		if err == nil {
			err = f.take(push)
		}
		if err != nil {
			return f.ended(err)
		}
	}
	return nil
}

// ended sorts the ends that the test has made from those that it has not.
func (f *follower) ended(err error) error {
	var timeout net.Error
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		f.torn++
		return nil
	case errors.Is(err, io.EOF), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.ECONNRESET),
		errors.As(err, &timeout) && timeout.Timeout():
		return nil
	}
	return err
}

// subscribe recovers what was missed, page by page.
func (f *follower) subscribe(l *link) error {
	for {
		payload := fmt.Sprintf(`{"channel":%q,"historyLimit":5,"recover":{"epoch":%q,"offset":%d}}`, f.channel, f.last.Epoch, f.last.Offset)
		reply, err := l.ask("subscribe-channel", payload, unexpected)
		if err != nil {
			return err
		}
		more, err := f.begin(reply)
		if err != nil || !more {
			return err
		}
		f.pages++
	}
}

// begin takes a reply and reports whether there is more.
func (f *follower) begin(reply json.RawMessage) (more bool, err error) {
	var r struct {
		Success, Recovered, More bool
		History                  []string
		Epoch                    string
		Offset                   int64
		Missed                   []struct {
			Offset  int64
			Message string
		}
	}
	if json.Unmarshal(reply, &r) != nil || !r.Success {
		return false, fmt.Errorf("the reply is %.300s", reply)
	}
	if f.last.Epoch == "" { // the first subscription
		f.last = position{r.Epoch, r.Offset}
		return false, nil
	}
	if !r.Recovered {
		return false, f.restart(r.History, position{r.Epoch, r.Offset})
	}
	if len(r.History) > 0 || r.Epoch != f.last.Epoch {
		return false, fmt.Errorf("a recovery with history, or of epoch %s instead of %s: %.300s", r.Epoch, f.last.Epoch, reply)
	}
	for _, m := range r.Missed {
		if err := f.next(m.Offset, m.Message); err != nil {
			return false, fmt.Errorf("missed: %w", err)
		}
		f.recovered++
	}
	if f.last.Offset != r.Offset || r.More && len(r.Missed) == 0 {
		return false, fmt.Errorf("a recovery up to %d says %d, more %v", f.last.Offset, r.Offset, r.More)
	}
	return r.More, nil
}

// restart goes on from the newest messages, where others are gone.
func (f *follower) restart(history []string, top position) error {
	if top.Epoch != f.last.Epoch || f.last.Offset >= top.Offset-f.kept {
		return fmt.Errorf("%+v is not recovered at %+v, though %d are kept", f.last, top, f.kept)
	}
	for i, text := range history {
		n := top.Offset - int64(i)
		if f.old { // oldest first
			n = top.Offset - int64(len(history)-1-i)
		}
		if text != message(n) {
			return fmt.Errorf("the newest at %d are %q", top.Offset, history)
		}
	}
	if len(history) != 5 {
		return fmt.Errorf("%d messages of history instead of 5", len(history))
	}
	f.last = top
	f.refused++
	return nil
}

// take takes a push.
func (f *follower) take(push frame) error {
	if !strings.HasSuffix(push.Command, "/subscription-message") {
		return unexpected(push)
	}
	var m struct {
		Channel, Message, Epoch string
		Offset                  int64
	}
	if json.Unmarshal(push.Payload, &m) != nil || m.Channel != f.channel || m.Epoch != f.last.Epoch {
		return fmt.Errorf("the push is %.300s", push.Payload)
	}
	f.pushed++
	return f.next(m.Offset, m.Message)
}

// next takes a message, which must be the one after the last.
func (f *follower) next(offset int64, text string) error {
	if offset != f.last.Offset+1 || text != message(offset) {
		return fmt.Errorf("after %d comes %d with %q", f.last.Offset, offset, text)
	}
	f.last.Offset = offset
	return nil
}

// String implements fmt.Stringer.
func (f *follower) String() string {
	return fmt.Sprintf("%d messages pushed, %d recovered, %d pages, %d frames torn, %d recoveries refused",
		f.pushed, f.recovered, f.pages, f.torn, f.refused)
}

// publishAll publishes the messages after the first ones, up to the n-th, and
// waits until the last one is accepted.
func publishAll(c *client, channel string, after, n int64) error {
	for i := after + 1; i < n; i++ {
		if err := c.send(fmt.Sprintf(`{"command":"mesh/publish-channel","payload":{"channel":%q,"message":%q}}`, channel, message(i))); err != nil {
			return err
		}
	}
	reply, err := c.ask("mesh/publish-channel", object("channel", channel, "message", message(n)))
	if want := fmt.Sprintf(`{"success":true,"offset":%d}`, n); err == nil && reply != want {
		err = fmt.Errorf("the last of the messages is answered %s, not %s", reply, want)
	}
	return err
}

const disconnects = 100

// A subscriber that loses its connection a hundred times while ten thousand
// messages are published gets each of them once, in order.
func TestRecovery(t *testing.T) {
	t.Parallel()
	const messages = 10_000
	for _, c := range []struct {
		name, limits string
		old, pages   bool
	}{
		{name: "in one reply"},
		{name: "in pages", limits: "reply_size = \"2KiB\"\nrecord_size = \"1KiB\"\n", pages: true},
		{name: "old client", old: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := start(t, setup{config: "[[channels]]\npattern = \"news\"\npublish = true\nhistory = 100000\n[limits]\n" + c.limits})
			f := &follower{host: h, channel: "news", old: c.old, kept: 100_000}
			f.suffer(t, messages)
			t.Log(f)
			if f.refused > 0 || f.pushed+f.recovered != messages || f.pushed == 0 || f.recovered == 0 || f.torn == 0 {
				t.Error("not everything was tried, or came")
			}
			if c.pages != (f.pages > disconnects) {
				t.Errorf("%d replies said that there is more", f.pages)
			}
		})
	}
}

// Of a channel that keeps ten messages a follower misses some, and is told so
// every time that it does, and never else.
func TestRecoveryFromTrimmedHistory(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		old  bool
	}{{name: "new client"}, {name: "old client", old: true}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := start(t, setup{config: "[[channels]]\npattern = \"news\"\npublish = true\nhistory = 10\n"})
			// A thousand while it is away: never enough is left.
			away := &follower{host: h, channel: "news", old: c.old, kept: 10}
			publisher := h.dial(t, v1)
			if err := away.live(hop{within: time.Minute}, 0); err != nil {
				t.Fatal(err)
			}
			const rounds, burst = 10, 1000
			for i := range int64(rounds) {
				if err := publishAll(publisher, "news", i*burst, (i+1)*burst); err != nil {
					t.Fatal(err)
				}
				if err := away.live(hop{within: time.Minute}, (i+1)*burst); err != nil {
					t.Fatal(err)
				}
			}
			if away.refused != rounds || away.pushed+away.recovered > 0 {
				t.Errorf("a follower that is away: %s", away)
			}
			// While it comes and goes: sometimes there is enough.
			f := &follower{host: h, channel: "news", old: c.old, kept: 10}
			f.suffer(t, 10_000)
			t.Log(f)
			if f.refused == 0 || f.pushed == 0 {
				t.Error("not everything was tried")
			}
		})
	}
}

// What is too much for one reply is not recovered by a client that knows no
// pages.
func TestRecoveryTooLargeForOldClients(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: "[[channels]]\npattern = \"news\"\npublish = true\nhistory = 1000\n[limits]\nreply_size = \"4KiB\"\nrecord_size = \"1KiB\"\n"})
	publisher := h.dial(t, v1)
	old := &follower{host: h, channel: "news", old: true, kept: -1} // never to be recovered
	page := &follower{host: h, channel: "news", kept: 1000}
	for _, f := range []*follower{old, page} {
		if err := f.live(hop{within: time.Minute}, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := publishAll(publisher, "news", 0, 200); err != nil {
		t.Fatal(err)
	}
	for _, f := range []*follower{old, page} {
		if err := f.live(hop{within: time.Minute}, 200); err != nil {
			t.Fatal(err)
		}
	}
	if old.refused != 1 || page.recovered != 200 || page.pages == 0 {
		t.Errorf("the old client: %s; the other: %s", old, page)
	}
}

// publishBursts publishes bursts of messages, with pauses: so that a connection
// sees a part of one.
func publishBursts(c *client, channel string, at int64, bursts <-chan int64) error {
	pause := time.NewTicker(time.Millisecond)
	defer pause.Stop()
	for n := range bursts {
		for end := at + n; at < end; <-pause.C {
			next := min(at+10, end)
			if err := publishAll(c, channel, at, next); err != nil {
				return err
			}
			at = next
		}
	}
	return nil
}

// suffer publishes messages in bursts while the follower lives short lives, and
// lets it have the rest in a last one.
func (f *follower) suffer(t *testing.T, messages int64) {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // it is to be repeatable
	publisher := f.host.dial(t, v1)
	if err := f.live(hop{within: time.Minute}, 0); err != nil { // to be told where the channel begins
		t.Fatal(err)
	}
	begun := f.last.Offset
	bursts, published := make(chan int64, disconnects), make(chan error, 1)
	go func() {
		published <- publishBursts(publisher, f.channel, begun, bursts)
	}()
	for i := range int64(disconnects) {
		bursts <- messages*(i+1)/disconnects - messages*i/disconnects
		o := hop{within: time.Duration(1+random.IntN(25)) * time.Millisecond}
		switch i % 4 { // else time ends it
		case 0: // in the handshake
			o.bytes = 1 + random.Int64N(300)
		case 1: // mostly in the reply
			o.bytes = 300 + random.Int64N(3000)
		case 2:
			o.bytes = 300 + random.Int64N(64<<10)
		}
		if err := f.live(o, 1<<62); err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
	}
	close(bursts)
	if err := <-published; err != nil {
		t.Fatal(err)
	}
	if err := f.live(hop{within: time.Minute}, begun+messages); err != nil {
		t.Fatal(err)
	}
	if f.last.Offset != begun+messages {
		t.Errorf("after a minute it has come to %d of %d", f.last.Offset, begun+messages)
	}
}
