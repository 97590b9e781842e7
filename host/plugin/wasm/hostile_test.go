package wasm_test

import (
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/plugin/guest"
	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
	"github.com/mesh-host/mesh-host/host/plugin/wasm"
)

const hostileReturn = 16 // the handler that does no harm

// hostile are the other handlers of the fixture and how their calls end.
var hostile = []struct {
	name    string
	handler uint32
	fault   string // part of its cause; "" for a call that runs until it is ended
}{
	{"loop", 1, ""},
	{"direct recursion", 2, "calls nest deeper than 10000"},
	{"recursion with large frames", 3, "calls nest deeper than 10000"},
	{"mutual recursion", 4, "calls nest deeper than 10000"},
	{"indirect recursion", 5, "calls nest deeper than 10000"},
	{"memory.grow", 6, ""},
	{"memory.fill and memory.copy", 7, ""},
	{"table.fill and table.copy", 8, ""},
	{"nests of loops", 9, ""},
	{"host calls", 10, ""},
	{"random_get", 11, ""},
	{"clock_time_get", 12, ""},
	{"a request of 4 GiB", 13, "request of 4294967295 bytes at 16 is outside the memory"},
	{"a result of 4 GiB", 14, "returned 4294967295 bytes, over the limit"},
	{"a copy of 4 GiB", 15, "out of bounds memory access"},
}

const (
	hostileDeadline = 200 * time.Millisecond
	// hostileEnd is when a call has ended on the slowest and busiest machine; what
	// is never ended would run for ever. It is the deadline of calls that end by
	// themselves.
	hostileEnd = 20 * time.Second
)

func TestHostileCallsAreContained(t *testing.T) {
	h := newHost(t, "{}")
	hurried, _ := h.start(t, plugintest.Fixture(t, "hostile"), func(o *guest.Options) { o.Deadline, o.Instances = hostileDeadline, 8 })
	patient, _ := h.start(t, plugintest.Fixture(t, "hostile"), func(o *guest.Options) { o.Deadline, o.Instances = hostileEnd, 8 })
	other, _ := h.start(t, plugintest.Fixture(t, "puppet"), func(o *guest.Options) { o.Deadline = hostileEnd })
	for _, c := range hostile {
		t.Run(c.name, func(t *testing.T) {
			p := patient
			if c.fault == "" {
				p = hurried
			}
			before := heap()
			start := time.Now()
			_, err := call(p, c.handler, `{}`)
			took := time.Since(start)
			var fault *guest.Fault
			switch {
			case c.fault == "" && !errors.Is(err, guest.ErrTimeout):
				t.Errorf("ends with %v, want a timeout", err)
			case c.fault != "" && !errors.As(err, &fault):
				t.Errorf("ends with %v, want a fault", err)
			case c.fault != "":
				mustContain(t, err.Error(), c.fault)
			}
			if took > hostileEnd {
				t.Errorf("took %v", took)
			}
			mustReturn(t, p)
			mustEcho(t, other)
			if grown := grown(before, 4<<20); grown > 4<<20 {
				t.Errorf("%d bytes are not given back", grown)
			}
			t.Logf("%v: %.80v", took.Round(10*time.Microsecond), err)
		})
	}
	if n := h.Memories(); n > 3 {
		t.Errorf("%d instances hold memory", n)
	}
}

// mustReturn proves that a plugin still works. Where its deadline is short, a busy
// machine may need several calls.
func mustReturn(t *testing.T, p *wasm.Plugin) {
	t.Helper()
	_, err := call(p, hostileReturn, `{}`)
	for end := time.Now().Add(hostileEnd); errors.Is(err, guest.ErrTimeout) && time.Now().Before(end); {
		_, err = call(p, hostileReturn, `{}`)
	}
	if err != nil {
		t.Errorf("another instance: %v", err)
	}
}

// The same, bounded by fuel, long before the deadline.
func TestHostileCallsRunOutOfFuel(t *testing.T) {
	t.Parallel()
	h := newHost(t, "{}")
	p, counters := h.start(t, plugintest.Fixture(t, "hostile"), func(o *guest.Options) {
		o.Deadline, o.Fuel = time.Minute, 5_000_000
	})
	ended := uint64(0)
	for _, c := range hostile {
		if c.fault != "" {
			continue
		}
		if _, err := call(p, c.handler, `{}`); !errors.Is(err, guest.ErrFuel) {
			t.Errorf("%s ends with %v", c.name, err)
		}
		ended++
	}
	if _, err := call(p, hostileReturn, `{}`); err != nil {
		t.Errorf("another instance: %v", err)
	}
	if n := counters.Snapshot(); n.OutOfFuel != ended || n.Discarded != ended || n.Fuel > (ended+1)*5_000_000 {
		t.Errorf("counts %+v after %d calls", n, ended)
	}
}

// Loops where no handler is called yet, bounded by either.
func TestHostileStartIsContained(t *testing.T) {
	t.Parallel()
	h := newHost(t, "{}")
	for _, bound := range []struct {
		name   string
		want   error
		change func(*guest.Options)
	}{
		{"deadline", guest.ErrTimeout, func(o *guest.Options) { o.Deadline = hostileDeadline }},
		{"fuel", guest.ErrFuel, func(o *guest.Options) { o.Deadline, o.Fuel = time.Minute, 5_000_000 }},
	} {
		o := options()
		bound.change(&o)
		for _, fixture := range []string{"start-loop", "initialize-loop", "register-loop"} {
			t.Run(bound.name+"/"+fixture, func(t *testing.T) {
				t.Parallel()
				m, err := h.Compile(t.Context(), plugintest.Fixture(t, fixture), 0)
				if err != nil {
					t.Fatal(err)
				}
				defer m.Close()
				start := time.Now()
				if _, err := m.Start(o); !errors.Is(err, bound.want) {
					t.Errorf("ends with %v", err)
				}
				if took := time.Since(start); took > hostileEnd {
					t.Errorf("took %v", took)
				}
			})
		}
		t.Run(bound.name+"/alloc-loop", func(t *testing.T) {
			t.Parallel()
			p, _ := h.start(t, plugintest.Fixture(t, "alloc-loop"), bound.change)
			start := time.Now()
			if _, err := call(p, 1, `{}`); !errors.Is(err, bound.want) {
				t.Errorf("ends with %v", err)
			}
			if took := time.Since(start); took > hostileEnd {
				t.Errorf("took %v", took)
			}
		})
	}
}

// The stack of a call that recursed as deep as it may is all that its instance
// keeps of it.
func TestDeepRecursionKeepsLittle(t *testing.T) {
	const instances, deep = 8, 17
	h := newHost(t, "{}")
	p, _ := h.start(t, plugintest.Fixture(t, "hostile"), func(o *guest.Options) { o.Instances, o.Deadline = instances, hostileEnd })
	before := heap()
	for range 100 {
		if _, err := call(p, deep, `{}`); err != nil {
			t.Fatal(err)
		}
	}
	if grown := grown(before, 4<<20); grown > 4<<20 {
		t.Errorf("an instance keeps %d bytes", grown)
	} else {
		t.Logf("an instance keeps %d bytes", grown)
	}
}

// How deep calls may nest is as it is compiled into the module: this handler's go
// 9000 deep.
func TestCallDepth(t *testing.T) {
	t.Parallel()
	const deep = 17
	h := newHost(t, "{}")
	for depth, fault := range map[int]string{9100: "", 8900: "calls nest deeper than 8900"} {
		m, err := h.Compile(t.Context(), plugintest.Fixture(t, "hostile"), depth)
		if err != nil {
			t.Fatal(err)
		}
		o := options()
		o.Deadline = hostileEnd
		p, err := m.Start(o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := call(p, deep, `{}`); (err == nil) != (fault == "") {
			t.Errorf("with %d: %v", depth, err)
		} else if err != nil {
			mustContain(t, err.Error(), fault)
		}
		p.Close()
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}

// grown returns by how many bytes more than before are in use. Where they are more
// than a bound it waits a while: what is freed by others, and by finalizers, is
// freed soon, and on a busy machine later.
func grown(before, bound int64) int64 {
	more := heap() - before
	for end := time.Now().Add(hostileEnd); more > bound && time.Now().Before(end); more = heap() - before {
		<-time.After(10 * time.Millisecond)
	}
	return more
}

// heap returns the bytes that are in use after a collection.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
