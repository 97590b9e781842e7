//go:build linux

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What a channel carries beside a subscriber that does not read: 50 MB.
const (
	floodMessages = 3200
	floodSize     = 16 << 10
	// floodAhead is how far the publisher may be ahead of those who read:
	// well within their outboxes.
	floodAhead = 32
	// floodKept are the messages that the channel of the policy drop keeps.
	floodKept = 1000
)

// The policies' channels.
const floodConfig = `
[[channels]]
pattern = "disconnect"
publish = true
[[channels]]
pattern = "drop"
publish = true
history = 1000
slow_consumer = "drop"
[[channels]]
pattern = "conflate"
publish = true
slow_consumer = "conflate"
[liveness]
ping_interval = 0
latency_interval = 0
close_timeout = "1m"
`

// flood is a channel with those who read it all.
type flood struct {
	host      *host
	channel   string
	publisher *client
	readers   []*floodReader
	published int
}

// floodReader reads everything, and checks that it is.
type floodReader struct {
	link *link
	seen chan struct{} // a value for each message
	done chan error
}

var floodText = strings.Repeat("x", floodSize)

func floodMessage(n int) string { return fmt.Sprintf("%07d %s", n, floodText) }

// floodNumber returns the number of a message's push, 0 for other frames, with
// its other fields.
func floodNumber(f frame) (n int, err error) {
	if !strings.HasSuffix(f.Command, "subscription-message") {
		return 0, unexpected(f)
	}
	_, after, ok := strings.Cut(string(f.Payload[:min(len(f.Payload), 100)]), `"message":"`)
	if !ok || len(after) < 7 || len(f.Payload) < floodSize {
		return 0, fmt.Errorf("the push is %.200s", f.Payload)
	}
	return strconv.Atoi(after[:7])
}

// startFlood begins with three who read.
func startFlood(t *testing.T, channel string) *flood {
	t.Helper()
	h := start(t, setup{config: floodConfig})
	f := &flood{host: h, channel: channel, publisher: h.dial(t, v1)}
	for range 3 {
		r := &floodReader{link: h.subscriber(t, channel, 0), seen: make(chan struct{}, floodAhead), done: make(chan error, 1)}
		f.readers = append(f.readers, r)
		go func() { r.done <- r.read() }()
		t.Cleanup(func() {
			_ = r.link.conn.Close()
			<-r.done
		})
	}
	return f
}

// subscriber connects a client that subscribes, with a receive buffer of so
// many bytes.
func (h *host) subscriber(t *testing.T, channel string, buffer int) *link {
	t.Helper()
	l, err := h.link(hop{buffer: buffer})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.conn.Close() })
	if _, err := l.ask("subscribe-channel", object("channel", channel), unexpected); err != nil {
		t.Fatal(err)
	}
	return l
}

// read takes messages until the connection ends.
func (r *floodReader) read() error {
	defer close(r.seen)
	for last := 0; ; {
		f, err := r.link.frame()
		if err != nil {
			return err
		}
		n, err := floodNumber(f)
		switch {
		case err != nil:
			return err
		case n == 0:
			continue
		case n != last+1:
			return fmt.Errorf("message %d comes after %d", n, last)
		}
		last = n
		r.seen <- struct{}{}
	}
}

// publish publishes so many messages, no faster than all readers read.
func (f *flood) publish(t *testing.T, messages int) {
	t.Helper()
	late := time.NewTimer(2 * time.Minute)
	defer late.Stop()
	seen := 0
	await := func(n int) {
		for ; seen < n; seen++ {
			for i, r := range f.readers {
				select {
				case _, ok := <-r.seen:
					if !ok {
						t.Fatalf("reader %d has ended: %v", i, <-r.done)
					}
				case <-late.C:
					t.Fatalf("reader %d has not got message %d", i, f.published)
				}
			}
		}
	}
	for n := range messages {
		await(n - floodAhead)
		f.published++
		f.publisher.call(t, "mesh/publish-channel", object("channel", f.channel, "message", floodMessage(f.published)))
	}
	await(messages)
}

// What a subscriber does not read costs no more than its outbox, and those who
// read lose nothing. This is before how it goes on with it.
func TestSlowConsumerPolicies(t *testing.T) {
	t.Parallel()
	for channel, goesOn := range map[string]func(*testing.T, *flood, *link, int){
		"disconnect": isDisconnected,
		"drop":       hasAGap,
		"conflate":   getsTheNewest,
	} {
		t.Run(channel, func(t *testing.T) {
			t.Parallel()
			f := startFlood(t, channel)
			f.publish(t, floodKept) // what is kept, and the buffers, are there before
			var stuck []*link
			for range 5 {
				stuck = append(stuck, f.host.subscriber(t, channel, 8<<10))
			}
			begun := f.published
			before := usageOf(t, f.host.pid())
			f.publish(t, floodMessages)
			during := usageOf(t, f.host.pid())
			t.Logf("%d MiB beside %d subscribers that do not read: %v, before %v", floodMessages*floodSize>>20, len(stuck), during, before)
			// Each may have an outbox of 1 MiB, and 1 MiB that is being written;
			// the collector takes as much again.
			if grown := during.peak - before.resident; grown > int64(len(stuck))*4<<20+16<<20 {
				t.Errorf("memory has grown by %d MiB", grown>>20)
			}
			for _, l := range stuck {
				_ = l.conn.SetDeadline(time.Now().Add(patience))
				goesOn(t, f, l, begun)
			}
		})
	}
}

// isDisconnected reads what a subscriber that is too slow has got, and why no
// more.
func isDisconnected(t *testing.T, _ *flood, l *link, last int) {
	t.Helper()
	for {
		f, err := l.frame()
		var closed closedWith
		if errors.As(err, &closed) {
			if closed != 4100 {
				t.Errorf("closed with %d", closed)
			}
			return
		}
		if err != nil {
			t.Fatalf("no close frame: %v", err)
		}
		if n, err := floodNumber(f); err != nil || n != last+1 {
			t.Fatalf("message %d comes after %d, %v", n, last, err)
		}
		last++
	}
}

// getsTheNewest reads what was on its way, and then the newest message only.
func getsTheNewest(t *testing.T, f *flood, l *link, last int) {
	t.Helper()
	jumps := 0
	for last < f.published {
		push, err := l.frame()
		if err != nil {
			t.Fatal(err)
		}
		n, err := floodNumber(push)
		if err != nil || n <= last {
			t.Fatalf("message %d comes after %d, %v", n, last, err)
		}
		if n != last+1 {
			jumps++
		}
		last = n
	}
	if jumps != 1 {
		t.Errorf("there are %d jumps to a newest message", jumps)
	}
	if _, err := l.ask("noop", "{}", unexpected); err != nil {
		t.Errorf("after the newest: %v", err)
	}
}

// hasAGap reads what was on its way, and is told what it has missed. It is too
// much to recover, but what it misses next is not.
func hasAGap(t *testing.T, f *flood, l *link, last int) {
	t.Helper()
	seen, epoch := l.toTheGap(t, f, last)
	r := l.recover(t, f.channel, position{epoch, int64(seen)})
	if r.Recovered || len(r.History) != 3 || !strings.HasPrefix(r.History[0], fmt.Sprintf("%07d ", f.published)) {
		t.Fatalf("after %d of %d: recovered %v, %d messages", seen, f.published, r.Recovered, len(r.History))
	}
	f.publish(t, floodKept)
	last = f.published - floodKept
	seen, _ = l.toTheGap(t, f, last)
	for at, pages := seen, 0; ; pages++ {
		r := l.recover(t, f.channel, position{epoch, int64(at)})
		if !r.Recovered {
			t.Fatalf("%d of %d, where %d are kept: not recovered", at, f.published, floodKept)
		}
		for _, m := range r.Missed {
			if at++; int(m.Offset) != at || !strings.HasPrefix(m.Message, fmt.Sprintf("%07d ", at)) {
				t.Fatalf("missed is %d %.10s instead of %d", m.Offset, m.Message, at)
			}
		}
		if !r.More {
			if at != f.published {
				t.Errorf("recovered up to %d of %d", at, f.published)
			}
			t.Logf("got up to %d of %d, the rest in %d pages", seen, f.published, pages+1)
			return
		}
	}
}

// toTheGap reads pushes to the gap that tells of everything published so far,
// and returns up to where nothing is missing.
func (l *link) toTheGap(t *testing.T, f *flood, last int) (seen int, epoch string) {
	t.Helper()
	for at := last; at < f.published; {
		push, err := l.frame()
		if err != nil {
			t.Fatal(err)
		}
		if push.Command != l.dialect+"gap" {
			if n, err := floodNumber(push); err != nil || n != at+1 {
				t.Fatalf("message %d comes after %d, %v", n, at, err)
			}
			at++
			continue
		}
		var gap struct {
			Kind, Name, Epoch string
			Offset            int
		}
		if err := json.Unmarshal(push.Payload, &gap); err != nil || gap.Kind != "channel" || gap.Name != f.channel || gap.Offset <= at {
			t.Fatalf("after %d comes the gap %s, %v", at, push.Payload, err)
		}
		if epoch == "" {
			seen, epoch = at, gap.Epoch
		}
		at = gap.Offset
	}
	if epoch == "" {
		t.Fatal("there was no gap")
	}
	return seen, epoch
}

// recovery is a reply to subscribe-channel.
type recovery struct {
	Recovered, More bool
	History         []string
	Missed          []struct {
		Offset  int64
		Message string
	}
}

func (l *link) recover(t *testing.T, channel string, at position) (r recovery) {
	t.Helper()
	payload := fmt.Sprintf(`{"channel":%q,"historyLimit":3,"recover":{"epoch":%q,"offset":%d}}`, channel, at.Epoch, at.Offset)
	reply, err := l.ask("subscribe-channel", payload, unexpected)
	if err == nil {
		err = json.Unmarshal(reply, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}
