package redis_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/redis"
	"github.com/mesh-host/mesh-host/host/backplane/redis/redistest"
)

// ear writes down what it is told of channels.
type ear struct {
	backplane.Receiver
	mu       sync.Mutex
	messages []backplane.Message
	lost     int
}

func (e *ear) Message(_ string, m backplane.Message) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.messages = append(e.messages, m)
}

func (e *ear) Lost(backplane.Topic) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lost++
}

// wantHeard fails unless offsets from one to another were told, and so many
// losses.
func (e *ear) wantHeard(t *testing.T, from, to int64, lost int) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if int64(len(e.messages)) != to-from+1 || e.lost != lost {
		t.Fatalf("%d messages and %d losses, want %d to %d and %d", len(e.messages), e.lost, from, to, lost)
	}
	for i, m := range e.messages {
		if m.Offset != from+int64(i) {
			t.Errorf("message %d has offset %d", i, m.Offset)
		}
	}
	e.messages, e.lost = nil, 0
}

// begun returns a handler of the channel "c" that has begun.
func begun(t *testing.T, n *redis.Node) (redis.ChannelHandler, *ear) {
	t.Helper()
	e := new(ear)
	n.Attach(e)
	h := redis.NewChannelHandler(n, "c")
	if err := h.Begin(bg); err != nil {
		t.Fatal(err)
	}
	return h, e
}

func resume(t *testing.T, h redis.ChannelHandler) {
	t.Helper()
	if err := h.Resume(bg); err != nil {
		t.Fatal(err)
	}
}

func TestResume(t *testing.T) {
	t.Parallel()
	n, client := openAt(t, redistest.Start(t, "--save", "", "--appendonly", "yes", "--appendfsync", "always"))
	publishUpTo(t, n, 3)
	h, e := begun(t, n)

	resume(t, h)
	e.wantHeard(t, 1, 0, 0) // nothing was missed
	publishUpTo(t, n, 20)
	resume(t, h)
	e.wantHeard(t, 4, 23, 0)

	// What was published between the subscription and the resume comes again.
	frames := client.Subscribe(bg, "mesh:channel:c")
	defer frames.Close()
	if _, err := frames.Receive(bg); err != nil {
		t.Fatal(err)
	}
	at := publishUpTo(t, n, 2)
	resume(t, h)
	for range 2 {
		m, err := frames.ReceiveMessage(bg)
		if err != nil {
			t.Fatal(err)
		}
		h.Deliver(m.Payload)
	}
	e.wantHeard(t, 24, 25, 0)

	client.XTrimMinID(bg, "mesh:stream:c", strconv.FormatInt(at.Offset+2, 10))
	resume(t, h)
	e.wantHeard(t, 1, 0, 0) // what is gone was told before
	publishUpTo(t, n, 3)
	client.XTrimMaxLen(bg, "mesh:stream:c", 2)
	resume(t, h)
	e.wantHeard(t, 1, 0, 1) // the first of three is gone
	publishUpTo(t, n, 1)
	resume(t, h)
	e.wantHeard(t, 29, 29, 0) // and goes on from there

	client.Del(bg, "mesh:channel:c")
	publishUpTo(t, n, 50)
	resume(t, h)
	e.wantHeard(t, 1, 0, 1) // another epoch
	client.Del(bg, "mesh:channel:c")
	resume(t, h)
	e.wantHeard(t, 1, 0, 1) // no stream any more
}

// A channel without a stream proves nothing.
func TestResumeWithoutStream(t *testing.T) {
	t.Parallel()
	n, _ := openAt(t, redistest.Start(t))
	h, e := begun(t, n)
	resume(t, h)
	e.wantHeard(t, 1, 0, 1)
	publishUpTo(t, n, 3)
	resume(t, h)
	e.wantHeard(t, 1, 0, 1)
	publishUpTo(t, n, 1)
	resume(t, h)
	e.wantHeard(t, 4, 4, 0)
}

// What was missed is read in pages.
func TestResumeLarge(t *testing.T) {
	t.Parallel()
	n, _ := openAt(t, redistest.Start(t))
	publishUpTo(t, n, 1)
	h, e := begun(t, n)
	for range 24 {
		publish(t, n, strings.Repeat("x", 1<<20), 100)
	}
	resume(t, h)
	e.wantHeard(t, 2, 25, 0)
}

// A server that has started anew may have forgotten what it was told last, so
// that its epochs are others even where its file holds everything.
func TestResumeAfterRestart(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	n, client := openAt(t, s)
	before := publishUpTo(t, n, 5)
	h, e := begun(t, n)
	s.Kill()
	s.Restart(t)
	deadline := time.Now().Add(20 * time.Second)
	for h.Resume(bg) != nil { // the link's own clients find the server again
		if time.Now().After(deadline) {
			t.Fatal("the server is not found again")
		}
		<-time.After(20 * time.Millisecond)
	}
	e.wantHeard(t, 1, 0, 1)
	page, err := n.Channels().Read(bg, "c", backplane.Query{})
	if err != nil || page.Offset != 5 || len(page.Messages) != 5 || page.Epoch == before.Epoch {
		t.Errorf("after the restart there is %+v (%v), before it was %+v", page, err, before)
	}
	if kept := client.HGet(bg, "mesh:channel:c", "e").Val(); !strings.HasPrefix(before.Epoch, kept+".") || kept == "" {
		t.Errorf("the stream's own epoch is %q, before it was %q", kept, before.Epoch)
	}
	publish(t, n, "6", 100)
	resume(t, h)
	e.wantHeard(t, 6, 6, 0)
}

// The connection is cut again and again under load: each message comes once, in
// order.
func TestChannelReconnects(t *testing.T) {
	t.Parallel()
	n, client := openAt(t, redistest.Start(t))
	e := new(ear)
	n.Attach(e)
	publishUpTo(t, n, 1)
	if err := n.Bus().Subscribe(bg, backplane.Topic{Kind: backplane.Channel, Name: "c"}); err != nil {
		t.Fatal(err)
	}
	const count = 2000
	for i := range count {
		if i%400 == 200 {
			client.ClientKillByFilter(bg, "TYPE", "pubsub")
		}
		if _, err := n.Channels().Publish(bg, "c", []byte("x"), backplane.Keep{Count: 2 * count}); err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		e.mu.Lock()
		got := len(e.messages)
		e.mu.Unlock()
		if got >= count || time.Now().After(deadline) {
			break
		}
		<-time.After(20 * time.Millisecond)
	}
	e.wantHeard(t, 2, count+1, 0)
}

// A gap in what Redis delivers is told.
func TestDeliverGap(t *testing.T) {
	t.Parallel()
	n, client := openAt(t, redistest.Start(t))
	publishUpTo(t, n, 1)
	h, e := begun(t, n)
	frames := client.Subscribe(bg, "mesh:channel:c")
	defer frames.Close()
	if _, err := frames.Receive(bg); err != nil {
		t.Fatal(err)
	}
	publishUpTo(t, n, 3)
	for i := range 3 {
		m, err := frames.ReceiveMessage(bg)
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			h.Deliver(m.Payload)
			h.Deliver(m.Payload)
		}
	}
	e.wantHeard(t, 3, 4, 1)
}

// What another program publishes plainly is text.
func TestDeliverForeign(t *testing.T) {
	t.Parallel()
	n, _ := openAt(t, redistest.Start(t))
	h, e := begun(t, n)
	for _, text := range []string{
		"", "x", `{"a":1}`, `"quoted"`, "<b>&\u2028", "ä\n\t\x00\x7f", "\U0001f600", "\\", strings.Repeat("x", 4<<20),
	} {
		h.Deliver(text)
		var got string
		if len(e.messages) != 1 || json.Unmarshal(e.messages[0].Data, &got) != nil || got != text || e.messages[0].Time == 0 {
			t.Errorf("%.20q came as %.60v", text, e.messages)
		}
		if text == "<b>&" && string(e.messages[0].Data) != `"<b>&"` {
			t.Errorf("%q is escaped more than it must", e.messages[0].Data)
		}
		e.messages = nil
	}
	for _, text := range []string{
		"\xff", "a\xc3", "\xed\xa0\x80", strings.Repeat("x", 4<<20+1),
		"\x01", "\x01\x00", "\x01\xff\xff\xff\xfe", "\x01\x00\x00\x00\x01", "\x01\x00\x00\x00\x01x",
		"\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
	} {
		h.Deliver(text)
		if len(e.messages) != 0 {
			t.Errorf("%.20q came as %v", text, e.messages)
		}
		e.messages = nil
	}
}
