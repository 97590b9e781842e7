package hub_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/hub/hubtest"
)

func TestPushIsWritten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, wire := connect(t, hub.New(quiet))
		for i := range 3 {
			if !s.Push(frame("p%d", i)) {
				t.Fatal("refused")
			}
			synctest.Wait()
			if got := wire.Texts(); !slices.Equal(got, []string{message("p%d", i)}) {
				t.Errorf("got %q", got)
			}
		}
	})
}

func TestPushesLeaveTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, wire := connect(t, hub.New(quiet))
		wire.Block(true)
		s.Push(frame("first"))
		wire.AwaitWriter()
		want := []string{message("first")}
		for i := range 100 {
			s.Push(frame("p%d", i))
			want = append(want, message("p%d", i))
		}
		wire.Block(false)
		synctest.Wait()
		if got := wire.Texts(); !slices.Equal(got, want) || wire.Writes() != 2 {
			t.Errorf("%d frames in %d writes", len(got), wire.Writes())
		}
	})
}

func TestReplyWaitsForFlush(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, wire := connect(t, hub.New(quiet))
		for i := range 3 {
			if s.Reply(fmt.Append(nil, i), []byte(`"a"`), []byte("true")) {
				t.Error("a small reply fills the outbox")
			}
		}
		s.Pong([]byte("x"))
		synctest.Wait()
		if wire.Writes() != 0 {
			t.Fatal("written before Flush")
		}
		if err := s.Flush(); err != nil {
			t.Fatal(err)
		}
		frames := wire.Frames()
		if len(frames) != 4 || wire.Writes() != 1 || string(frames[2].Payload) != `{"id":2,"command":"a","payload":true}` || frames[3].Op != hubtest.OpPong {
			t.Errorf("%d writes of %v", wire.Writes(), frames)
		}
	})
}

// A push takes along the replies before it, and stays behind them.
func TestOrderOfRepliesAndPushes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, wire := connect(t, hub.New(quiet))
		s.Reply([]byte("1"), []byte(`"a"`), nil)
		s.Push(frame("p"))
		synctest.Wait()
		s.Reply([]byte("2"), []byte(`"a"`), nil)
		_ = s.Flush()
		want := []string{`{"id":1,"command":"a","payload":null}`, message("p"), `{"id":2,"command":"a","payload":null}`}
		if got := wire.Texts(); !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
	})
}

func TestCork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		wire := hubtest.NewWire(t)
		s := register(t, hub.New(quiet), wire)
		s.Push(frame("pushed meanwhile"))
		s.Push(frame("and this"))
		_ = s.Flush()
		synctest.Wait()
		if wire.Writes() != 0 {
			t.Fatal("written while corked")
		}
		if err := s.Uncork(frame("assign-id")); err != nil {
			t.Fatal(err)
		}
		s.Push(frame("later"))
		synctest.Wait()
		want := []string{message("assign-id"), message("pushed meanwhile"), message("and this"), message("later")}
		if got := wire.Texts(); !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
	})
}

// The close frame of a session that is closed during its handshake comes after
// the handshake's response.
func TestCloseWhileCorked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		wire := hubtest.NewWire(t)
		s := register(t, running(t, quiet), wire)
		s.Close(hub.Cause{Code: abi.CloseKicked})
		synctest.Wait()
		if wire.Writes() != 0 {
			t.Fatal("written while corked")
		}
		_ = s.Uncork(frame("assign-id"))
		synctest.Wait()
		frames := wire.Frames()
		if len(frames) != 2 || string(frames[0].Payload) != message("assign-id") || frames[1].CloseCause().Code != abi.CloseKicked {
			t.Errorf("got %v", frames)
		}
	})
}

func TestSingleFrameIsAlwaysAccepted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, wire := connect(t, hub.New(hub.Limits{Outbox: 100}))
		large := frame("%s", strings.Repeat("x", 10_000))
		for range 3 {
			if !s.Push(large) {
				t.Fatal("refused by an empty outbox")
			}
			synctest.Wait()
		}
		if got := wire.Texts(); len(got) != 3 || s.Closing() != nil {
			t.Errorf("%d frames, closing %v", len(got), s.Closing())
		}
	})
}

func TestOverflow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const limit = 10_000
		s, wire := connect(t, running(t, hub.Limits{Outbox: limit, CloseTimeout: defaults.CloseTimeout}))
		wire.Block(true)
		s.Push(frame("in flight"))
		wire.AwaitWriter()
		piece, accepted := frame("%s", strings.Repeat("x", 50)), 0
		for s.Push(piece) {
			accepted += len(piece)
		}
		if accepted > limit || accepted < limit-len(piece) {
			t.Errorf("%d bytes waited, the limit is %d", accepted, limit)
		}
		if cause := s.Closing(); cause == nil || cause.Code != abi.CloseSlowConsumer {
			t.Errorf("closing with %v", cause)
		}
		if s.Push(frame("after")) || s.Reply([]byte("1"), []byte(`"a"`), nil) {
			t.Error("something is taken after the close frame")
		}
		wire.Block(false)
		synctest.Wait()
		frames := wire.Frames()
		if len(frames) != 2 || string(frames[0].Payload) != message("in flight") || frames[1].CloseCause().Code != abi.CloseSlowConsumer {
			t.Errorf("got %v", frames)
		}
		if cause := s.End(); cause.Code != abi.CloseSlowConsumer {
			t.Errorf("ended with %v", cause)
		}
	})
}

// Replies are bounded by those who produce them, not by the outbox.
func TestRepliesDoNotOverflow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, wire := connect(t, hub.New(hub.Limits{Outbox: 100}))
		large := []byte(`"` + strings.Repeat("x", 10_000) + `"`)
		for range 3 {
			s.Reply([]byte("1"), []byte(`"a"`), large)
		}
		s.Push(frame("p"))
		synctest.Wait()
		if got := wire.Texts(); len(got) != 4 || s.Closing() != nil {
			t.Errorf("%d frames, closing %v", len(got), s.Closing())
		}
	})
}

func TestPongsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, wire := connect(t, hub.New(hub.Limits{Outbox: 1000}))
		for range 10_000 {
			s.Pong([]byte(strings.Repeat("p", 125)))
		}
		_ = s.Flush()
		if n := len(wire.Frames()); n == 0 || n > 8 {
			t.Errorf("%d pongs waited", n)
		}
	})
}

// A producer of replies is held up once much is pending and another goroutine
// is writing.
func TestFlushWaitsForTheWriter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, wire := connect(t, hub.New(quiet))
		wire.Block(true)
		s.Push(frame("in flight"))
		wire.AwaitWriter()
		if err := s.Flush(); err != nil { // little is pending: the writer takes it along
			t.Fatal(err)
		}
		half := []byte(`"` + strings.Repeat("x", 40_000) + `"`)
		if s.Reply([]byte("1"), []byte(`"a"`), half) || !s.Reply([]byte("2"), []byte(`"a"`), half) {
			t.Error("Reply reports the wrong fill")
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = s.Flush()
		}()
		synctest.Wait()
		select {
		case <-done:
			t.Error("Flush returned while much is pending")
		default:
		}
		wire.Block(false)
		<-done
		synctest.Wait()
		if got := wire.Texts(); len(got) != 3 {
			t.Errorf("%d frames", len(got))
		}
	})
}

func TestDrain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, wire := connect(t, hub.New(quiet))
		wire.Block(true)
		s.Push(frame("in flight"))
		wire.AwaitWriter()
		s.Push(frame("pending"))
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.Drain()
		}()
		synctest.Wait()
		select {
		case <-done:
			t.Error("Drain returned before everything was written")
		default:
		}
		wire.Block(false)
		<-done
		if got := wire.Texts(); len(got) != 2 {
			t.Errorf("%d frames", len(got))
		}
	})
}

// Every producer's frames arrive once and in its order, whoever writes them.
func TestHammerOrder(t *testing.T) {
	t.Parallel()
	const producers, each = 8, 500
	h := hub.New(hub.Limits{Outbox: 64 << 20})
	s, wire := connect(t, h)
	var wg sync.WaitGroup
	for p := range producers {
		wg.Go(func() {
			for i := range each {
				if p%2 == 0 {
					s.Push(frame("%d %d", p, i))
					continue
				}
				s.Reply([]byte("0"), fmt.Appendf(nil, `"%d %d"`, p, i), nil)
				_ = s.Flush()
			}
		})
	}
	wg.Wait()
	s.Drain()
	var next [producers]int
	for _, text := range wire.Texts() {
		text = strings.TrimPrefix(text, `{"id":0,`)
		text = strings.TrimPrefix(text, `{`)
		var p, i int
		if _, err := fmt.Sscanf(text, `"command":"%d %d"`, &p, &i); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if next[p] != i {
			t.Fatalf("producer %d: frame %d came when %d was due", p, i, next[p])
		}
		next[p]++
	}
	for p, n := range next {
		if n != each {
			t.Errorf("producer %d: %d of %d frames", p, n, each)
		}
	}
}

// Everything at once, for the race detector: the session must end, its
// goroutines with it, and the hub must be empty.
func TestHammerSession(t *testing.T) {
	t.Parallel()
	h := running(t, hub.Limits{Outbox: 10_000, PingInterval: hub.Tick, LatencyInterval: hub.Tick, CloseTimeout: hub.Tick})
	for round := range 50 {
		wire := hubtest.NewWire(t)
		s := register(t, h, wire)
		var wg sync.WaitGroup
		for i, work := range []func(){
			func() { s.Push(frame("p")) },
			func() { s.Reply([]byte("1"), []byte(`"a"`), nil); _ = s.Flush() },
			func() { s.Pong(nil) },
			func() { s.Alive(); s.LatencyAnswered() },
			func() { s.PauseLiveness(true); s.PauseLiveness(false) },
			func() { h.Each(func(s *hub.Session) { s.Push(frame("e")) }) },
		} {
			wg.Go(func() {
				for n := range 100 {
					work()
					if i == round%6 && n == 50 {
						s.Close(hub.Cause{Code: abi.CloseNormal})
					}
				}
			})
		}
		_ = s.Uncork(frame("first"))
		wire.Block(round%3 == 0)
		if round%2 == 0 {
			s.PeerClosed(hub.Cause{Code: 1000}, 1000, "")
		}
		wire.Block(false)
		wg.Wait()
		// The last where the machine is so busy that no one has been alive for a tick.
		if cause := s.End(); !slices.Contains([]int{1000, abi.CloseSlowConsumer, abi.ClosePingTimeout}, cause.Code) {
			t.Errorf("ended with %v", cause)
		}
		wire.Frames() // all of them whole
	}
	if h.Len() != 0 {
		t.Errorf("%d sessions are left", h.Len())
	}
}
