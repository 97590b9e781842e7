package wasm_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/operation"
	"github.com/mesh-host/mesh-host/host/plugin/guest"
	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
	"github.com/mesh-host/mesh-host/host/plugin/wasm"
	"github.com/mesh-host/mesh-host/host/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The behaviours of the puppet, by the number of its handler.
const (
	echo = iota + 1
	locals
	spin
	trap
	recurse
	grow
	outside
	huge
	notJSON
	truncated
	badStatus
	exit
	askOutside
	takeOutside
	ownError
	refuse
	refuseHTTP
	amend
	goOn
	early
	printLine
	logName
	sleep
	growTable
	identity
	wrongIdentity
	badLocals
	truncatedError
	badErrorData
	failedNumber
	failedError
	detail
)

// host is a runtime with its operations: config.get returns document.
type host struct {
	*wasm.Runtime
	log *syncBuffer
}

func newHost(tb testing.TB, document string) *host {
	tb.Helper()
	return newHostWith(tb, document, false)
}

func newHostWith(tb testing.TB, document string, unmetered bool) *host {
	tb.Helper()
	h := &host{log: new(syncBuffer)}
	operations := plugintest.Operations()
	operation.Define(operations, abi.OpConfigGet, func(context.Context, operation.Caller, *abi.ConfigGetRequest) (abi.ConfigGetResponse, error) {
		return abi.ConfigGetResponse{Config: json.RawMessage(document)}, nil
	})
	operation.Define(operations, abi.OpLog, func(_ context.Context, c operation.Caller, q *abi.LogRequest) (abi.LogResponse, error) {
		fmt.Fprintf(h.log, "%s: %s\n", c.Plugin, q.Message)
		return abi.LogResponse{}, nil
	})
	delete(operations, abi.OpKVGet)
	operation.Define(operations, abi.OpKVGet, func(context.Context, operation.Caller, *abi.KVGetRequest) (abi.KVGetResponse, error) {
		return abi.KVGetResponse{}, protocol.NewError(abi.CodeUnavailable, "Backplane unavailable")
	})
	for _, o := range abi.Operations { // for modules that import what no test calls
		if _, ok := operations[o.Name]; !ok {
			operations[o.Name] = operation.Operation{Operation: o, Flat: unavailable}
		}
	}
	var err error
	h.Runtime, err = wasm.New(wasm.Config{Operations: operations, Unmetered: unmetered, Log: slog.New(slog.NewTextHandler(h.log, nil))})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if n := h.Memories(); n != 0 {
			tb.Errorf("%d instances were not freed", n)
		}
		if err := h.Close(); err != nil {
			tb.Error(err)
		}
	})
	return h
}

func unavailable(context.Context, operation.Caller, []byte, []byte) ([]byte, error) {
	return nil, protocol.NewError(abi.CodeUnavailable, "Not here")
}

// start runs a module until the test ends.
func (h *host) start(tb testing.TB, module []byte, change func(*guest.Options)) (*wasm.Plugin, *guest.Counters) {
	tb.Helper()
	m, err := h.Compile(context.Background(), module, 0)
	if err != nil {
		tb.Fatal(err)
	}
	o := options()
	if change != nil {
		change(&o)
	}
	p, err := m.Start(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		p.Close()
		if err := m.Close(); err != nil {
			tb.Error(err)
		}
	})
	return p, o.Counters
}

func options() guest.Options {
	return guest.Options{
		Name: "puppet", Deadline: 150 * time.Millisecond, Memory: 16 << 20, Instances: 4, Output: 1 << 20,
		Counters: new(guest.Counters),
	}
}

// puppet starts the plugin that does what the number of the handler says.
func puppet(tb testing.TB, change func(*guest.Options)) (*wasm.Plugin, *guest.Counters) {
	tb.Helper()
	return newHost(tb, "{}").start(tb, plugintest.Fixture(tb, "puppet"), change)
}

// receiver keeps the answer.
type receiver struct {
	body   string
	yields chan struct{} // gets one per Yield, if not nil
}

func (r *receiver) Receive(a abi.Response) error {
	switch {
	case a.Status == abi.StatusError:
		var e abi.Error
		if err := e.Decode(a.Body); err != nil {
			return guest.Malformed("%v", err)
		}
		return protocol.NewError(e.Code, e.Message)
	case a.Body != nil && !protocol.Valid(a.Body):
		return guest.Malformed("not JSON")
	}
	r.body = string(a.Body)
	return nil
}

func (r *receiver) Yield() {
	if r.yields != nil {
		select {
		case r.yields <- struct{}{}:
		default:
		}
	}
}

func call(p *wasm.Plugin, number uint32, payload string) (string, error) {
	return run(p.Handler(number), payload)
}

func run(h guest.Handler, payload string) (string, error) {
	r := new(receiver)
	err := h.Call(context.Background(), abi.Request{Kind: abi.KindCommand, Name: "test", Payload: []byte(payload)}, r)
	return r.body, err
}

// mustEcho proves that a plugin still works.
func mustEcho(t *testing.T, p *wasm.Plugin) {
	t.Helper()
	if body, err := call(p, echo, `{"a":1}`); err != nil || body != `{"a":1}` {
		t.Fatalf("echo answers %q, %v", body, err)
	}
}

// until waits for something to become true.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for tick := time.NewTicker(time.Millisecond); !done(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not within 10 s", what)
		}
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

func mustContain(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q does not contain %q", text, part)
		}
	}
}
