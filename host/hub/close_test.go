package hub_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/hub/hubtest"
)

func TestCloseHandshake(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, wire := connect(t, running(t, quiet))
		wire.Block(true)
		s.Push(frame("before"))
		first := hub.Cause{Code: abi.CloseKicked, Reason: "first"}
		s.Close(first)
		s.Close(hub.Cause{Code: abi.CloseNormal, Reason: "second"})
		if s.Push(frame("after")) {
			t.Error("a push is taken after the close frame")
		}
		s.Reply([]byte("1"), []byte(`"a"`), nil)
		s.Pong(nil)
		wire.Block(false)
		synctest.Wait()
		frames := wire.Frames()
		if len(frames) != 2 || string(frames[0].Payload) != message("before") || frames[1].CloseCause() != first {
			t.Fatalf("got %v", frames)
		}
		if wire.Closed() {
			t.Error("the socket is closed before the peer has answered")
		}
		s.PeerClosed(hub.Cause{Code: 1000}, 1000, "")
		if wire.Frames() != nil || !wire.Closed() {
			t.Error("the peer's answer is answered, or the socket stays open")
		}
		if cause := s.End(); cause != first {
			t.Errorf("ended with %v", cause)
		}
	})
}

func TestCloseTimeout(t *testing.T) {
	t.Parallel()
	for name, blocked := range map[string]bool{"a peer that does not answer": false, "a peer that does not read": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, wire := connect(t, running(t, defaults))
				wire.Block(blocked)
				s.Close(hub.Cause{Code: abi.CloseGoingAway})
				<-time.After(defaults.CloseTimeout - 1)
				if wire.Closed() {
					t.Error("closed before the timeout")
				}
				<-time.After(2 * hub.Tick)
				synctest.Wait()
				if !wire.Closed() {
					t.Error("not closed after the timeout")
				}
				if cause := s.End(); cause.Code != abi.CloseGoingAway {
					t.Errorf("ended with %v", cause)
				}
			})
		})
	}
}

func TestPeerCloses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cause  hub.Cause
		reply  int
		reason string
		want   hub.Cause
	}{
		"normally":        {hub.Cause{Code: 1000, Reason: "bye"}, 1000, "", hub.Cause{Code: 1000}},
		"without a code":  {hub.Cause{Code: 1005}, 0, "", hub.Cause{}},
		"with a bad code": {hub.Cause{Code: 1002, Reason: "bad close code"}, 1002, "bad close code", hub.Cause{Code: 1002, Reason: "bad close code"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, wire := connect(t, hub.New(quiet))
				s.Reply([]byte("1"), []byte(`"a"`), nil)
				s.PeerClosed(c.cause, c.reply, c.reason)
				frames := wire.Frames()
				if len(frames) != 2 || frames[1].Op != hubtest.OpClose || frames[1].CloseCause() != c.want || !wire.Closed() {
					t.Errorf("got %v, closed %v", frames, wire.Closed())
				}
				if cause := s.End(); cause != c.cause {
					t.Errorf("ended with %v, want %v", cause, c.cause)
				}
			})
		})
	}
}

// A peer that closes while another goroutine writes to it still gets its
// answer.
func TestPeerClosesDuringAWrite(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, wire := connect(t, running(t, quiet))
		wire.Block(true)
		s.Push(frame("in flight"))
		wire.AwaitWriter()
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.PeerClosed(hub.Cause{Code: 1000}, 1000, "")
		}()
		synctest.Wait()
		if wire.Closed() {
			t.Error("the socket is closed under the writer")
		}
		wire.Block(false)
		<-done
		if frames := wire.Frames(); len(frames) != 2 || frames[1].CloseCause().Code != 1000 || !wire.Closed() {
			t.Errorf("got %v, closed %v", frames, wire.Closed())
		}
	})
}

func TestPeerClosesAndDoesNotRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, wire := connect(t, running(t, quiet))
		wire.Block(true)
		start := time.Now()
		s.PeerClosed(hub.Cause{Code: 1000}, 1000, "")
		if took := time.Since(start); took < quiet.CloseTimeout || took > quiet.CloseTimeout+2*hub.Tick || !wire.Closed() {
			t.Errorf("it took %v", took)
		}
	})
}

func TestWriteFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, wire := connect(t, hub.New(quiet))
		_ = wire.Close()
		s.Reply([]byte("1"), []byte(`"a"`), nil)
		if err := s.Flush(); err == nil {
			t.Error("Flush reports nothing")
		}
		if cause := s.Closing(); cause == nil || *cause != hub.Gone {
			t.Errorf("closing with %v", cause)
		}
		if s.Push(frame("after")) {
			t.Error("a push is taken by a dead session")
		}
		if err := s.Flush(); err != nil {
			t.Errorf("nothing to flush: %v", err)
		}
		s.Drain()
		if cause := s.End(); cause != hub.Gone {
			t.Errorf("ended with %v", cause)
		}
	})
}

// End is what the reader calls when the peer has vanished, whatever the writer
// is doing.
func TestEndDuringAWrite(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := hub.New(quiet)
		s, wire := connect(t, h)
		wire.Block(true)
		s.Push(frame("in flight"))
		wire.AwaitWriter()
		s.Push(frame("pending"))
		if cause := s.End(); cause != hub.Gone {
			t.Errorf("ended with %v", cause)
		}
		if h.Len() != 0 || h.Get(s.ID()) != nil {
			t.Error("the session is still in the hub")
		}
		if s.Push(frame("after")) {
			t.Error("a push is taken after the end")
		}
		if again := s.End(); again != hub.Gone || h.Len() != 0 {
			t.Errorf("a second End: %v, %d sessions", again, h.Len())
		}
	})
}
