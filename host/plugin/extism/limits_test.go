package extism_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/capability"
	"github.com/mesh-host/mesh-host/host/operation"
	"github.com/mesh-host/mesh-host/host/plugin/guest"
	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
)

// granting makes an access of some grants, and of an origin.
func granting(tb testing.TB, grants ...string) *capability.Access {
	tb.Helper()
	var list []capability.Grant
	for _, text := range grants {
		g, err := capability.Parse(text)
		if err != nil {
			tb.Fatal(err)
		}
		list = append(list, g)
	}
	origin, err := capability.ParseOrigin("http://a.example")
	if err != nil {
		tb.Fatal(err)
	}
	access, err := capability.NewAccess(list, []capability.Origin{origin})
	if err != nil {
		tb.Fatal(err)
	}
	return access
}

// TestAdmission: a host call is held against what the plugin may ask for, as of
// a native one, and one that is malformed names nothing.
func TestAdmission(t *testing.T) {
	t.Parallel()
	denied := `{"error":{"code":"EDENIED"`
	for _, test := range []struct {
		handler, grants string
		want            string
		denied          uint64
	}{
		{"ask", "kv", `{"result":{}}`, 0},
		{"ask", "kv:k", `{"result":{}}`, 0},
		{"ask", "kv:other:*", denied, 1},
		{"ask", "records", denied, 1},
		{"ask_rubbish", "kv", `{"error":{"code":"EPAYLOAD"`, 0},
		{"ask_rubbish", "kv:k", denied, 1},
		{"ask_settings", "records", `{"result":{"config":`, 0},
	} {
		_, p, counters := puppet(t, test.handler, func(o *guest.Options) {
			o.Access = granting(t, test.grants)
			o.HostCalls = guest.NewRate(1000)
		})
		if got, err := call(p, 0, command); err != nil || !strings.HasPrefix(got, test.want) {
			t.Errorf("%s with %s: %s, %v", test.handler, test.grants, got, err)
		}
		p.Instances() // takes down what is counted
		counted := uint64(1)
		if test.handler == "ask_settings" { // which needs no capability
			counted = 0
		}
		if n := counters.Snapshot(); n.HostCalls != counted || n.HostCallsDenied != test.denied || n.Calls != 2 {
			t.Errorf("%s with %s: %+v", test.handler, test.grants, n)
		}
	}
}

func TestNarrow(t *testing.T) {
	t.Parallel()
	_, p, _ := puppet(t, "ask", func(o *guest.Options) { o.Access = granting(t, "*") })
	p.Narrow(granting(t, "records"))
	if got, err := call(p, 0, command); err != nil || !strings.Contains(got, "EDENIED") {
		t.Errorf("%s, %v", got, err)
	}
	imports := strings.Join(p.Imports(), " ")
	if imports != "kv.get config.get" && imports != "config.get kv.get" {
		t.Errorf("it imports %s", imports)
	}
}

// TestHostCallRate: malformed requests count as well.
func TestHostCallRate(t *testing.T) {
	t.Parallel()
	for _, handler := range []string{"ask", "ask_rubbish"} {
		_, p, counters := puppet(t, handler, func(o *guest.Options) { o.HostCalls = guest.NewRate(1) })
		limited := 0
		for range 5 {
			got, err := call(p, 0, command)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(got, `"code":"ERATELIMIT"`) {
				limited++
			}
		}
		p.Instances()
		if n := counters.Snapshot(); limited < 2 || n.HostCallsLimited != uint64(limited) || n.HostCalls != 5 {
			t.Errorf("%s: %d limited, %+v", handler, limited, n)
		}
	}
}

// TestCaller: operations know who asks, in which call, and where HTTP may go.
func TestCaller(t *testing.T) {
	t.Parallel()
	var (
		mu      sync.Mutex
		callers []operation.Caller
	)
	h := newHostWith(t, func(operations operation.Table) {
		delete(operations, abi.OpKVGet)
		operation.Define(operations, abi.OpKVGet, func(_ context.Context, c operation.Caller, _ *abi.KVGetRequest) (abi.KVGetResponse, error) {
			mu.Lock()
			defer mu.Unlock()
			callers = append(callers, c)
			return abi.KVGetResponse{}, errors.New("a secret of the host")
		})
	}, "ask", "trap")
	p, _ := h.start(t, plugintest.Fixture(t, "extism-puppet"), func(o *guest.Options) {
		o.Version, o.Access = "v1", granting(t, "kv")
	})
	for range 2 {
		if got, err := call(p, 0, command); err != nil || !strings.Contains(got, "ESERVER") || strings.Contains(got, "secret") {
			t.Errorf("%s, %v", got, err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	allowed, other := &url.URL{Scheme: "http", Host: "a.example"}, &url.URL{Scheme: "http", Host: "b.example"}
	for _, c := range callers {
		if c.Plugin != "puppet" || c.Version != "v1" || c.Call.Pool == 0 || !c.Origins.Allow(allowed) || c.Origins.Allow(other) {
			t.Errorf("%+v", c)
		}
		if text := "version=v1 call=" + c.Call.String(); !strings.Contains(h.said.String(), text) {
			t.Errorf("the log lacks %s: %s", text, h.said)
		}
	}
	if len(callers) != 2 || callers[0].Call.Number+1 != callers[1].Call.Number {
		t.Errorf("%+v", callers)
	}
	_, err := call(p, 1, command)
	var failed *guest.CallError
	if !errors.As(err, &failed) || failed.Call.Pool != callers[0].Call.Pool || failed.Call.Number != callers[1].Call.Number+1 {
		t.Errorf("%v", err)
	}
}

func TestCounts(t *testing.T) {
	t.Parallel()
	_, p, counters := puppet(t, "own_error", nil)
	before := p.Memory()
	if before < 1<<20 { // the kernel's
		t.Errorf("%d bytes", before)
	}
	for range 100 {
		mustAnswer(t, p)
	}
	if _, err := call(p, 0, command); err == nil {
		t.Error("no error")
	}
	p.Close()
	if n := p.Memory(); n != 0 {
		t.Errorf("%d bytes after all", n)
	}
	n := counters.Snapshot()
	measured := uint64(0)
	for _, count := range n.Durations.Counts {
		measured += count
	}
	if n.Calls != 102 || measured != n.Calls || n.Durations.Sum <= 0 || n.Codes[guest.OtherCode] != 1 {
		t.Errorf("%+v", n)
	}
}

func TestCallsInFlight(t *testing.T) {
	t.Parallel()
	_, p, counters := puppet(t, "spin", func(o *guest.Options) { o.Instances, o.InFlight, o.Deadline = 1, 1, time.Second })
	ended := make(chan error, 1)
	go func() {
		_, err := call(p, 0, command)
		ended <- err
	}()
	for running := 0; running == 0; _, running = p.Instances() {
		select {
		case err := <-ended:
			t.Fatalf("an endless call ends at once: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
	if _, err := call(p, 1, command); !errors.Is(err, guest.ErrBusy) {
		t.Errorf("one more: %v", err)
	}
	if err := <-ended; !errors.Is(err, guest.ErrTimeout) {
		t.Error(err)
	}
	if counters.Busy.Load() != 1 {
		t.Error("it was not counted")
	}
}

// TestCallDepth: how deep calls nest is compiled into the module.
func TestCallDepth(t *testing.T) {
	t.Parallel()
	h := newHost(t, "recurse")
	m, err := h.Compile(t.Context(), plugintest.Fixture(t, "extism-puppet"), 50)
	if err != nil {
		t.Fatal(err)
	}
	p, err := m.Start(options())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := call(p, 0, command); err == nil || !strings.Contains(err.Error(), "calls nest deeper than 50") {
		t.Errorf("got %v", err)
	}
	p.Close()
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}
