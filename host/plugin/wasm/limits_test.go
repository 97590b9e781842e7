package wasm_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/capability"
	"github.com/mesh-host/mesh-host/host/plugin/guest"
	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
)

// Of more calls than may be in flight, the rest is refused at once, whatever
// handler they are for.
func TestCallsInFlight(t *testing.T) {
	t.Parallel()
	p, counters := puppet(t, func(o *guest.Options) { o.Instances, o.InFlight, o.Deadline = 1, 2, 500*time.Millisecond })
	var running sync.WaitGroup
	spinner := p.Handler(spin)
	for range 2 {
		running.Go(func() {
			if _, err := run(spinner, "1"); err == nil {
				t.Error("an endless call ends")
			}
		})
	}
	until(t, "one runs and one waits", func() bool { return p.Waiting() == 1 })
	start := time.Now()
	if _, err := call(p, echo, "1"); !errors.Is(err, guest.ErrBusy) {
		t.Errorf("one more: %v", err)
	}
	if took := time.Since(start); took > 200*time.Millisecond {
		t.Errorf("it waited %s", took)
	}
	running.Wait()
	mustEcho(t, p)
	if counters.Busy.Load() == 0 {
		t.Error("it was not counted")
	}
}

func TestMemoryIsCounted(t *testing.T) {
	t.Parallel()
	p, _ := puppet(t, nil)
	before := p.Memory()
	if before < 2*64<<10 {
		t.Errorf("%d bytes", before)
	}
	big := `"` + string(make([]byte, 1<<20)) + `"`
	_, _ = call(p, echo, big) // not JSON, but it had to grow for it
	if _, err := call(p, trap, "1"); err == nil {
		t.Error("a trap is none")
	}
	mustEcho(t, p)
	if now := p.Memory(); now < before || now > 64<<20 {
		t.Errorf("%d bytes, after %d", now, before)
	}
	p.Close()
	if n := p.Memory(); n != 0 {
		t.Errorf("%d bytes after all", n)
	}
}

func TestDurationsAreCounted(t *testing.T) {
	t.Parallel()
	p, counters := puppet(t, nil)
	for range 1000 {
		mustEcho(t, p)
	}
	if _, err := call(p, spin, "1"); !errors.Is(err, guest.ErrTimeout) {
		t.Error(err)
	}
	p.Close()
	d := counters.Durations.Snapshot()
	total, long := uint64(0), uint64(0)
	for i, n := range d.Counts {
		total += n
		if i >= len(guest.Bounds) || guest.Bounds[i] > 100*time.Millisecond {
			long += n
		}
	}
	if total != 1002 || long < 1 || long > 100 || d.Sum < 100*time.Millisecond {
		t.Errorf("%d calls, %d long ones: %+v", total, long, d)
	}
}

func TestRate(t *testing.T) {
	t.Parallel()
	r := guest.NewRate(100_000)
	start, taken := time.Now(), 0
	for time.Since(start) < 50*time.Millisecond {
		n := r.Take()
		if n < 0 || n > 256 {
			t.Fatalf("takes %d", n)
		}
		taken += n
	}
	if most := 100_000 + int(time.Since(start).Seconds()*100_000); taken > most || taken < 90_000 {
		t.Errorf("%d taken, at most %d", taken, most)
	}
}

// An instance that is thrown away gives back the host calls that it took and
// did not make: clients that can make a plugin trap would use them up for all.
func TestDiscardedInstancesKeepNoHostCalls(t *testing.T) {
	t.Parallel()
	const perSecond, times = 256_000, 100
	rate := guest.NewRate(perSecond)
	p, counters := puppet(t, func(o *guest.Options) { o.HostCalls = rate })
	for range times {
		_, _ = call(p, failedNumber, "1")
		if _, err := call(p, trap, "1"); err == nil {
			t.Fatal("a trap is none")
		}
	}
	left := 0
	for n := rate.Take(); n > 0 && left < perSecond; n = rate.Take() {
		left += n
	}
	p.Instances() // counts
	if n := counters.Snapshot(); n.HostCalls == 0 || n.Discarded != times {
		t.Fatalf("%+v", n)
	}
	if left < perSecond-2*times {
		t.Errorf("%d are left of %d after %d calls", left, perSecond, times)
	}
}

// BenchmarkHostCall measures a call that makes one host call: without bounds,
// with the rate, and held against a pattern.
func BenchmarkHostCall(b *testing.B) {
	grant, err := capability.Parse("kv:k*")
	if err != nil {
		b.Fatal(err)
	}
	bounded, err := capability.NewAccess([]capability.Grant{grant}, nil)
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		rate   *guest.Rate
		access *capability.Access
	}{
		{"unbounded", nil, nil},
		{"everything", guest.NewRate(1_000_000_000), capability.Everything()},
		{"pattern", guest.NewRate(1_000_000_000), bounded},
	} {
		b.Run(c.name, func(b *testing.B) {
			h := newHostWith(b, "{}", true)
			p, _ := h.start(b, plugintest.Fixture(b, "puppet"), func(o *guest.Options) { o.HostCalls, o.Access = c.rate, c.access })
			ask, to := p.Handler(failedNumber), new(sink)
			b.ReportAllocs()
			for b.Loop() {
				if err := ask.Call(b.Context(), abi.Request{Kind: abi.KindCommand}, to); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
