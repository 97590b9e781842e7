package hub_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/protocol"
)

func at(epoch string, offset int64) hub.Position { return hub.Position{Epoch: epoch, Offset: offset} }

func TestRelease(t *testing.T) {
	t.Parallel()
	waiting := []hub.Position{at("e", 1), at("e", 2), {}, at("e", 3), at("f", 1), {}, at("f", 2)}
	for name, c := range map[string]struct {
		after hub.Position
		want  []string
	}{
		"after nothing":       {hub.Position{}, texts(0, 1, 2, 3, 4, 5, 6)},
		"after some":          {at("e", 2), texts(2, 3, 4, 5, 6)},
		"after all of one":    {at("e", 3), texts(2, 4, 5, 6)},
		"after the next":      {at("e", 9), texts(2, 4, 5, 6)},
		"after another epoch": {at("g", 9), texts(0, 1, 2, 3, 4, 5, 6)},
		"after the new epoch": {at("f", 1), texts(0, 1, 2, 3, 5, 6)},
		"before the first":    {at("e", 0), texts(0, 1, 2, 3, 4, 5, 6)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := hub.New(quiet)
				s, wire := connect(t, h)
				held := hold(h, s, news, hub.Disconnect)
				for i, p := range waiting {
					if h.Publish(news, hub.Delivery{Push: protocol.NewPush(fmt.Sprint(i), nil), Position: p}) != 1 {
						t.Error("not taken while held")
					}
				}
				synctest.Wait()
				if wire.Writes() != 0 {
					t.Error("written while held")
				}
				release(held, c.after)
				h.Publish(news, hub.Delivery{Push: protocol.NewPush("9", nil), Position: at("e", 9000)})
				held.Release() // not held any more: nothing happens
				synctest.Wait()
				if got := wire.Texts(); !slices.Equal(got, append(c.want, texts(9)...)) {
					t.Errorf("got %q, want %q", got, c.want)
				}
			})
		})
	}
}

// A subscription that begins again is held again; what has been pushed already
// stays before it.
func TestHoldAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := hub.New(quiet)
		s, wire := connect(t, h)
		subscribe(t, h, s, news, hub.Disconnect)
		h.Publish(news, numbered(1))
		again, isNew := h.Subscribe(s, news, hub.Terms{Policy: hub.Drop})
		if again == nil || isNew || h.Subscribers(news) != 1 {
			t.Error("a second subscription to one topic")
		}
		h.Publish(news, numbered(2))
		s.Reply([]byte("1"), []byte(`"a"`), nil)
		again.Release()
		h.Publish(news, numbered(3))
		again = hold(h, s, news, hub.Drop)
		h.Publish(news, numbered(4))
		synctest.Wait()
		want := []string{message("1"), `{"id":1,"command":"a","payload":null}`, message("2"), message("3")}
		if got := wire.Texts(); !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
		release(again, at("e", 3))
		synctest.Wait()
		if got := wire.Texts(); !slices.Equal(got, texts(4)) {
			t.Errorf("got %q", got)
		}
	})
}

// history is what a backplane keeps: it gives numbers and publishes in their
// order.
type history struct {
	mu  sync.Mutex
	top atomic.Int64
}

func (x *history) publish(h *hub.Hub) {
	x.mu.Lock()
	defer x.mu.Unlock()
	h.Publish(news, numbered(int(x.top.Add(1))))
}

// A subscriber that begins, reads the history's top and lets go misses nothing
// after that and gets nothing twice, whoever publishes meanwhile.
func TestHammerHoldAndRelease(t *testing.T) {
	t.Parallel()
	h := hub.New(hub.Limits{Outbox: 64 << 20})
	var past history
	stop := make(chan struct{})
	var publishers, readers sync.WaitGroup
	for range 3 {
		publishers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					past.publish(h)
				}
			}
		})
	}
	for range 6 {
		s, wire := connect(t, h)
		readers.Go(func() {
			for round := range 60 {
				held := hold(h, s, news, hub.Disconnect)
				top := past.top.Load()
				release(held, at("e", top))
				if round%3 == 0 { // a gap to fill, as after a lost bus
					hold(h, s, news, hub.Disconnect).Release()
				}
				past.publish(h)
				h.Unsubscribe(s, news)
				s.Drain()
				got := wire.Texts()
				if len(got) == 0 {
					t.Error("its own message did not arrive")
				}
				for i, text := range got {
					if text != message("%d", top+1+int64(i)) {
						t.Errorf("after %d push %d is %s", top, i, text)
						return
					}
				}
			}
		})
	}
	readers.Wait()
	close(stop)
	publishers.Wait()
}

// A subscription that begins anew is held until its own release: one that was
// meant for the hold before changes nothing. What the hold before kept back for
// courtesy alone goes ahead of the second reply.
func TestAnOvertakenReleaseDoesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := hub.New(quiet)
		s, wire := connect(t, h)
		publish := func(offset int64) {
			h.Publish(news, hub.Delivery{Push: protocol.NewPush(fmt.Sprint(offset), nil), Position: at("e", offset)})
		}
		first := hold(h, s, news, hub.Disconnect)
		publish(1)
		first.Answered(at("e", 1))
		publish(2)
		publish(3)
		second := hold(h, s, news, hub.Disconnect)
		publish(4)
		first.Release()
		synctest.Wait()
		if got := wire.Texts(); !slices.Equal(got, texts(2, 3)) {
			t.Errorf("%q was pushed before the second reply", got)
		}
		release(second, at("e", 4))
		publish(5)
		synctest.Wait()
		if got := wire.Texts(); !slices.Equal(got, texts(5)) {
			t.Errorf("pushed %q after it", got)
		}
	})
}

// A client hears of the end of a subscription after it has heard of the
// beginning, and of what was pushed before the end.
func TestAFarewellFollowsTheReply(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := hub.New(quiet)
		s, wire := connect(t, h)
		bye := protocol.NewPush("9", nil)
		held := hold(h, s, news, hub.Disconnect)
		if !h.EndSubscription(s, news, bye) {
			t.Error("there was no subscription")
		}
		synctest.Wait()
		if got := wire.Texts(); got != nil {
			t.Errorf("%q came before the reply", got)
		}
		release(held, hub.Position{})
		synctest.Wait()
		if got := wire.Texts(); !slices.Equal(got, texts(9)) {
			t.Errorf("pushed %q", got)
		}
		hold(h, s, news, hub.Disconnect).Answered(hub.Position{})
		h.Publish(news, hub.Delivery{Push: protocol.NewPush("1", nil)})
		h.EndSubscription(s, news, bye)
		synctest.Wait()
		if got := wire.Texts(); !slices.Equal(got, texts(1, 9)) {
			t.Errorf("pushed %q during the courtesy", got)
		}
	})
}
