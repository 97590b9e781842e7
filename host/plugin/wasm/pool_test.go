package wasm_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/plugin/guest"
	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
	"github.com/mesh-host/mesh-host/host/plugin/wasm"
)

// occupy runs n spinning calls of one handler and returns when all run; end
// waits for them.
func occupy(t *testing.T, p *wasm.Plugin, h guest.Handler, n int) (end func()) {
	t.Helper()
	var calls sync.WaitGroup
	for range n {
		calls.Go(func() {
			if _, err := run(h, `{}`); !errors.Is(err, guest.ErrTimeout) {
				t.Errorf("spin ends with %v", err)
			}
		})
	}
	until(t, "all spin", func() bool { _, running := p.Instances(); return running >= n })
	return calls.Wait
}

func TestHangingCommandStarvesNoOther(t *testing.T) {
	t.Parallel()
	p, _ := puppet(t, func(o *guest.Options) { o.Instances, o.Deadline = 2, 500*time.Millisecond })
	end := occupy(t, p, p.Handler(spin), 2)
	h := p.Handler(echo)
	for range 20 {
		if body, err := run(h, `1`); err != nil || body != `1` {
			t.Fatalf("echo beside spin: %q, %v", body, err)
		}
	}
	end()
}

func TestBusy(t *testing.T) {
	t.Parallel()
	p, counters := puppet(t, func(o *guest.Options) { o.Instances, o.Single = 1, true })
	end := occupy(t, p, p.Handler(spin), 1)
	ctx, cancel := context.WithCancel(context.Background())
	h := p.Handler(echo)
	waiter := &receiver{yields: make(chan struct{}, 1)}
	result := make(chan error, 1)
	go func() { result <- h.Call(ctx, abi.Request{}, waiter) }()
	<-waiter.yields // it gave up its turn
	until(t, "it waits", func() bool { return p.Waiting() == 1 })
	cancel()
	if err := <-result; !errors.Is(err, guest.ErrBusy) {
		t.Errorf("a call that gave up: %v", err)
	}
	end()
	if n := counters.Snapshot(); n.Busy != 1 {
		t.Errorf("counts %+v", n)
	}
	mustEcho(t, p)
}

func TestWaitIsBounded(t *testing.T) {
	t.Parallel()
	p, counters := puppet(t, func(o *guest.Options) { o.Single = true })
	h := p.Handler(spin)
	var busy atomic.Int32
	var calls sync.WaitGroup
	for range 4 { // the second runs when the first ends; the others wait in vain
		calls.Go(func() {
			if _, err := run(h, `{}`); errors.Is(err, guest.ErrBusy) {
				busy.Add(1)
			}
		})
	}
	calls.Wait()
	if n := busy.Load(); n < 2 {
		t.Errorf("%d calls were refused, want at least 2", n)
	}
	if n := counters.Snapshot(); n.Busy != uint64(busy.Load()) {
		t.Errorf("counts %+v", n)
	}
}

func TestWaitersAreServedInOrder(t *testing.T) {
	t.Parallel()
	p, _ := puppet(t, func(o *guest.Options) { o.Single, o.Deadline = true, 10*time.Second })
	first := make(chan struct{})
	var calls sync.WaitGroup
	calls.Go(func() {
		if err := p.Handler(echo).Call(context.Background(), abi.Request{}, blocked{first}); err != nil {
			t.Error(err)
		}
	})
	until(t, "the first runs", func() bool { _, running := p.Instances(); return running == 1 })
	order := make(ordered, 5)
	for i := range 5 {
		h := p.Handler(echo)
		calls.Go(func() {
			if err := h.Call(context.Background(), abi.Request{}, ticket{order, i}); err != nil {
				t.Errorf("call %d: %v", i, err)
			}
		})
		until(t, "it waits", func() bool { return p.Waiting() == i+1 })
	}
	close(first)
	calls.Wait()
	for want := range 5 {
		if got := <-order; got != want {
			t.Errorf("served %d, want %d", got, want)
		}
	}
}

func TestReservedPlaceIsHandedOn(t *testing.T) {
	t.Parallel()
	p, _ := puppet(t, func(o *guest.Options) { o.Instances, o.Deadline = 1, 10*time.Second })
	a, b := p.Handler(echo), p.Handler(locals)
	var calls sync.WaitGroup
	served := make(ordered, 2)
	hold := func(h guest.Handler, running, waiting int) (release func()) {
		ch := make(chan struct{})
		calls.Go(func() { _ = h.Call(context.Background(), abi.Request{}, blocked{ch}) })
		until(t, "it runs or waits", func() bool {
			_, r := p.Instances()
			return r == running && p.Waiting() == waiting
		})
		return func() { close(ch) }
	}
	releaseA := hold(a, 1, 0) // takes the only place
	releaseB := hold(b, 2, 0) // takes the place in reserve for b
	calls.Go(func() { _ = a.Call(context.Background(), abi.Request{}, ticket{served, 1}) })
	until(t, "it waits", func() bool { return p.Waiting() == 1 })
	calls.Go(func() { _ = b.Call(context.Background(), abi.Request{}, ticket{served, 2}) })
	until(t, "it waits", func() bool { return p.Waiting() == 2 })
	releaseB()
	if got := <-served; got != 2 {
		t.Errorf("the place of b went to call %d", got)
	}
	releaseA()
	if got := <-served; got != 1 {
		t.Errorf("then served %d", got)
	}
	calls.Wait()
}

// ordered takes the numbers of tickets as they are served.
type ordered chan int

type ticket struct {
	served ordered
	number int
}

func (t ticket) Receive(abi.Response) error { t.served <- t.number; return nil }
func (t ticket) Yield()                     {}

func TestSlowCallYields(t *testing.T) {
	t.Parallel()
	p, _ := puppet(t, nil)
	r := &receiver{yields: make(chan struct{}, 8)}
	if err := p.Handler(spin).Call(context.Background(), abi.Request{}, r); !errors.Is(err, guest.ErrTimeout) {
		t.Fatal(err)
	}
	if n := len(r.yields); n != 1 {
		t.Errorf("yielded %d times, want once", n)
	}
	r = &receiver{yields: make(chan struct{}, 8)}
	if err := p.Handler(echo).Call(context.Background(), abi.Request{}, r); err != nil || len(r.yields) != 0 {
		t.Errorf("a quick call yielded %d times: %v", len(r.yields), err)
	}
}

func TestSingleKeepsItsInstance(t *testing.T) {
	t.Parallel()
	p, _ := puppet(t, func(o *guest.Options) { o.Single, o.Deadline = true, 5*time.Second })
	var calls sync.WaitGroup
	for range 8 {
		h := p.Handler(echo)
		calls.Go(func() {
			for range 50 {
				if _, err := run(h, `1`); err != nil {
					t.Error(err)
				}
			}
		})
	}
	calls.Wait()
	p.Trim()
	p.Trim()
	if all, _ := p.Instances(); all != 1 {
		t.Errorf("%d instances", all)
	}
}

func TestTrim(t *testing.T) {
	t.Parallel()
	h := newHost(t, "{}")
	p, _ := h.start(t, plugintest.Fixture(t, "puppet"), func(o *guest.Options) { o.Deadline = time.Second })
	var calls sync.WaitGroup
	for range 4 {
		calls.Go(func() { _, _ = call(p, sleep, `{}`) })
	}
	until(t, "four run", func() bool { _, running := p.Instances(); return running == 4 })
	calls.Wait()                // those are discarded
	slow := make(chan struct{}) // keeps calls in their Receive, so that four run well
	for range 4 {
		calls.Go(func() {
			_ = p.Handler(echo).Call(context.Background(), abi.Request{Payload: []byte("1")}, blocked{slow})
		})
	}
	until(t, "four run", func() bool { _, running := p.Instances(); return running == 4 })
	close(slow)
	calls.Wait()
	if all, _ := p.Instances(); all != 4 {
		t.Fatalf("%d instances", all)
	}
	p.Trim() // they were all needed
	mustEcho(t, p)
	if all, _ := p.Instances(); all != 4 {
		t.Fatalf("%d instances after the first trim", all)
	}
	p.Trim() // only one was needed since
	if all, _ := p.Instances(); all != 1 || h.Memories() != 1 {
		t.Errorf("%d instances, %d memories after the second trim", all, h.Memories())
	}
	mustEcho(t, p)
}

type blocked struct{ until chan struct{} }

func (b blocked) Receive(abi.Response) error { <-b.until; return nil }
func (b blocked) Yield()                     {}

func TestReceiverPanicCostsTheInstance(t *testing.T) {
	t.Parallel()
	p, _ := puppet(t, nil)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = p.Handler(echo).Call(context.Background(), abi.Request{}, panicking{})
	}()
	if all, running := p.Instances(); all != 0 || running != 0 {
		t.Errorf("%d instances, %d running", all, running)
	}
	mustEcho(t, p)
}

type panicking struct{}

func (panicking) Receive(abi.Response) error { panic("receiver") }
func (panicking) Yield()                     {}

func TestCloseWaits(t *testing.T) {
	t.Parallel()
	p, _ := puppet(t, nil)
	end := occupy(t, p, p.Handler(spin), 3)
	p.Close() // returns when they have timed out
	if all, running := p.Instances(); all != 0 || running != 0 {
		t.Errorf("%d instances, %d running after Close", all, running)
	}
	end()
	if _, err := call(p, echo, `1`); !errors.Is(err, guest.ErrClosed) {
		t.Errorf("a call after Close: %v", err)
	}
	p.Close()
}

func TestWatchdogRests(t *testing.T) {
	t.Parallel()
	h := newHost(t, "{}")
	p, _ := h.start(t, plugintest.Fixture(t, "puppet"), nil)
	until(t, "the watchdog rests", h.Resting)
	if _, err := call(p, spin, `{}`); !errors.Is(err, guest.ErrTimeout) {
		t.Errorf("a rested watchdog: %v", err)
	}
}

// TestHammer mixes good and bad calls, trims and closes, for the race
// detector.
func TestHammer(t *testing.T) {
	t.Parallel()
	h := newHost(t, "{}")
	p, counters := h.start(t, plugintest.Fixture(t, "puppet"), func(o *guest.Options) { o.Deadline = 50 * time.Millisecond })
	var calls sync.WaitGroup
	echoes := p.Handler(echo)
	for range 6 {
		calls.Go(func() {
			for range 200 {
				if _, err := run(echoes, `{"n":1}`); err != nil && !errors.Is(err, guest.ErrBusy) && !errors.Is(err, guest.ErrTimeout) {
					t.Error(err)
				}
			}
		})
	}
	for _, bad := range []uint32{spin, trap, notJSON, exit, ownError} {
		handler := p.Handler(bad)
		calls.Go(func() {
			for range 10 {
				if _, err := run(handler, `{}`); err == nil {
					t.Errorf("handler %d succeeds", bad)
				}
			}
		})
	}
	calls.Go(func() {
		for range 100 {
			p.Trim()
			p.Instances()
		}
	})
	calls.Wait()
	p.Close()
	if n := counters.Snapshot(); n.Calls == 0 || n.Discarded < 40 {
		t.Errorf("counts %+v", n)
	}
	if n := h.Memories(); n != 0 {
		t.Errorf("%d memories left", n)
	}
}

// stubborn is an instance whose end takes its time.
type stubborn struct {
	wasm.Slot
	ending, mayEnd chan struct{}
}

func (i *stubborn) Close() {
	close(i.ending)
	<-i.mayEnd
}

// TestCloseWaitsForInstances, also for those that others close: what is freed after
// the pool is what they run on.
func TestCloseWaitsForInstances(t *testing.T) {
	t.Parallel()
	i := &stubborn{ending: make(chan struct{}), mayEnd: make(chan struct{})}
	o := guest.Options{Deadline: time.Minute, Counters: new(guest.Counters)}
	pool := newHost(t, `{}`).NewPool(o, func() *wasm.Slot { return i.Hold(i) })
	slot, err := pool.Acquire(t.Context(), new(wasm.Lane), new(receiver))
	if err != nil {
		t.Fatal(err)
	}
	var calls sync.WaitGroup
	calls.Go(func() { pool.Release(slot, false) })
	<-i.ending
	closed := make(chan struct{})
	calls.Go(func() {
		pool.Close()
		close(closed)
	})
	select {
	case <-closed:
		t.Error("the pool is closed before its instance is")
	case <-time.After(50 * time.Millisecond):
	}
	close(i.mayEnd)
	calls.Wait()
	pool.Close() // again
}
