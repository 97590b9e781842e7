package engine_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// modern is a session that needs no courtesy.
var modern = hub.Info{Subprotocol: protocol.SubprotocolV1}

// kept exposes channels called "kept:…" with a history.
func kept(history int) exposure.Set {
	return exposure.Set{Channels: []exposure.Channel{{
		Pattern: pattern("/^kept:.+$/"), Publish: true, History: history, HistoryTTL: time.Hour,
	}}}
}

// subscribe subscribes and lets the pushes flow.
func (f fixture) subscribe(t *testing.T, c client, q engine.Subscription) engine.Subscribed {
	t.Helper()
	x := f.rules.Channel(q.Channel)
	if x == nil {
		x = new(exposure.Channel)
	}
	begun, err := f.Subscribe(ctx, c.Session, x, q)
	if err != nil {
		t.Fatal(err)
	}
	if begun.Release != nil {
		begun.Release()
	}
	return begun
}

func (f fixture) publish(t *testing.T, channel, message string) backplane.Position {
	t.Helper()
	p, err := f.Publish(ctx, channel, []byte(message), 0)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// texts returns what messages say.
func texts(messages []backplane.Message) (all []string) {
	for _, m := range messages {
		all = append(all, string(m.Data))
	}
	return all
}

func TestMessagesAreStrings(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, _ := newEngine(engine.Limits{})
		c := e.connect(t, modern)
		e.subscribe(t, c, engine.Subscription{Channel: "news"})
		for _, message := range []string{`"text"`, ` {"a":"b"} `, `null`, `1.50`, `"é\u0000"`} {
			e.publish(t, "news", message)
		}
		synctest.Wait()
		var want []string
		for _, message := range []string{`"text"`, `"{\"a\":\"b\"}"`, `"null"`, `"1.50"`, `"é\u0000"`} {
			want = append(want, `{"command":"mesh/subscription-message","payload":{"channel":"news","message":`+message+`}}`)
		}
		if got := c.wire.Texts(); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestSubscribeReadsThePast(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(engine.Limits{})
	e.expose(kept(3))
	c := e.connect(t, modern)
	first := e.subscribe(t, c, engine.Subscription{Channel: "kept:a", Limit: 10})
	if first.Epoch == "" || first.Offset != 0 || first.History != nil {
		t.Fatalf("an empty stream begins with %+v", first)
	}
	var last backplane.Position
	for i := range 5 {
		last = e.publish(t, "kept:a", strconv.Itoa(i))
	}
	if last.Offset != 5 || last.Epoch != first.Epoch {
		t.Fatalf("the fifth message is at %+v, the stream began at %+v", last, first)
	}
	for _, test := range []struct {
		name string
		q    engine.Subscription
		want []string
	}{
		{"none asked for", engine.Subscription{}, nil},
		{"negative", engine.Subscription{Limit: -5}, nil},
		{"the newest", engine.Subscription{Limit: 2}, []string{`"3"`, `"4"`}},
		{"more than there are", engine.Subscription{Limit: 1 << 60}, []string{`"2"`, `"3"`, `"4"`}},
		{"since an offset", engine.Subscription{Limit: 10, Since: 4}, []string{`"4"`}},
		{"since the future", engine.Subscription{Limit: 10, SinceTime: time.Now().Add(time.Hour).UnixMilli()}, nil},
		{"an unknown epoch", engine.Subscription{Limit: 1, Recover: &engine.Recovery{Epoch: "x", Offset: 4}}, []string{`"4"`}},
		{"no epoch", engine.Subscription{Limit: 1, Recover: &engine.Recovery{Offset: 4}}, []string{`"4"`}},
		{"what was trimmed", engine.Subscription{Limit: 1, Recover: &engine.Recovery{Epoch: last.Epoch, Offset: 1}}, []string{`"4"`}},
		{"above the top", engine.Subscription{Limit: 1, Recover: &engine.Recovery{Epoch: last.Epoch, Offset: 6}}, []string{`"4"`}},
		{"below the bottom", engine.Subscription{Limit: 1, Recover: &engine.Recovery{Epoch: last.Epoch, Offset: -1}}, []string{`"4"`}},
	} {
		test.q.Channel = "kept:a"
		got := e.subscribe(t, c, test.q)
		if got.Recovered || got.Position != last || !slices.Equal(texts(got.History), test.want) {
			t.Errorf("%s: %+v with %q, want %q", test.name, got.Position, texts(got.History), test.want)
		}
	}
	for offset, want := range map[int64][]string{2: {`"2"`, `"3"`, `"4"`}, 4: {`"4"`}, 5: nil} {
		got := e.subscribe(t, c, engine.Subscription{Channel: "kept:a", Recover: &engine.Recovery{Epoch: last.Epoch, Offset: offset}})
		if !got.Recovered || got.More || !slices.Equal(texts(got.History), want) {
			t.Errorf("recovered %v from %d: %q, want %q", got.Recovered, offset, texts(got.History), want)
		}
	}
}

func TestLargeRecoveriesArePaged(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(engine.Limits{ReplySize: 4 << 10})
	e.expose(kept(1000))
	start := e.subscribe(t, e.connect(t, modern), engine.Subscription{Channel: "kept:a"})
	var want []string
	for i := range 300 {
		e.publish(t, "kept:a", fmt.Sprintf(`"%0100d"`, i))
		want = append(want, fmt.Sprintf(`"%0100d"`, i))
	}
	from := start.Position
	old := e.connect(t, hub.Info{})
	if got := e.subscribe(t, old, engine.Subscription{Channel: "kept:a", Recover: &from}); got.Recovered || got.Release == nil {
		t.Errorf("an old client is told of %d pages", len(got.History))
	}
	c := e.connect(t, modern)
	var got []string
	for range 300 {
		page := e.subscribe(t, c, engine.Subscription{Channel: "kept:a", Recover: &from})
		if !page.Recovered {
			t.Fatal("not recovered")
		}
		got = append(got, texts(page.History)...)
		from = page.Position
		topic := hub.Topic{Kind: hub.ChannelTopic, Name: "kept:a"}
		if page.More == c.Subscribed(topic) {
			t.Fatalf("more is %v, subscribed is %v", page.More, c.Subscribed(topic))
		}
		if !page.More {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d messages came in pages, of %d", len(got), len(want))
	}
}

// TestSubscribeJoinsPastAndPresent subscribes again and again while messages
// are published: what the replies and the pushes say together is everything,
// once and in order.
func TestSubscribeJoinsPastAndPresent(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(engine.Limits{})
	e.expose(kept(100_000))
	const total = 5000
	c := e.connect(t, modern)
	from := e.subscribe(t, c, engine.Subscription{Channel: "kept:a"}).Position
	publishing, stop := context.WithCancel(ctx)
	var publishers sync.WaitGroup
	for range 2 {
		publishers.Go(func() {
			for range total / 2 {
				e.publish(t, "kept:a", `"x"`)
			}
		})
	}
	go func() { publishers.Wait(); stop() }()
	next := int64(1)
	take := func(offset int64) {
		if offset != next {
			t.Fatalf("message %d comes where %d is next", offset, next)
		}
		next++
	}
	for round := 0; publishing.Err() == nil || next <= total; round++ {
		begun := e.subscribe(t, c, engine.Subscription{Channel: "kept:a", Recover: &from})
		if !begun.Recovered {
			t.Fatalf("round %d: not recovered from %+v", round, from)
		}
		for _, m := range begun.History {
			take(m.Offset)
		}
		for range 3 {
			runtime.Gosched() // lets the publishers run on
		}
		e.Unsubscribe(ctx, c.Session, "kept:a")
		c.Drain()
		for _, text := range c.wire.Texts() {
			_, digits, _ := strings.Cut(text, `"offset":`)
			digits, _, _ = strings.Cut(digits, ",")
			offset, err := strconv.ParseInt(digits, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			take(offset)
		}
		from.Offset = next - 1
	}
}

func TestSubscriptionsAreLimited(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(engine.Limits{Subscriptions: 3})
	c, x := e.connect(t, modern), new(exposure.Channel)
	for i := range 5 {
		_, err := e.Subscribe(ctx, c.Session, x, engine.Subscription{Channel: strconv.Itoa(i)})
		if i < 3 && err != nil {
			t.Fatal(err)
		}
		if i >= 3 {
			wantError(t, err, abi.CodeLimit)
		}
	}
	if _, err := e.Subscribe(ctx, c.Session, x, engine.Subscription{Channel: "0"}); err != nil {
		t.Errorf("one that is there already: %v", err)
	}
	if !e.Unsubscribe(ctx, c.Session, "0") || e.Unsubscribe(ctx, c.Session, "0") {
		t.Error("unsubscribing does not say whether there was a subscription")
	}
	if _, err := e.Subscribe(ctx, c.Session, x, engine.Subscription{Channel: "new"}); err != nil {
		t.Errorf("after one has ended: %v", err)
	}
}

func TestEndChannelTellsTheClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, _ := newEngine(engine.Limits{})
		e.run(t)
		c := e.connect(t, modern)
		e.subscribe(t, c, engine.Subscription{Channel: "news"})
		for _, want := range []bool{true, false} {
			if ended, err := e.EndChannel(ctx, "news", c.ID(), "spam"); ended != want || err != nil {
				t.Errorf("ended %v (%v), want %v", ended, err, want)
			}
		}
		e.publish(t, "news", `"x"`)
		synctest.Wait()
		want := []string{`{"command":"mesh/unsubscribed","payload":{"kind":"channel","name":"news","reason":"spam"}}`}
		if got := c.wire.Texts(); !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
	})
}

func TestReadingMakesNoStream(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(engine.Limits{})
	e.expose(kept(10))
	if _, err := e.History(ctx, "kept:a", 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	if n := e.store.Stats().Streams; n != 0 {
		t.Errorf("%d streams were made", n)
	}
}
