package hub_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/hub/hubtest"
	"github.com/mesh-host/mesh-host/host/protocol"
)

var (
	news  = hub.Topic{Kind: hub.ChannelTopic, Name: "news"}
	board = hub.Topic{Kind: hub.RecordTopic, Name: "board"}
)

// subscribe makes a session a subscriber whose deliveries flow.
func subscribe(tb testing.TB, h *hub.Hub, s *hub.Session, t hub.Topic, p hub.Policy) {
	tb.Helper()
	hold, isNew := h.Subscribe(s, t, hub.Terms{Policy: p})
	if hold == nil || !isNew {
		tb.Fatalf("not subscribed to %v", t)
	}
	hold.Release()
}

// hold makes a session a subscriber, for the first time or anew, whose
// deliveries are held.
func hold(h *hub.Hub, s *hub.Session, t hub.Topic, p hub.Policy) *hub.Hold {
	held, _ := h.Subscribe(s, t, hub.Terms{Policy: p})
	return held
}

// release ends a hold after a reply that contained what is up to a position.
func release(held *hub.Hold, contained hub.Position) {
	held.Answered(contained)
	held.Release()
}

// numbered is a delivery of an application push named after its offset.
func numbered(offset int) hub.Delivery {
	return hub.Delivery{Push: protocol.NewPush(strconv.Itoa(offset), nil), Position: hub.Position{Epoch: "e", Offset: int64(offset)}}
}

func texts(offsets ...int) (list []string) {
	for _, n := range offsets {
		list = append(list, message("%d", n))
	}
	return list
}

func TestPublish(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := hub.New(quiet)
		other := hub.Topic{Kind: hub.PresenceTopic, Name: news.Name}
		if n := h.Publish(news, numbered(0)); n != 0 || h.Subscribers(news) != 0 {
			t.Errorf("%d took what no one subscribes to", n)
		}
		var wires []*hubtest.Wire
		for i := range 4 {
			s, wire := connect(t, h)
			wires = append(wires, wire)
			if i > 0 {
				subscribe(t, h, s, news, hub.Disconnect)
			}
			if i > 1 {
				subscribe(t, h, s, other, hub.Disconnect)
			}
		}
		if a, b, c := h.Publish(news, numbered(1)), h.Publish(other, numbered(2)), h.Publish(news, numbered(3)); a != 3 || b != 2 || c != 3 {
			t.Errorf("taken by %d, %d, %d", a, b, c)
		}
		synctest.Wait()
		for i, want := range [][]string{nil, texts(1, 3), texts(1, 2, 3), texts(1, 2, 3)} {
			if got := wires[i].Texts(); !slices.Equal(got, want) {
				t.Errorf("session %d got %q, want %q", i, got, want)
			}
		}
	})
}

func TestPublishInDialects(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := hub.New(quiet)
		for d, name := range map[protocol.Dialect]string{
			protocol.DialectUnknown: "mesh/x", protocol.DialectMesh: "mesh/x", protocol.DialectRT: "rt/x", protocol.DialectBare: "x",
		} {
			s, wire := connect(t, h)
			s.SetDialect(d)
			subscribe(t, h, s, news, hub.Disconnect)
			s.Send(protocol.NewBuiltinPush("x", []byte("0")))
			h.Publish(news, hub.Delivery{Push: protocol.NewBuiltinPush("x", []byte("1"))})
			h.Send(news, protocol.NewPush("app", []byte("2")), nil)
			synctest.Wait()
			want := []string{`{"command":"` + name + `","payload":0}`, `{"command":"` + name + `","payload":1}`, `{"command":"app","payload":2}`}
			if got := wire.Texts(); !slices.Equal(got, want) {
				t.Errorf("dialect %d got %q", d, got)
			}
			h.Unsubscribe(s, news)
		}
	})
}

func TestSendExcept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := hub.New(quiet)
		room := hub.Topic{Kind: hub.RoomTopic, Name: "lobby"}
		var wires []*hubtest.Wire
		var ids []string
		for range 5 {
			s, wire := connect(t, h)
			subscribe(t, h, s, room, hub.Disconnect)
			wires, ids = append(wires, wire), append(ids, s.ID())
		}
		except := func(id string) bool { return id == ids[1] || id == ids[4] }
		if a, b := h.Send(room, protocol.NewPush("1", nil), except), h.Send(room, protocol.NewPush("2", nil), nil); a != 3 || b != 5 {
			t.Errorf("taken by %d and %d", a, b)
		}
		synctest.Wait()
		for i, wire := range wires {
			want := texts(1, 2)
			if except(ids[i]) {
				want = texts(2)
			}
			if got := wire.Texts(); !slices.Equal(got, want) {
				t.Errorf("session %d got %q", i, got)
			}
		}
	})
}

func TestEachSubscriber(t *testing.T) {
	t.Parallel()
	h := hub.New(quiet)
	want := make(map[*hub.Session]bool)
	for i := range 10 {
		s := register(t, h, hubtest.NewWire(t))
		if i%2 == 0 {
			subscribe(t, h, s, news, hub.Disconnect)
			want[s] = true
		}
	}
	h.EachSubscriber(news, func(s *hub.Session) {
		if !want[s] || !h.Unsubscribe(s, news) { // no lock is held
			t.Error("called for the wrong session, or twice")
		}
		delete(want, s)
	})
	if len(want) != 0 || h.Subscribers(news) != 0 {
		t.Errorf("%d were left out", len(want))
	}
	h.EachSubscriber(news, func(*hub.Session) { t.Error("called for no one") })
}

// However many publish at once, all subscribers see one order, and each
// publisher's own in it.
func TestHammerOneOrderForAll(t *testing.T) {
	t.Parallel()
	const publishers, each, subscribers = 4, 300, 20
	h := hub.New(hub.Limits{Outbox: 64 << 20})
	var sessions []*hub.Session
	var wires []*hubtest.Wire
	for range subscribers {
		s, wire := connect(t, h)
		subscribe(t, h, s, news, hub.Disconnect)
		sessions, wires = append(sessions, s), append(wires, wire)
	}
	var work sync.WaitGroup
	for p := range publishers {
		work.Go(func() {
			for i := range each {
				if h.Publish(news, hub.Delivery{Push: protocol.NewPush(fmt.Sprintf("%d %d", p, i), nil)}) != subscribers {
					t.Error("not all took it")
				}
			}
		})
	}
	work.Wait()
	var order []string
	for i, s := range sessions {
		s.Drain()
		got := wires[i].Texts()
		if i == 0 {
			order = got
		}
		if !slices.Equal(got, order) {
			t.Fatalf("session %d sees another order", i)
		}
	}
	var next [publishers]int
	for _, text := range order {
		var p, i int
		if _, err := fmt.Sscanf(text, `{"command":"%d %d"`, &p, &i); err != nil || next[p] != i {
			t.Fatalf("got %q when %d was due (%v)", text, next[p], err)
		}
		next[p]++
	}
	if len(order) != publishers*each {
		t.Errorf("%d of %d", len(order), publishers*each)
	}
}

// Nothing of a topic is pushed once Unsubscribe has returned.
func TestHammerUnsubscribeStops(t *testing.T) {
	t.Parallel()
	h := hub.New(hub.Limits{Outbox: 64 << 20})
	stop := make(chan struct{})
	var work sync.WaitGroup
	for range 2 {
		work.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
					h.Publish(news, numbered(i))
				}
			}
		})
	}
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			s, wire := connect(t, h)
			for range 50 {
				held, isNew := h.Subscribe(s, news, hub.Terms{})
				if held == nil || !isNew || !s.Subscribed(news) {
					t.Error("not subscribed")
				}
				if rand.IntN(2) == 0 {
					held.Release()
				}
				if !h.Unsubscribe(s, news) || h.Unsubscribe(s, news) || s.Subscribed(news) {
					t.Error("Unsubscribe is wrong")
				}
				s.Push(frame("end"))
				s.Drain()
				got := wire.Texts()
				if end := slices.Index(got, message("end")); end != len(got)-1 {
					t.Errorf("%d pushes after the end", len(got)-1-end)
				}
				held.Release() // of what has ended: nothing
			}
		})
	}
	readers.Wait()
	close(stop)
	work.Wait()
	if h.Subscribers(news) != 0 {
		t.Errorf("%d subscribers are left", h.Subscribers(news))
	}
}

// recorder is a socket that takes note of what it was given, and where in
// memory that was.
type recorder struct {
	mu     sync.Mutex
	pieces [][]byte
	places []*byte
}

func (r *recorder) Write(frames [][]byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range frames {
		r.pieces, r.places = append(r.pieces, slices.Clone(f)), append(r.places, &f[0])
	}
	return nil
}

func (r *recorder) TryWrite(frames [][]byte) ([][]byte, error) { return nil, r.Write(frames) }
func (r *recorder) Close() error                               { return nil }

// Large frames reach every socket from where they were encoded, in one write
// with the small ones around them.
func TestLargeFramesAreNotCopied(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := hub.New(quiet)
		small, large := protocol.NewPush("small", nil), protocol.NewPush("large", []byte(`"`+strings.Repeat("x", 10_000)+`"`))
		var all []*recorder
		for range 10 {
			r := &recorder{}
			s := register(t, h, r) // corked: everything leaves together
			subscribe(t, h, s, news, hub.Disconnect)
			all = append(all, r)
			s.Reply([]byte("1"), []byte(`"a"`), nil)
			for _, p := range []*protocol.Push{small, small, large, large, small} {
				s.Send(p)
			}
			s.Reply([]byte("2"), []byte(`"a"`), nil)
			_ = s.Uncork(frame("first"))
		}
		frame := large.Frame(protocol.DialectMesh)
		for _, r := range all {
			if len(r.pieces) != 4 || r.places[1] != &frame[0] || r.places[2] != &frame[0] {
				t.Fatalf("%d pieces", len(r.pieces))
			}
			before, err1 := hubtest.Decode(r.pieces[0])
			after, err2 := hubtest.Decode(r.pieces[3])
			if err1 != nil || err2 != nil || len(before) != 4 || len(after) != 2 || !strings.Contains(string(after[1].Payload), `"id":2`) {
				t.Errorf("got %q and %q (%v, %v)", before, after, err1, err2)
			}
		}
	})
}

// As many are served without allocating, messages as well as versions in both
// forms.
func TestPublishDoesNotAllocate(t *testing.T) {
	for _, topic := range []hub.Topic{news, board} {
		h, sessions := hub.New(hub.Limits{Outbox: 1 << 30}), 100
		for i := range sessions {
			s := register(t, h, sink{})
			_ = s.Uncork(nil)
			held, _ := h.Subscribe(s, topic, hub.Terms{Patches: i%2 == 0})
			release(held, at("e", 0))
		}
		d := record("0")
		publish := func() {
			d.Position = at("e", d.Position.Offset+1)
			if h.Publish(topic, d) != sessions {
				t.Error("not all took it")
			}
		}
		for range 1000 {
			publish()
		}
		if per := testing.AllocsPerRun(1000, publish) / float64(sessions); per > 0.1 {
			t.Errorf("%s: %.2f allocations per receiver", topic.Kind, per)
		}
	}
}
