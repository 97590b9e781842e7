package engine_test

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/hub"
)

// slow is a node whose store takes its time: something happens meanwhile.
type slow struct {
	backplane.Node
	meanwhile func() // while a list, or a channel, is read
}

// Records implements backplane.Node.
func (s *slow) Records() backplane.Records { return slowRecords{s.Node.Records(), s} }

// Channels implements backplane.Node.
func (s *slow) Channels() backplane.Channels { return slowChannels{s.Node.Channels(), s} }

func (s *slow) pass() {
	if do := s.meanwhile; do != nil {
		s.meanwhile = nil
		do()
	}
}

type slowRecords struct {
	backplane.Records
	slow *slow
}

// List implements backplane.Records: what it has read is told later.
func (s slowRecords) List(ctx context.Context, q backplane.RecordQuery) ([]backplane.Record, string, error) {
	page, next, err := s.Records.List(ctx, q)
	s.slow.pass()
	return page, next, err
}

type slowChannels struct {
	backplane.Channels
	slow *slow
}

// Read implements backplane.Channels.
func (s slowChannels) Read(ctx context.Context, channel string, q backplane.Query) (backplane.Page, error) {
	s.slow.pass()
	return s.Channels.Read(ctx, channel, q)
}

// slowly puts a slow node below a library's engine.
func slowly(l library) (library, *slow) {
	below := &slow{Node: l.node}
	l.Engine = engine.New(engine.Options{
		Hub: l.hub, Node: below, Rules: l.rules, Observer: l.seen, Resolver: l.resolver, Log: slog.New(slog.DiscardHandler),
	})
	return l, below
}

// TestLostWhileLoading loses changes between the reading of a page and the end of
// the load: whoever comes then must not be shown the table as it was read.
func TestLostWhileLoading(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, below := slowly(newLibrary(engine.Limits{}, declared(5)))
		l.set(t, "r:1", `{"open":true,"team":"red"}`)
		a, b := l.connect(t, hub.Info{}), l.connect(t, hub.Info{})
		below.meanwhile = func() {
			l.deaf(t, func() { l.set(t, "r:2", `{"open":true,"team":"red"}`) })
			engine.Lose(l.Engine, backplane.Topic{Kind: backplane.AllRecords})
		}
		l.collect(t, a, "of:red") // which is about to be closed
		_, begun := l.collect(t, b, "of:red")
		if got := idsOf(begun); !slices.Equal(got, []string{"r:1", "r:2"}) {
			t.Errorf("who comes afterwards is shown %q", got)
		}
		settle()
	})
}

// TestNoTimeLeft ends the context of who subscribes while the channel is read: the
// node's subscription must not outlive that.
func TestNoTimeLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, below := slowly(newLibrary(engine.Limits{}))
		c := l.connect(t, hub.Info{})
		ctx, cancel := context.WithCancel(ctx)
		below.meanwhile = cancel
		if _, err := l.Subscribe(ctx, c.Session, new(exposure.Channel), engine.Subscription{Channel: "c"}); err == nil {
			t.Fatal("it has subscribed")
		}
		if n := l.store.Stats().Subscriptions; n != 0 {
			t.Errorf("%d subscriptions of the node are left", n)
		}
	})
}

// TestOthersMakeItPresent has another node put a client into a room with a TTL: its
// own node watches over it, and does not make present who was not.
func TestOthersMakeItPresent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, _ := newEngine(engine.Limits{})
		e.expose(tracked(2 * time.Second))
		e.run(t)
		other := engine.New(engine.Options{
			Hub: hub.New(hub.Limits{Outbox: 1 << 20}), Node: e.store.Node("n2"), Rules: e.rules,
			Observer: new(observer), Log: slog.New(slog.DiscardHandler),
		})
		c := e.connect(t, modern)
		for room, present := range map[string]bool{"seen:x": true, "seen:hidden": false} {
			if _, err := other.Join(ctx, room, c.ID(), present); err != nil {
				t.Fatal(err)
			}
		}
		want := func(when string, present ...string) {
			t.Helper()
			var all []string
			for _, room := range []string{"seen:x", "seen:hidden"} {
				s, err := e.Present(ctx, room)
				if err != nil {
					t.Fatal(err)
				}
				if len(s.Present) > 0 {
					all = append(all, room)
				}
			}
			if !slices.Equal(all, present) {
				t.Errorf("%s it is present in %q, want %q", when, all, present)
			}
		}
		want("at first", "seen:x")
		pass(2200 * time.Millisecond)
		want("after its TTL")
		for range 2 {
			c.Alive()
			want("back again", "seen:x")
			pass(2200 * time.Millisecond)
			want("after another TTL")
		}
	})
}

// mute is a receiver that is cut off from its node: it is not told of memberships.
type mute struct{ backplane.Receiver }

// Member implements backplane.Receiver.
func (mute) Member(string, string, bool, string) {}

// TestLeavesWhileCutOff has clients go while the node is not told of what becomes
// of them: the hooks are.
func TestLeavesWhileCutOff(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(engine.Limits{})
	c := e.connect(t, hub.Info{})
	e.join(t, "x", c)
	e.join(t, "y", c)
	if _, err := e.Leave(ctx, "y", c.ID(), abi.LeftByRequest); err != nil {
		t.Fatal(err)
	}
	e.node.Attach(mute{engine.Receiver(e.Engine)})
	c.end()
	e.seen.drain(t, e)
	got := e.seen.all()
	slices.Sort(got)
	want := []string{"join x", "join y", "leave x  " + abi.LeftByDisconnect, "leave y  " + abi.LeftByRequest}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
