package extism_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/operation"
	"github.com/mesh-host/mesh-host/host/plugin/extism"
	"github.com/mesh-host/mesh-host/host/plugin/guest"
	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
	"github.com/mesh-host/mesh-host/host/plugin/wasm"
	"github.com/mesh-host/mesh-host/host/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// host is a runtime whose plugins have a setting "registration".
type host struct {
	*extism.Runtime
	pools    *wasm.Runtime
	settings map[string]any
	said     *syncBuffer
}

func newHost(tb testing.TB, handlers ...string) *host {
	tb.Helper()
	return newHostWith(tb, func(operation.Table) {}, handlers...)
}

// newHostWith changes the operations of the host.
func newHostWith(tb testing.TB, change func(operation.Table), handlers ...string) *host {
	tb.Helper()
	h := &host{said: new(syncBuffer), settings: map[string]any{"registration": registration(handlers...)}}
	operations := plugintest.Operations()
	config := func() []byte { b, _ := json.Marshal(h.settings); return b }
	operation.Define(operations, abi.OpConfigGet, func(context.Context, operation.Caller, *abi.ConfigGetRequest) (abi.ConfigGetResponse, error) {
		return abi.ConfigGetResponse{Config: config()}, nil
	})
	operation.Define(operations, abi.OpLog, func(_ context.Context, c operation.Caller, q *abi.LogRequest) (abi.LogResponse, error) {
		fmt.Fprintf(h.said, "%s %s: %s\n", c.Plugin, q.Level, q.Message)
		return abi.LogResponse{}, nil
	})
	change(operations)
	log := slog.New(slog.NewTextHandler(h.said, nil))
	var err error
	if h.pools, err = wasm.New(wasm.Config{Operations: operations, Log: log}); err != nil {
		tb.Fatal(err)
	}
	h.Runtime = extism.New(extism.Config{
		Operations: operations, Pools: h.pools, Log: log, Settings: func(string) []byte { return config() },
	})
	tb.Cleanup(func() {
		if n := h.pools.Memories(); n != 0 {
			tb.Errorf("%d memories were not freed", n)
		}
		if err := h.pools.Close(); err != nil {
			tb.Error(err)
		}
	})
	return h
}

// registration is a document with a command for each handler, named like it.
func registration(handlers ...string) map[string]any {
	commands := []map[string]any{}
	for _, name := range handlers {
		commands = append(commands, map[string]any{"name": name, "handler": name})
	}
	return map[string]any{"name": "puppet", "commands": commands}
}

// start runs a module until the test ends.
func (h *host) start(tb testing.TB, module []byte, change func(*guest.Options)) (guest.Plugin, *guest.Counters) {
	tb.Helper()
	m, err := h.Compile(tb.Context(), module, 0)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := m.Close(); err != nil {
			tb.Error(err)
		}
	})
	o := options()
	if change != nil {
		change(&o)
	}
	p, err := m.Start(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(p.Close)
	return p, o.Counters
}

// refused compiles and starts a module, and returns why not.
func (h *host) refused(tb testing.TB, module []byte, change func(*guest.Options)) error {
	tb.Helper()
	m, err := h.Compile(tb.Context(), module, 0)
	if err != nil {
		return err
	}
	o := options()
	if change != nil {
		change(&o)
	}
	p, err := m.Start(o)
	if err == nil {
		p.Close()
	}
	if e := m.Close(); e != nil {
		tb.Error(e)
	}
	return err
}

func options() guest.Options {
	return guest.Options{
		Name: "puppet", Deadline: 400 * time.Millisecond, Memory: 8 << 20, Instances: 4, Output: 1 << 20,
		Counters: new(guest.Counters),
	}
}

// puppet is the fixture, with one handler first and one that answers second.
func puppet(tb testing.TB, handler string, change func(*guest.Options)) (*host, guest.Plugin, *guest.Counters) {
	tb.Helper()
	h := newHost(tb, handler, "request")
	p, c := h.start(tb, plugintest.Fixture(tb, "extism-puppet"), change)
	return h, p, c
}

// receiver keeps the answer.
type receiver struct{ status, body, locals string }

func (r *receiver) Yield() {}

func (r *receiver) Receive(a abi.Response) error {
	if a.Status == abi.StatusError {
		var e abi.Error
		if err := e.Decode(a.Body); err != nil {
			return guest.Malformed("%v", err)
		}
		made := protocol.NewError(e.Code, e.Message)
		made.Data = bytes.Clone(e.Data)
		return made
	}
	r.status, r.body, r.locals = fmt.Sprint(a.Status), string(a.Body), string(a.Locals)
	return nil
}

func call(p guest.Plugin, number uint32, request abi.Request) (string, error) {
	r := new(receiver)
	err := p.Handler(number).Call(context.Background(), request, r)
	return r.body, err
}

var command = abi.Request{Kind: abi.KindCommand, Name: "test", ConnectionID: "c1", Payload: []byte(`{"a":1}`)}

// mustAnswer proves that a plugin still works.
func mustAnswer(tb testing.TB, p guest.Plugin) {
	tb.Helper()
	want := `{"kind":"command","name":"test","connectionId":"c1","payload":{"a":1}}`
	if body, err := call(p, 1, command); err != nil || body != want {
		tb.Fatalf("it answers %s, %v", body, err)
	}
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
