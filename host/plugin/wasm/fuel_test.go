package wasm_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/plugin/guest"
	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
	"github.com/mesh-host/mesh-host/host/plugin/wasm"
)

// The handlers of the fixture that is metered by hand.
const (
	handSpin = iota + 1
	handRecurse
	handCount
	handReturn
)

// handMetered starts it in a runtime that meters nothing itself.
func handMetered(tb testing.TB, change func(*guest.Options)) (*wasm.Plugin, *guest.Counters) {
	tb.Helper()
	return newHostWith(tb, "{}", true).start(tb, plugintest.Fixture(tb, "metered"), change)
}

func TestTicksEndASpinningCall(t *testing.T) {
	t.Parallel()
	p, counters := handMetered(t, nil)
	start := time.Now()
	_, err := call(p, handSpin, "{}")
	if took := time.Since(start); !errors.Is(err, guest.ErrTimeout) || took < 150*time.Millisecond || took > 5*time.Second {
		t.Errorf("after %s: %v", took, err)
	}
	if n := counters.Snapshot(); n.Timeouts != 1 || n.Discarded != 1 {
		t.Errorf("counts %+v", n)
	}
}

// The account is exact: a call that needs 10,000,010 units does with that many
// and not with fewer, whatever the call before it has left over.
func TestFuelIsCounted(t *testing.T) {
	t.Parallel()
	const needed = 10_000_010
	p, counters := handMetered(t, func(o *guest.Options) { o.Fuel, o.Deadline = needed, 10*time.Second })
	const times = 3
	for range times {
		if _, err := call(p, handCount, "{}"); err != nil {
			t.Fatal(err)
		}
		if _, err := call(p, handReturn, "{}"); err != nil {
			t.Fatal(err)
		}
	}
	if all, _ := p.Instances(); all != 1 {
		t.Errorf("%d instances", all)
	}
	if n := counters.Snapshot(); n.Fuel != times*(needed+10) || n.OutOfFuel != 0 {
		t.Errorf("counts %+v", n)
	}

	p, counters = handMetered(t, func(o *guest.Options) { o.Fuel, o.Deadline = needed-1, 10*time.Second })
	if _, err := call(p, handCount, "{}"); !errors.Is(err, guest.ErrFuel) {
		t.Errorf("without enough fuel: %v", err)
	}
	if n := counters.Snapshot(); n.OutOfFuel != 1 || n.Faults != 0 || n.Discarded != 1 {
		t.Errorf("counts %+v", n)
	}
}

// What the host does for a call is a part of what it costs: more than its
// instructions, of which there are few here.
func TestHostCallsCostFuel(t *testing.T) {
	t.Parallel()
	h := newHost(t, "{}")
	cost := func(handler uint32) uint64 {
		p, counters := h.start(t, plugintest.Fixture(t, "puppet"), nil)
		p.Instances() // counts
		before := counters.Snapshot().Fuel
		if _, err := call(p, handler, `{}`); err != nil {
			t.Fatal(err)
		}
		p.Instances()
		return counters.Snapshot().Fuel - before
	}
	if without, with := cost(goOn), cost(logName); without == 0 || with < without+500 {
		t.Errorf("%d units without a host call, %d with one", without, with)
	} else {
		t.Logf("%d units without a host call, %d with one", without, with)
	}
}

func TestTooDeep(t *testing.T) {
	t.Parallel()
	p, counters := handMetered(t, func(o *guest.Options) { o.Deadline = 10 * time.Second })
	_, err := call(p, handRecurse, "{}")
	var fault *guest.Fault
	if !errors.As(err, &fault) {
		t.Fatalf("got %v, want a fault", err)
	}
	mustContain(t, err.Error(), "calls nest deeper than 10000")
	if n := counters.Snapshot(); n.Faults != 1 {
		t.Errorf("counts %+v", n)
	}
}

// Many calls that compute for long share the processors: each makes progress,
// and a short one is served meanwhile.
func TestLongCallsShare(t *testing.T) {
	t.Parallel()
	p, counters := handMetered(t, func(o *guest.Options) { o.Instances, o.Deadline = 32, 2*time.Second })
	var calls sync.WaitGroup
	for range 32 {
		calls.Go(func() {
			if _, err := call(p, handSpin, "{}"); !errors.Is(err, guest.ErrTimeout) {
				t.Errorf("spin ends with %v", err)
			}
		})
	}
	until(t, "all spin", func() bool { _, running := p.Instances(); return running >= 32 })
	for range 20 {
		if _, err := call(p, handReturn, "{}"); err != nil {
			t.Errorf("a short call: %v", err)
		}
	}
	calls.Wait()
	if n := counters.Snapshot(); n.Timeouts != 32 {
		t.Errorf("counts %+v", n)
	}
}

func BenchmarkTooDeep(b *testing.B) {
	p, _ := handMetered(b, nil)
	for b.Loop() {
		if _, err := call(p, handRecurse, "{}"); err == nil {
			b.Fatal("recursion succeeds")
		}
	}
}

// BenchmarkSpin measures a loop of a million iterations, 10,000,000 units.
func BenchmarkSpin(b *testing.B) {
	p, _ := handMetered(b, func(o *guest.Options) { o.Deadline = 10 * time.Second })
	for b.Loop() {
		if _, err := call(p, handCount, "{}"); err != nil {
			b.Fatal(err)
		}
	}
}
