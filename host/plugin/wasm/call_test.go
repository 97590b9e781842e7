package wasm_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/operation"
	"github.com/mesh-host/mesh-host/host/plugin/guest"
	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
	"github.com/mesh-host/mesh-host/host/protocol"
)

func TestCall(t *testing.T) {
	t.Parallel()
	p, counters := puppet(t, nil)
	for _, size := range []int{2, 100, 1 << 10, 64 << 10, 300 << 10, 10} {
		payload := `"` + strings.Repeat("x", size-2) + `"`
		if body, err := call(p, echo, payload); err != nil || body != payload {
			t.Errorf("%d bytes: answers %d bytes, %v", size, len(body), err)
		}
	}
	if all, running := p.Instances(); all != 1 || running != 0 {
		t.Errorf("%d instances, %d running", all, running)
	}
	if c := counters.Snapshot(); c.Discarded+c.Faults+c.Errors != 0 {
		t.Errorf("counts %+v", c)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		handler uint32
		want    string
	}{
		{"trap", trap, "wasm error: unreachable"},
		{"recurse", recurse, "calls nest deeper than 10000"},
		{"grow", grow, "wasm error: unreachable"},
		{"outside", outside, "returned 16 bytes at 2147418112, outside its memory"},
		{"huge", huge, "returned 4294967295 bytes, over the limit of 1048576"},
		{"not JSON", notJSON, "not JSON"},
		{"truncated", truncated, "malformed response"},
		{"exit", exit, "exit_code(0)"},
		{"ask outside", askOutside, "log: request of 16 bytes at 2147418112 is outside the memory"},
		{"take outside", takeOutside, "take: "},
		{"no such handler", 999, "wasm error: unreachable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, counters := puppet(t, func(o *guest.Options) { o.Deadline = 10 * time.Second })
			_, err := call(p, c.handler, `{}`)
			var fault *guest.Fault
			if !errors.As(err, &fault) {
				t.Fatalf("got %v, want a fault", err)
			}
			mustContain(t, fault.Cause.Error(), c.want)
			if all, running := p.Instances(); all != 0 || running != 0 {
				t.Errorf("%d instances, %d running: not discarded", all, running)
			}
			if n := counters.Snapshot(); n.Faults != 1 || n.Discarded != 1 {
				t.Errorf("counts %+v", n)
			}
			mustEcho(t, p)
		})
	}
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]uint32{"spin": spin, "sleep": sleep} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, counters := puppet(t, nil)
			start := time.Now()
			_, err := call(p, handler, `{}`)
			if took := time.Since(start); !errors.Is(err, guest.ErrTimeout) || took < 150*time.Millisecond || took > 5*time.Second {
				t.Fatalf("after %s: %v", took, err)
			}
			if n := counters.Snapshot(); n.Timeouts != 1 || n.Discarded != 1 || n.Faults != 0 {
				t.Errorf("counts %+v", n)
			}
			mustEcho(t, p)
		})
	}
}

func TestAllocFaults(t *testing.T) {
	t.Parallel()
	h := newHost(t, "{}")
	for fixture, want := range map[string]string{
		"alloc-zero":    "mesh_alloc(1024) returned 0: out of memory",
		"alloc-outside": "its buffer of 1024 bytes at 65530 is outside the memory of 65536",
	} {
		t.Run(fixture, func(t *testing.T) {
			t.Parallel()
			p, _ := h.start(t, plugintest.Fixture(t, fixture), nil)
			_, err := call(p, 1, `{}`)
			var fault *guest.Fault
			if !errors.As(err, &fault) {
				t.Fatalf("got %v, want a fault", err)
			}
			mustContain(t, err.Error(), want)
		})
	}
}

func TestErrorIsNoFault(t *testing.T) {
	t.Parallel()
	p, counters := puppet(t, nil)
	_, err := call(p, ownError, `{}`)
	if e := protocol.AsError(err); e == nil || e.Code != "EOWN" {
		t.Fatalf("got %v", err)
	}
	if all, _ := p.Instances(); all != 1 {
		t.Error("the instance was discarded")
	}
	if n := counters.Snapshot(); n.Errors != 1 || n.Discarded != 0 {
		t.Errorf("counts %+v", n)
	}
}

func TestAnotherRegistration(t *testing.T) {
	t.Parallel()
	p, _ := newHost(t, "{}").start(t, plugintest.Fixture(t, "register-differently"), nil)
	if _, err := call(p, 1, `{}`); err != nil {
		t.Fatalf("the first instance: %v", err)
	}
	if _, err := call(p, 2, `{}`); !errors.Is(err, guest.ErrTimeout) { // discards it
		t.Fatalf("spin: %v", err)
	}
	_, err := call(p, 1, `{}`)
	if err == nil {
		t.Fatal("the second instance registers something else, and serves")
	}
	mustContain(t, err.Error(), "registers something else than its first instance did")
}

func TestHostCalls(t *testing.T) {
	t.Parallel()
	h := newHost(t, "{}")
	p, _ := h.start(t, plugintest.Fixture(t, "puppet"), nil)
	if _, err := call(p, logName, `{}`); err != nil {
		t.Fatal(err)
	}
	mustContain(t, h.log.String(), "puppet: test")
	if body, err := call(p, failedNumber, `{}`); err != nil || body != "7" {
		t.Errorf("a failed host call has the number %s, %v", body, err)
	}
	_, err := call(p, failedError, `{}`)
	if e := protocol.AsError(err); e == nil || e.Code != abi.CodeUnavailable || e.Message != "Backplane unavailable" {
		t.Errorf("a failed host call leaves %v", err)
	}
}

func TestDetail(t *testing.T) {
	t.Parallel()
	p, _ := puppet(t, nil)
	r := new(receiver)
	request := abi.Request{Kind: abi.KindAuthenticate, Detail: (&abi.Handshake{Method: "GET"}).Append(nil)}
	if err := p.Handler(detail).Call(context.Background(), request, r); err != nil || r.body != `"GET"` {
		t.Errorf("%s, %v", r.body, err)
	}
}

func TestTableGrow(t *testing.T) {
	t.Parallel()
	p, _ := puppet(t, nil)
	if body, err := call(p, growTable, `{}`); err != nil || body != "-1" {
		t.Errorf("table.grow by a billion: %s, %v", body, err)
	}
}

func TestOutput(t *testing.T) {
	t.Parallel()
	lines := make(chan string, 10)
	p, _ := puppet(t, func(o *guest.Options) {
		o.Print = func(_ operation.CallID, stream string, line []byte) { lines <- stream + ": " + string(line) }
	})
	for range 2 {
		if _, err := call(p, printLine, `{}`); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"stdout: first line", "stdout: secondfirst line"} {
		if got := <-lines; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
