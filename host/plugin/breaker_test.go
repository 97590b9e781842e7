package plugin_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/plugin"
	"github.com/mesh-host/mesh-host/host/plugin/guest"
	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
)

func TestBreaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fault := &guest.CallError{Err: &guest.Fault{Cause: guest.ErrMalformed}}
		b := plugin.NewBreaker(3)
		run := func(err error, want bool) {
			t.Helper()
			if got := b.Admit(); got != want {
				t.Fatalf("admits: %t", got)
			} else if got {
				b.Done(err)
			}
		}
		for range 5 { // a success in between keeps it closed
			run(fault, true)
			run(guest.ErrTimeout, true)
			run(nil, true)
			run(guest.ErrFuel, true)
			run(fault, true)
			run(nil, true)
		}
		for _, err := range []error{fault, guest.ErrFuel, guest.ErrTimeout} {
			run(guest.ErrBusy, true)
			run(err, true)
		}
		pause := time.Second
		for range 8 {
			run(nil, false)
			<-time.After(pause - time.Millisecond)
			run(nil, false)
			<-time.After(time.Millisecond)
			run(guest.ErrBusy, true) // it ran nothing: another one may
			if !b.Admit() {
				t.Fatal("does not let one through")
			}
			run(nil, false) // but only one
			b.Done(fault)
			pause = min(2*pause, 30*time.Second)
		}
		<-time.After(pause)
		if !b.Admit() { // whose outcome is never told
			t.Fatal("does not let one through")
		}
		<-time.After(30 * time.Second)
		run(fault, true)
		b.Done(fault) // began long ago: it does not count
		<-time.After(30 * time.Second)
		run(nil, true)
		run(nil, true)
		run(fault, true)
		run(fault, true)
		run(nil, true)
	})
	off := plugin.NewBreaker(0)
	for range 100 {
		if !off.Admit() {
			t.Fatal("it is off")
		}
		off.Done(guest.ErrTimeout)
	}
}

func TestBrokenHandlerIsSuspended(t *testing.T) {
	t.Parallel()
	settings := document(`{"commands": [{"name": "trap", "handler": 4}, {"name": "echo", "handler": 1}, {"name": "own", "handler": 15}]}`)
	settings.Limits.Breaker = 4
	f := load(t, map[string][]byte{"p.wasm": plugintest.Fixture(t, "puppet")}, map[string]plugin.Settings{"p": settings})
	for range 10 { // errors of its own are none of its failures
		if _, err := f.call("own", `{}`); err == nil || err.Code != "EOWN" {
			t.Fatal(err)
		}
	}
	for range 4 {
		if _, err := f.call("trap", `{}`); err == nil || err.Message != `Plugin "p" failed` {
			t.Fatal(err)
		}
	}
	_, err := f.call("trap", `{}`)
	if err == nil || err.Code != abi.CodePlugin || !strings.Contains(err.Message, "is suspended") {
		t.Fatal(err)
	}
	s := f.status("p.wasm")
	if len(s.Suspended) != 1 || s.Suspended[0].Handler != `command "trap"` || s.Suspended[0].Failures != 4 || s.Counts.Suspended != 1 || s.Counts.Faults != 4 {
		t.Errorf("got %+v", s)
	}
	f.logs(`msg="plugin handler suspended: it failed again and again" plugin=p`, `handler="command \"trap\""`)
	if got, err := f.call("echo", `[1]`); err != nil || got != "[1]" {
		t.Errorf("the others: %q, %v", got, err)
	}
	f.until("one is let through", func() bool { _, _ = f.call("trap", `{}`); return f.status("p.wasm").Counts.Faults == 5 })
}

func BenchmarkBreaker(b *testing.B) {
	breaker := plugin.NewBreaker(20)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if breaker.Admit() {
				breaker.Done(nil)
			}
		}
	})
}
