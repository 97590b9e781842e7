package hub_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/hub/hubtest"
)

func TestKindsAndPolicies(t *testing.T) {
	t.Parallel()
	for kind, want := range map[hub.Kind]string{
		hub.ChannelTopic: "channel", hub.PresenceTopic: "presence", hub.RoomTopic: "room", hub.UserTopic: "user",
		hub.RecordTopic: "record", hub.CollectionTopic: "collection", 0: "", 99: "",
	} {
		if kind.String() != want {
			t.Errorf("kind %d is %q", kind, kind)
		}
	}
	for policy, want := range map[hub.Policy]string{hub.Disconnect: "disconnect", hub.Drop: "drop", hub.Conflate: "conflate"} {
		if policy.String() != want {
			t.Errorf("policy %d is %q", policy, policy)
		}
	}
}

func TestSubscriptions(t *testing.T) {
	t.Parallel()
	h := hub.New(quiet)
	s, other := register(t, h, hubtest.NewWire(t)), register(t, h, hubtest.NewWire(t))
	var channels []string
	for i := range 300 {
		channels = append(channels, fmt.Sprintf("c%d", i))
	}
	shuffled := slices.Clone(channels)
	rand.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	for i, name := range shuffled {
		subscribe(t, h, s, hub.Topic{Kind: hub.ChannelTopic, Name: name}, hub.Disconnect)
		subscribe(t, h, other, hub.Topic{Kind: hub.ChannelTopic, Name: name}, hub.Disconnect)
		if s.Subscriptions(hub.ChannelTopic) != i+1 {
			t.Fatalf("%d subscriptions after %d", s.Subscriptions(hub.ChannelTopic), i+1)
		}
	}
	room := hub.Topic{Kind: hub.RoomTopic, Name: "c7"}
	subscribe(t, h, s, room, hub.Disconnect)
	slices.Sort(channels)
	if got := s.Topics(hub.ChannelTopic); !slices.Equal(got, channels) {
		t.Errorf("got %d channels", len(got))
	}
	if got := s.Topics(hub.RoomTopic); !slices.Equal(got, []string{"c7"}) || s.Topics(hub.PresenceTopic) != nil || s.Topics(hub.UserTopic) != nil {
		t.Errorf("got rooms %q", got)
	}
	for i, name := range shuffled[:200] {
		topic := hub.Topic{Kind: hub.ChannelTopic, Name: name}
		if !s.Subscribed(topic) || !h.Unsubscribe(s, topic) || h.Unsubscribe(s, topic) || s.Subscribed(topic) || h.Subscribers(topic) != 1 {
			t.Fatalf("%d: Unsubscribe is wrong", i)
		}
	}
	if s.Subscriptions(hub.ChannelTopic) != 100 || s.Subscriptions(hub.RoomTopic) != 1 || s.Subscriptions(hub.UserTopic) != 0 || !s.Subscribed(room) {
		t.Errorf("%d channels, %d rooms", s.Subscriptions(hub.ChannelTopic), s.Subscriptions(hub.RoomTopic))
	}
}

// Reasons are counted apart: what a session subscribes to directly, and what
// covers it.
func TestReasons(t *testing.T) {
	t.Parallel()
	h := hub.New(quiet)
	s := register(t, h, hubtest.NewWire(t))
	expect := func(step string, direct, there bool) {
		t.Helper()
		count, names := 0, []string(nil)
		if direct {
			count, names = 1, []string{board.Name}
		}
		if s.Subscribed(board) != direct || s.Subscriptions(hub.RecordTopic) != count || !slices.Equal(s.Topics(hub.RecordTopic), names) {
			t.Errorf("%s: subscribed %v, %d, %q", step, s.Subscribed(board), s.Subscriptions(hub.RecordTopic), s.Topics(hub.RecordTopic))
		}
		if (h.Subscribers(board) == 1) != there {
			t.Errorf("%s: %d subscribers", step, h.Subscribers(board))
		}
	}
	subscribed := func(isNew bool) {
		t.Helper()
		if held, got := h.Subscribe(s, board, hub.Terms{}); held == nil || got != isNew {
			t.Errorf("subscribed anew: %v", got)
		}
	}
	if h.Uncover(s, board, "x") || h.Unsubscribe(s, board) {
		t.Error("there was nothing to end")
	}
	subscribed(true)
	subscribed(false)
	expect("direct", true, true)
	h.Cover(s, board, hub.Disconnect, "x")
	expect("direct and covered", true, true)
	if !h.Unsubscribe(s, board) || h.Unsubscribe(s, board) || h.EndSubscription(s, board, numbered(0).Push) {
		t.Error("Unsubscribe is wrong")
	}
	expect("covered", false, true)
	subscribed(true)
	h.Cover(s, board, hub.Disconnect, "x")
	for _, want := range []bool{true, true, false} {
		if h.Uncover(s, board, "x") != want {
			t.Error("Uncover is wrong")
		}
	}
	expect("direct again", true, true)
	if !h.EndSubscription(s, board, numbered(0).Push) {
		t.Error("EndSubscription is wrong")
	}
	expect("nothing", false, false)
	h.Cover(s, board, hub.Disconnect, "x")
	h.Uncover(s, board, "x")
	expect("nothing again", false, false)
}

// A name that is part of something large does not keep that.
func TestTopicNamesAreCopied(t *testing.T) {
	t.Parallel()
	h := hub.New(quiet)
	s := register(t, h, hubtest.NewWire(t))
	name := []byte("news")
	subscribe(t, h, s, hub.Topic{Kind: hub.ChannelTopic, Name: strings.Repeat("x", 10) + string(name)}, hub.Disconnect)
	if got := s.Topics(hub.ChannelTopic); len(got) != 1 || got[0] != "xxxxxxxxxxnews" {
		t.Errorf("got %q", got)
	}
}

func TestEndSubscriptions(t *testing.T) {
	t.Parallel()
	h := hub.New(quiet)
	first, err := h.Register(hubtest.NewWire(t), hub.Info{})
	if err != nil {
		t.Fatal(err)
	}
	second := register(t, h, hubtest.NewWire(t))
	want := []hub.Topic{{Kind: hub.ChannelTopic, Name: "a"}, {Kind: hub.ChannelTopic, Name: "b"}, {Kind: hub.PresenceTopic, Name: "a"}, {Kind: hub.UserTopic, Name: "u"}}
	for _, topic := range want {
		subscribe(t, h, first, topic, hub.Disconnect)
	}
	subscribe(t, h, second, want[1], hub.Disconnect)
	for _, topic := range []hub.Topic{board, want[1], board} {
		h.Cover(first, topic, hub.Disconnect, "x").Release()
	}
	subscribe(t, h, first, board, hub.Disconnect)
	want = append(want, board) // and the covers count for nothing
	first.End()
	for range 2 {
		if got := first.EndSubscriptions(); !slices.Equal(got, want) {
			t.Errorf("got %v", got)
		}
	}
	if held, isNew := h.Subscribe(first, want[0], hub.Terms{}); held != nil || isNew {
		t.Error("a session that has ended subscribes")
	}
	if h.Cover(first, board, hub.Disconnect, "x") != nil || h.Uncover(first, board, "x") {
		t.Error("a session that has ended is covered")
	}
	if first.Subscribed(want[0]) || first.Subscriptions(hub.ChannelTopic) != 0 || first.Topics(hub.ChannelTopic) != nil || h.Unsubscribe(first, want[0]) {
		t.Error("a session that has ended is subscribed")
	}
	for i, subscribers := range []int{0, 1, 0, 0, 0} {
		if n := h.Subscribers(want[i]); n != subscribers {
			t.Errorf("%v has %d subscribers", want[i], n)
		}
	}
	if got := second.EndSubscriptions(); !slices.Equal(got, want[1:2]) || h.Subscribers(want[1]) != 0 {
		t.Errorf("got %v", got)
	}
	if got := register(t, h, hubtest.NewWire(t)).EndSubscriptions(); len(got) != 0 {
		t.Errorf("got %v of a session without any", got)
	}
}

// Topics come and go under sessions that come and go: in the end no topic has
// a subscriber, and each subscription was ended by exactly one.
func TestHammerTopics(t *testing.T) {
	t.Parallel()
	h := running(t, hub.Limits{Outbox: 2000, CloseTimeout: hub.Tick})
	topics := make([]hub.Topic, 6)
	for i := range topics {
		topics[i] = hub.Topic{Kind: hub.Kind(i + 1), Name: fmt.Sprint("t", i)}
	}
	var sessions, work sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		work.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				h.Publish(topics[i%6], numbered(i))
				h.Send(topics[i%6], numbered(i).Push, func(id string) bool { return id[0]&1 == 0 })
				h.EachSubscriber(topics[i%6], func(s *hub.Session) { s.Push(frame("x")) })
			}
		})
	}
	for range 4 {
		sessions.Go(func() {
			for range 60 {
				comeAndGo(t, h, topics)
			}
		})
	}
	sessions.Wait()
	close(stop)
	work.Wait()
	for _, topic := range topics {
		if n := h.Subscribers(topic); n != 0 {
			t.Errorf("%v has %d subscribers", topic, n)
		}
	}
}

// comeAndGo is the life of one session, with another goroutine that meddles.
func comeAndGo(t *testing.T, h *hub.Hub, topics []hub.Topic) {
	t.Helper()
	wire := hubtest.NewWire(t)
	s, err := h.Register(wire, hub.Info{})
	if err != nil {
		t.Error(err)
		return
	}
	wire.Block(rand.IntN(3) == 0)
	_ = s.Uncork(nil)
	var begun, ended [2]int
	meddle := func(n int) {
		for range 40 {
			topic := topics[rand.IntN(len(topics))]
			switch rand.IntN(6) {
			case 0, 1:
				if h.Unsubscribe(s, topic) {
					ended[n]++
				}
				continue
			case 2:
				h.Uncover(s, topic, "x")
				continue
			case 3:
				if held := h.Cover(s, topic, hub.Policy(rand.IntN(3)), "x"); held != nil {
					held.Release()
				}
				continue
			}
			held, isNew := h.Subscribe(s, topic, hub.Terms{Policy: hub.Policy(rand.IntN(3))})
			if isNew {
				begun[n]++
			}
			if held != nil && rand.IntN(2) == 0 {
				release(held, at("e", rand.Int64N(1000)))
			}
		}
	}
	var other sync.WaitGroup
	other.Go(func() { meddle(1) })
	meddle(0)
	s.End()
	other.Wait()
	if left := len(s.EndSubscriptions()); begun[0]+begun[1] != ended[0]+ended[1]+left {
		t.Errorf("%d subscriptions began, %d ended", begun[0]+begun[1], ended[0]+ended[1]+left)
	}
}
