package redis

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/redis/redistest"
)

// seen is a handler that notes what it is called with.
type seen struct {
	fail error // of begin

	mu  sync.Mutex
	all []string
}

func (s *seen) add(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, what)
}

func (s *seen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.all, " ")
}

func (s *seen) begin(context.Context) (answered, error) {
	s.add("begin")
	return nil, s.fail
}

func (s *seen) deliver(text string) { s.add(text) }

func (s *seen) resume(_ context.Context, away time.Duration) (answered, error) {
	if away <= 0 || away > patience {
		s.add("away for " + away.String())
	}
	s.add("resume")
	return nil, nil
}

func TestLane(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	n := opened(t, Options{Addresses: []string{server.Addr}})
	l, ctx := n.ledger.lane, context.Background()
	var h seen
	if err := l.subscribe(ctx, "c", &h); err != nil {
		t.Fatal(err)
	}
	publish := func(text string) int64 {
		return must[int64](t)(n.client.Publish(ctx, "c", text).Result())
	}
	long := strings.Repeat("x", 3<<20)
	publish("1")
	publish("")
	publish(long)
	eventually(t, "they come", func() bool { return h.text() == "begin 1  "+long })
	l.unsubscribe("c")
	eventually(t, "nobody listens", func() bool { return publish("2") == 0 })
	broken := errors.New("broken")
	if err := l.subscribe(ctx, "c", &seen{fail: broken}); !errors.Is(err, broken) {
		t.Errorf("began with %v", err)
	}
	eventually(t, "nobody listens", func() bool { return publish("3") == 0 })
	ended, end := context.WithCancel(ctx)
	end()
	if err := l.subscribe(ended, "c", &h); !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
	if len(l.topics) != 0 {
		t.Errorf("left %v behind", l.topics)
	}
}

// TestLaneLetGo has callers of subscribe leave before it is confirmed.
func TestLaneLetGo(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	n := opened(t, Options{Addresses: []string{server.Addr}})
	l := n.ledger.lane
	if err := l.subscribe(context.Background(), "first", &seen{}); err != nil {
		t.Fatal(err)
	}
	server.Pause(t)
	ctx, end := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer end()
	if err := l.subscribe(ctx, "c", &seen{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("ended with %v", err)
	}
	if l.find("c") != nil {
		t.Error("something is left")
	}
	server.Resume(t)
	var h seen
	if err := l.subscribe(context.Background(), "c", &h); err != nil {
		t.Fatal(err)
	}
	if got := must[int64](t)(n.client.Publish(context.Background(), "c", "m").Result()); got != 1 {
		t.Errorf("%d listen", got)
	}
	eventually(t, "it comes", func() bool { return h.text() == "begin m" })
}

// TestLaneHammer subscribes and unsubscribes from many goroutines, each with a
// channel of its own, while the connection is lost again and again.
func TestLaneHammer(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	n := opened(t, Options{Addresses: []string{server.Addr}})
	l, ctx := n.ledger.lane, context.Background()
	stop := make(chan struct{})
	var cutting, all sync.WaitGroup
	cutting.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
				l.deaf()
			}
		}
	})
	for i := range 8 {
		channel := string(rune('a' + i))
		all.Go(func() {
			for range 500 {
				short, end := context.WithTimeout(ctx, time.Duration(rand.IntN(2000))*time.Microsecond)
				err := l.subscribe(short, channel, &seen{})
				end()
				if err == nil || rand.IntN(2) == 0 {
					l.unsubscribe(channel)
				} else if !errors.Is(err, backplane.ErrUnavailable) && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("ended with %v", err)
				}
			}
		})
	}
	all.Wait()
	close(stop)
	cutting.Wait()
	for i := range 8 {
		channel := string(rune('a' + i))
		var h seen
		eventually(t, "it is subscribed", func() bool { return l.subscribe(ctx, channel, &h) == nil })
		eventually(t, "a message comes", func() bool {
			must[int64](t)(n.client.Publish(ctx, channel, "m").Result())
			return strings.HasSuffix(h.text(), " m")
		})
		l.unsubscribe(channel)
		eventually(t, "nobody listens", func() bool {
			return must[int64](t)(n.client.Publish(ctx, channel, "m").Result()) == 0
		})
	}
	if n.Stats().Reconnects == 0 {
		t.Error("nothing was lost")
	}
}

// TestLaneManyTopics resumes more channels than one command takes.
func TestLaneManyTopics(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	n := opened(t, Options{Addresses: []string{server.Addr}})
	l, ctx := n.ledger.lane, context.Background()
	const many = 1000
	handlers := make([]seen, many)
	name := func(i int) string { return "c" + string(rune(0x4e00+i)) }
	var all sync.WaitGroup
	for i := range handlers {
		all.Go(func() {
			if err := l.subscribe(ctx, name(i), &handlers[i]); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	l.deaf()
	for i := range handlers {
		eventually(t, "it resumes", func() bool { return handlers[i].text() == "begin resume" })
	}
	if err := n.Reachable(); err != nil {
		t.Error(err)
	}
}

// TestLaneAsksTogether has many channels begin, and resume, in a few round trips.
func TestLaneAsksTogether(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	proxy := redistest.StartProxy(t, server.Addr)
	n := opened(t, Options{Addresses: []string{proxy.Addr}})
	proxy.Lag(10 * time.Millisecond)
	const many = 400
	few := func(what string, before Stats) {
		t.Helper()
		if took := n.Stats().RoundTrips - before.RoundTrips; took > many/4 {
			t.Errorf("%d channels %s in %d round trips", many, what, took)
		}
	}
	before := n.Stats()
	var all sync.WaitGroup
	for i := range many {
		all.Go(func() {
			topic := backplane.Topic{Kind: backplane.Kind(1 + i%3), Name: string(rune(0x4e00 + i))}
			if err := n.Bus().Subscribe(context.Background(), topic); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	few("began", before)
	before = n.Stats()
	for _, l := range n.lanes {
		l.deaf()
	}
	eventually(t, "they resume", func() bool { return n.Stats().Reconnects > before.Reconnects && n.Reachable() == nil })
	few("resumed", before)
}

// TestLaneElsewhere finds a connection that is with another server than that of
// the requests.
func TestLaneElsewhere(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	n := opened(t, Options{Addresses: []string{server.Addr}, Timeout: 200 * time.Millisecond})
	l := n.ledger.lane
	var h seen
	if err := l.subscribe(context.Background(), "c", &h); err != nil {
		t.Fatal(err)
	}
	l.mu.Lock()
	l.life.server = "another"
	l.mu.Unlock()
	eventually(t, "it resumes", func() bool { return h.text() == "begin resume" })
}

// TestLaneOneChannel has many goroutines subscribe to one channel and take it
// back: whoever is last decides.
func TestLaneOneChannel(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	n := opened(t, Options{Addresses: []string{server.Addr}})
	l, ctx := n.ledger.lane, context.Background()
	for round := range 100 {
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 5 {
					if err := l.subscribe(ctx, "c", &seen{}); err != nil {
						t.Error(err)
					}
					l.unsubscribe("c")
				}
			})
		}
		all.Wait()
		var h seen
		if err := l.subscribe(ctx, "c", &h); err != nil {
			t.Fatal(err)
		}
		if got := must[int64](t)(n.client.Publish(ctx, "c", "m").Result()); got != 1 {
			t.Fatalf("round %d: %d listen", round, got)
		}
		eventually(t, "it comes", func() bool { return h.text() == "begin m" })
		l.unsubscribe("c")
	}
}

// TestLaneUnsubscribedAway takes a subscription back while the connection is lost.
func TestLaneUnsubscribedAway(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	proxy := redistest.StartProxy(t, server.Addr)
	n := opened(t, Options{Addresses: []string{proxy.Addr}, Timeout: 200 * time.Millisecond})
	l, ctx := n.ledger.lane, context.Background()
	var kept, gone seen
	for channel, h := range map[string]*seen{"kept": &kept, "gone": &gone} {
		if err := l.subscribe(ctx, channel, h); err != nil {
			t.Fatal(err)
		}
	}
	proxy.Refuse()
	eventually(t, "it is lost", func() bool { return l.why() != nil })
	l.unsubscribe("gone")
	if err := l.subscribe(ctx, "gone", &gone); !errors.Is(err, backplane.ErrUnavailable) || l.find("gone") != nil {
		t.Errorf("ended with %v", err)
	}
	proxy.Restore(t)
	eventually(t, "it resumes", func() bool { return kept.text() == "begin resume" })
	if got := must[map[string]int64](t)(n.client.PubSubNumSub(ctx, "kept", "gone").Result()); got["kept"] != 1 || got["gone"] != 0 {
		t.Errorf("listening: %v", got)
	}
	if gone.text() != "begin" {
		t.Errorf("got %q", gone.text())
	}
}
