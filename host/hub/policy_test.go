package hub_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/hub/hubtest"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// slow is a session whose socket takes nothing, under an outbox of 1,000 bytes,
// with a subscription to news.
type slow struct {
	*testing.T
	hub     *hub.Hub
	session *hub.Session
	wire    *hubtest.Wire
	policy  hub.Policy
}

// inSlow runs a test with a stalled session in a bubble.
func inSlow(t *testing.T, p hub.Policy, test func(s slow)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := running(t, hub.Limits{Outbox: 1000, CloseTimeout: defaults.CloseTimeout})
		s, wire := connect(t, h)
		subscribe(t, h, s, news, p)
		stalled := slow{t, h, s, wire, p}
		stalled.stall()
		test(stalled)
	})
}

// hold subscribes to news again.
func (s slow) hold() *hub.Hold { return hold(s.hub, s.session, news, s.policy) }

// stall blocks the socket: one push is being written from then on.
func (s slow) stall() {
	s.wire.Block(true)
	s.session.Push(frame("in flight"))
	s.wire.AwaitWriter()
}

// wide is a delivery of 100 bytes and a bit: nine of them fit.
func wide(offset int, key string) hub.Delivery {
	d := numbered(offset)
	d.Push, d.Key = protocol.NewPush(fmt.Sprint(offset), []byte(`"`+strings.Repeat("x", 70)+`"`)), key
	return d
}

// publish publishes wide deliveries from and to offsets and returns how many
// were taken.
func (s slow) publish(from, to int) (took int) {
	for i := from; i <= to; i++ {
		took += s.hub.Publish(news, wide(i, ""))
		s.hub.Relieve()
	}
	return took
}

// read lets the socket take everything and returns what came: the offsets, and
// gaps as they are.
func (s slow) read() (got []string) {
	s.Helper()
	s.wire.Block(false)
	synctest.Wait()
	for _, text := range s.wire.Texts() {
		name, payload, _ := strings.Cut(strings.TrimPrefix(text, `{"command":"`), `","payload":`)
		if name == "mesh/gap" {
			name = strings.TrimSuffix(payload, "}")
		}
		got = append(got, name)
	}
	return got
}

func (s slow) expect(want ...string) {
	s.Helper()
	if got := s.read(); !slices.Equal(got, want) {
		s.Errorf("got  %q\nwant %q", got, want)
	}
}

// expectSlow checks the hub's account of slow sessions.
func (s slow) expectSlow(disconnected, dropped uint64) {
	s.Helper()
	if got, want := s.hub.Slow(), (hub.Slow{Disconnected: disconnected, Dropped: dropped}); got != want {
		s.Errorf("got %+v, want %+v", got, want)
	}
}

func numbers(from, to int) (list []string) {
	for i := from; i <= to; i++ {
		list = append(list, fmt.Sprint(i))
	}
	return list
}

// full is what a stalled session takes of wide deliveries, the first of which
// is at from, before there is no room.
func full(from int) []string { return append([]string{"in flight"}, numbers(from, from+8)...) }

func TestDisconnect(t *testing.T) {
	t.Parallel()
	inSlow(t, hub.Disconnect, func(s slow) {
		fast, other := connect(s, s.hub)
		subscribe(s, s.hub, fast, news, hub.Disconnect)
		if took := s.publish(1, 15); took != 9+15 {
			s.Errorf("%d were taken", took)
		}
		if cause := s.session.Closing(); cause == nil || cause.Code != abi.CloseSlowConsumer {
			s.Errorf("closing with %v", cause)
		}
		s.wire.Block(false)
		synctest.Wait()
		frames := s.wire.Frames()
		if len(frames) != 2 || frames[1].CloseCause().Code != abi.CloseSlowConsumer {
			s.Errorf("got %v", frames)
		}
		if got := other.Texts(); len(got) != 15 {
			s.Errorf("another subscriber got %d", len(got))
		}
		s.expectSlow(1, 0)
	})
}

const channelGap = `{"kind":"channel","name":"news","epoch":"e","offset":%d}`

func TestDrop(t *testing.T) {
	t.Parallel()
	inSlow(t, hub.Drop, func(s slow) {
		if took := s.publish(1, 15); took != 9 || s.session.Closing() != nil {
			s.Errorf("%d were taken, closing %v", took, s.session.Closing())
		}
		// There is no room for what is small either: it would come after a hole.
		if s.hub.Publish(news, numbered(16)) != 0 {
			s.Error("taken after a gap")
		}
		s.expectSlow(0, 7)
		s.expect(append(full(1), fmt.Sprintf(channelGap, 16))...)
		s.publish(17, 18)
		s.expect("17", "18")
		s.stall()
		s.publish(19, 40)
		s.expect(append(full(19), fmt.Sprintf(channelGap, 40))...)
	})
}

// A topic whose pushes are dropped takes nothing from others.
func TestDropIsPerTopic(t *testing.T) {
	t.Parallel()
	inSlow(t, hub.Drop, func(s slow) {
		room := hub.Topic{Kind: hub.RoomTopic, Name: `a "room"`}
		subscribe(s, s.hub, s.session, room, hub.Disconnect)
		s.publish(1, 20)
		if s.hub.Send(room, protocol.NewPush("room", nil), nil) != 1 {
			s.Error("a small push of another topic is refused")
		}
		s.expect(append(full(1), "room", fmt.Sprintf(channelGap, 20))...)
		s.hub.Unsubscribe(s.session, room)
		subscribe(s, s.hub, s.session, room, hub.Drop)
		s.stall()
		s.publish(21, 40)
		for range 20 {
			s.hub.Send(room, wide(0, "").Push, nil)
		}
		want := append(full(21), fmt.Sprintf(channelGap, 40), `{"kind":"room","name":"a \"room\""}`)
		s.expect(want...)
	})
}

// An unsubscribed topic is spoken of no more.
func TestUnsubscribeWhileItWaits(t *testing.T) {
	t.Parallel()
	for name, policy := range map[string]hub.Policy{"drop": hub.Drop, "conflate": hub.Conflate} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inSlow(t, policy, func(s slow) {
				s.publish(1, 20)
				if !s.hub.Unsubscribe(s.session, news) {
					s.Error("it was not subscribed")
				}
				s.expect(full(1)...)
				s.session.Drain() // nothing waits any more
			})
		})
	}
}

func TestConflate(t *testing.T) {
	t.Parallel()
	inSlow(t, hub.Conflate, func(s slow) {
		keys := []string{"a", "b", "c"}
		for i := 1; i <= 9; i++ {
			s.hub.Publish(news, wide(i, "a"))
		}
		for i := 10; i <= 1000; i++ {
			if s.hub.Publish(news, wide(i, keys[i%3])) != 1 {
				s.Fatal("not taken")
			}
		}
		for i := 1001; i <= 1003; i++ { // from now on the order of the newest is c, a, b
			s.hub.Publish(news, wide(i, []string{"c", "a", "b"}[i-1001]))
		}
		s.expectSlow(0, 991)
		s.expect(append(full(1), "1001", "1002", "1003")...)
		s.hub.Publish(news, wide(1004, "a"))
		s.hub.Publish(news, wide(1005, "a"))
		s.expect("1004", "1005")
	})
}

// Conflation needs room as well: what has too many keys is a slow consumer.
func TestConflateIsBounded(t *testing.T) {
	t.Parallel()
	inSlow(t, hub.Conflate, func(s slow) {
		waited := 0
		for i := 1; s.session.Closing() == nil; i++ {
			waited += s.hub.Publish(news, wide(i, fmt.Sprint(i)))
		}
		if cause := s.session.Closing(); cause.Code != abi.CloseSlowConsumer || waited < 13 || waited > 18 {
			s.Errorf("closing with %v after %d", cause, waited)
		}
		s.wire.Block(false)
		synctest.Wait()
		if frames := s.wire.Frames(); len(frames) != 2 || frames[1].CloseCause().Code != abi.CloseSlowConsumer {
			s.Errorf("got %v", frames)
		}
	})
}

// A single key is always kept, however large.
func TestConflateOneLargeKey(t *testing.T) {
	t.Parallel()
	inSlow(t, hub.Conflate, func(s slow) {
		s.publish(1, 9)
		large := hub.Delivery{Push: protocol.NewPush("large", []byte(`"`+strings.Repeat("x", 5000)+`"`)), Key: "k"}
		for range 2 {
			if s.hub.Publish(news, large) != 1 {
				s.Error("not taken")
			}
		}
		s.expect(append(full(1), "large")...)
	})
}

// What waits while a subscription is held is bounded too, and the policy says
// what becomes of the rest.
func TestOverflowWhileHeld(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		policy hub.Policy
		after  hub.Position
		want   []string
	}{
		"drop":                {hub.Drop, hub.Position{}, append(numbers(1, 6), fmt.Sprintf(channelGap, 20))},
		"drop, some known":    {hub.Drop, at("e", 3), append(numbers(4, 6), fmt.Sprintf(channelGap, 20))},
		"drop, most known":    {hub.Drop, at("e", 19), []string{fmt.Sprintf(channelGap, 20)}},
		"drop, all known":     {hub.Drop, at("e", 20), nil},
		"conflate":            {hub.Conflate, hub.Position{}, numbers(20, 20)},
		"conflate, all known": {hub.Conflate, at("e", 20), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inSlow(t, c.policy, func(s slow) {
				held := s.hold()
				s.publish(1, 20)
				s.read()
				release(held, c.after)
				s.expect(c.want...)
				s.publish(21, 22)
				s.expect("21", "22")
				if s.session.Closing() != nil {
					s.Errorf("closing with %v", s.session.Closing())
				}
			})
		})
	}
	t.Run("disconnect", func(t *testing.T) {
		t.Parallel()
		inSlow(t, hub.Disconnect, func(s slow) {
			held := s.hold()
			s.publish(1, 20)
			if cause := s.session.Closing(); cause == nil || cause.Code != abi.CloseSlowConsumer {
				s.Errorf("closing with %v", cause)
			}
			held.Release()
		})
	})
}

// A subscription that is held while something of it waits for room goes on
// waiting until it is released.
func TestHoldWhatWaits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		policy hub.Policy
		want   []string
	}{
		"drop": {hub.Drop, []string{fmt.Sprintf(channelGap, 21)}}, "conflate": {hub.Conflate, []string{"21"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inSlow(t, c.policy, func(s slow) {
				s.publish(1, 20)
				held := s.hold()
				s.expect(full(1)...)
				s.session.Drain() // what is held is not waited for
				s.publish(21, 21)
				s.expect()
				held.Release()
				s.expect(c.want...)
			})
		})
	}
}

// A policy that changes applies from the next overflow on.
func TestPolicyChanges(t *testing.T) {
	t.Parallel()
	inSlow(t, hub.Drop, func(s slow) {
		s.publish(1, 20)
		held, isNew := s.hub.Subscribe(s.session, news, hub.Terms{Policy: hub.Conflate})
		if held == nil || isNew || s.hub.Subscribers(news) != 1 {
			s.Error("a second subscription")
		}
		held.Release()
		s.publish(21, 22)
		s.expect(append(full(1), fmt.Sprintf(channelGap, 22))...)
		s.stall()
		s.publish(23, 50)
		s.expect(append(full(23), "50")...)
	})
}

// However many topics a session subscribes to, its outbox is the bound.
func TestBoundOverManyTopics(t *testing.T) {
	t.Parallel()
	for name, policy := range map[string]hub.Policy{"drop": hub.Drop, "disconnect": hub.Disconnect} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inSlow(t, policy, func(s slow) {
				took := 0
				for i := range 100 {
					topic := hub.Topic{Kind: hub.ChannelTopic, Name: fmt.Sprint(i)}
					held := hold(s.hub, s.session, topic, policy)
					if held == nil {
						s.Fatal("not subscribed")
					}
					if i%2 == 0 {
						held.Release()
					}
					took += s.hub.Publish(topic, wide(i, ""))
				}
				if took > 18 {
					s.Errorf("%d deliveries of 100 bytes wait, the bound is 1000 bytes", took)
				}
			})
		})
	}
}
