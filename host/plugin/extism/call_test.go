package extism_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/plugin/extism"
	"github.com/mesh-host/mesh-host/host/plugin/guest"
	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
	"github.com/mesh-host/mesh-host/host/protocol"
)

func TestDetect(t *testing.T) {
	t.Parallel()
	for _, name := range plugintest.Fixtures(t) {
		module := plugintest.Fixture(t, name)
		want := strings.HasPrefix(name, "extism-") && name != "extism-own-import"
		native := strings.HasPrefix(name, "no-version")
		if got := extism.Detect(module); got != want && !native && name != "extism-own-import" {
			t.Errorf("%s: %v", name, got)
		}
		for n := range module { // no part of it is one too many
			extism.Detect(module[:n])
		}
	}
	if extism.Detect(nil) || extism.Detect([]byte("rubbish, and more of it")) {
		t.Error("rubbish is a plugin")
	}
}

func TestRequests(t *testing.T) {
	t.Parallel()
	_, p, _ := puppet(t, "request", nil)
	handshake := abi.Handshake{Method: "GET", Path: "/", Query: "token=\xff", Headers: []string{"x-a", `1"`}, RemoteAddress: "1.2.3.4:5"}
	departure := abi.Departure{Code: 1006, Reason: "gone"}
	for _, test := range []struct {
		request abi.Request
		want    string
	}{
		{
			abi.Request{Kind: abi.KindMiddleware, Name: "echo\n", ConnectionID: "c1", User: "ann", Metadata: []byte(`{"m":1}`), Locals: []byte(`{}`), Payload: []byte(`null`)},
			`{"kind":"middleware","name":"echo\n","connectionId":"c1","user":"ann","metadata":{"m":1},"locals":{},"payload":null}`,
		},
		{
			abi.Request{Kind: abi.KindGuard, Name: "a", Detail: (&abi.Access{Topic: "record", Action: "write", Strategy: "merge"}).Append(nil)},
			`{"kind":"guard","name":"a","detail":{"topic":"record","action":"write","strategy":"merge"}}`,
		},
		{
			abi.Request{Kind: abi.KindAuthenticate, Name: "authenticate", Detail: handshake.Append(nil)},
			`{"kind":"authenticate","name":"authenticate","detail":{"method":"GET","path":"/","query":"token=` + "\uFFFD" + `","headers":["x-a","1\""],"remoteAddress":"1.2.3.4:5"}}`,
		},
		{abi.Request{Kind: abi.KindConnect, Name: "connect", ConnectionID: "c"}, `{"kind":"connect","name":"connect","connectionId":"c"}`},
		{
			abi.Request{Kind: abi.KindDisconnect, Name: "disconnect", Detail: departure.Append(nil)},
			`{"kind":"disconnect","name":"disconnect","detail":{"code":1006,"reason":"gone"}}`,
		},
		{abi.Request{Kind: abi.KindSchedule, Name: "s"}, `{"kind":"schedule","name":"s"}`},
		{
			abi.Request{Kind: abi.KindJoin, Name: "join", Detail: (&abi.RoomChange{Room: "r"}).Append(nil)},
			`{"kind":"join","name":"join","detail":{"room":"r"}}`,
		},
		{
			abi.Request{Kind: abi.KindLeave, Name: "leave", Detail: (&abi.RoomChange{Room: "r", Reason: "removed"}).Append(nil)},
			`{"kind":"leave","name":"leave","detail":{"room":"r","reason":"removed"}}`,
		},
		{abi.Request{Kind: abi.KindResolve, Name: "list"}, `{"kind":"resolve","name":"list"}`},
		{
			abi.Request{Kind: abi.KindRecordUpdate, Name: "recordUpdate", Payload: []byte(`1`), Detail: (&abi.RecordChange{RecordID: "x", Version: 4, Epoch: "e"}).Append(nil)},
			`{"kind":"recordUpdate","name":"recordUpdate","payload":1,"detail":{"recordId":"x","version":4,"epoch":"e"}}`,
		},
		{
			abi.Request{Kind: abi.KindRecordRemoved, Name: "recordRemoved", Detail: (&abi.RecordChange{RecordID: "x", Version: 5, Epoch: "e", Reason: "expired"}).Append(nil)},
			`{"kind":"recordRemoved","name":"recordRemoved","detail":{"recordId":"x","version":5,"epoch":"e","reason":"expired"}}`,
		},
	} {
		if got, err := call(p, 0, test.request); err != nil || got != test.want {
			t.Errorf("%s\nwant %s, %v", got, test.want, err)
		}
	}
}

// TestDeepPayload: what a client may send comes through in both directions,
// though it stands a level deeper in the request and in the output.
func TestDeepPayload(t *testing.T) {
	t.Parallel()
	_, p, _ := puppet(t, "request", nil)
	deep := strings.Repeat("[", protocol.MaxDepth-1) + strings.Repeat("]", protocol.MaxDepth-1)
	if got, err := call(p, 0, abi.Request{Kind: abi.KindCommand, Payload: []byte(deep)}); err != nil || !strings.Contains(got, deep) {
		t.Errorf("%.100s, %v", got, err)
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ handler, want string }{
		{"continue", ``},
		{"ask", `{"result":{}}`},
		{"ask_rubbish", `{"error":{"code":"EPAYLOAD","name":"PayloadError","message":"the request is not JSON in UTF-8, nested at most 128 deep"}}`},
		{"say", ``},
	} {
		h, p, _ := puppet(t, test.handler, nil)
		if got, err := call(p, 0, command); err != nil || got != test.want {
			t.Errorf("%s: %s, %v", test.handler, got, err)
		}
		if said := h.said.String(); test.handler == "say" && said != "puppet info: hello from Extism\n" {
			t.Errorf("it says %q", said)
		}
		mustAnswer(t, p)
	}
	h, p, _ := puppet(t, "ask_settings", nil)
	if got, err := call(p, 0, command); err != nil || !strings.HasPrefix(got, `{"result":{"config":{"registration":`) {
		t.Errorf("%s, %v, %s", got, err, h.said)
	}
}

// TestVariables live as long as an instance, which serves one call after the
// other.
func TestVariables(t *testing.T) {
	t.Parallel()
	_, p, _ := puppet(t, "vars", func(o *guest.Options) { o.Single = true })
	for n := range 3 {
		if got, err := call(p, 0, command); err != nil || got != strings.Repeat("1", n+1) {
			t.Errorf("call %d: %s, %v", n, got, err)
		}
	}
}

func TestOwnErrors(t *testing.T) {
	t.Parallel()
	_, p, counters := puppet(t, "own_error", nil)
	_, err := call(p, 0, command)
	if e := protocol.AsError(err); e == nil || e.Code != "EOWN" || e.Message != "own" || string(e.Data) != "[1]" {
		t.Errorf("%v", err)
	}
	if n := counters.Snapshot(); n.Errors != 1 || n.Faults != 0 || n.Discarded != 0 {
		t.Errorf("%+v", n)
	}
}

// TestHostile: each of these ends, costs the plugin an instance and no one
// anything else.
func TestHostile(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ handler, want string }{
		{"nothing", "has put out nothing"},
		{"cut", "the output is not a JSON object"},
		{"bad_status", `the status is "maybe"`},
		{"twice", "has its status twice"},
		{"set_error", "hello from Extism"},
		{"returns", "returned 7"},
		{"spin", "deadline"},
		{"recurse", "calls nest deeper than 10000"},
		{"trap", "unreachable"},
		{"exit", "the guest has exited"},
		{"grow", "unreachable"},
		{"grow_kernel", "unreachable"},
		{"outside", "nothing"},
		{"outside_far", "nothing"},
		{"huge", "3000000 bytes, over the limit"},
		{"fetch", "use the function http_fetch"},
		{"storm", "deadline"},
		{"ask_outside", "there is no block of Extism's memory at 2147483647"},
		{"store_outside", "outside Extism's memory"},
		{"fill_vars", "variables exceed"},
		{"break", ""},
	} {
		t.Run(test.handler, func(t *testing.T) {
			t.Parallel()
			h, p, counters := puppet(t, test.handler, nil)
			begun := time.Now()
			_, err := call(p, 0, command)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want something about %q", err, test.want)
			}
			var fault *guest.Fault
			if !errors.As(err, &fault) && !errors.Is(err, guest.ErrTimeout) {
				t.Errorf("%v is no fault", err)
			}
			if took := time.Since(begun); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
			mustAnswer(t, p)
			if n := counters.Snapshot(); n.Faults+n.Timeouts != 1 || n.Discarded != 1 {
				t.Errorf("%+v", n)
			}
			if n := h.pools.Memories(); n > 4 {
				t.Errorf("%d memories", n)
			}
		})
	}
}

// TestScribble: a guest that spoils the kernel's own state harms its next call
// at most.
func TestScribble(t *testing.T) {
	t.Parallel()
	_, p, _ := puppet(t, "scribble", nil)
	for range 5 {
		begun := time.Now()
		_, _ = call(p, 0, command)
		if took := time.Since(begun); took > 10*time.Second {
			t.Fatalf("it took %v", took)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ fixture, want string }{
		{"extism-no-register", "does not export mesh_register"},
		{"extism-register-signature", "exports mesh_register with parameters"},
		{"extism-register-loop", "deadline"},
		{"extism-unknown-import", `imports what this host does not have: "extism:host/user.launch_missiles"`},
		{"extism-own-import", `imports what this host does not have: "mesh_extism.load_u8"`},
		{"extism-import-signature", "signature mismatch"},
		{"extism-start", "before there is a call"},
		{"extism-start-loop", "deadline"},
		{"extism-memory", "needs at least 68157440 bytes"},
		{"echo", "exports mesh_register with parameters"},
	} {
		t.Run(test.fixture, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			err := h.refused(t, plugintest.Fixture(t, test.fixture), nil)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want something about %q", err, test.want)
			}
		})
	}
	h := newHost(t)
	for _, module := range []string{"", "rubbish", "\x00asm\x01\x00\x00\x00\x02\x05"} {
		if err := h.refused(t, []byte(module), nil); err == nil {
			t.Errorf("%q is a plugin", module)
		}
	}
}

func TestHandlers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ document, want string }{
		{`{"commands":[{"name":"a","handler":1}]}`, "commands[0]: the handler is no string"},
		{`{"hooks":[{"event":"join"},{"event":"leave","handler":"gone"}]}`, `hooks[1]: the handler "gone" is no exported function`},
		{`{"Guards":[{"name":"a","HANDLER":0}]}`, "Guards[0]: the handler is no string"},
		{`{"collections":[{"pattern":"a","handler":"with_parameter"}]}`, "has parameters or another result"},
		{`{"schedules":[{"name":"a","handler":"with_float"}]}`, "has parameters or another result"},
		{`{"middleware":[{"name":"a","handler":null}]}`, "the handler is no string"},
	} {
		h := newHost(t)
		h.settings["registration"] = rawJSON(test.document)
		err := h.refused(t, plugintest.Fixture(t, "extism-puppet"), nil)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", test.document, err)
		}
	}
	h := newHost(t)
	h.settings["registration"] = rawJSON(`{"name":"x","commands":[{"handler":"spin","name":"a"},{"name":"b","handler":"trap"},{"name":"a","handler":"spin","x":[1]}],"x":{"handler":"y"}}`)
	p, _ := h.start(t, plugintest.Fixture(t, "extism-puppet"), nil)
	want := `{"name":"x","commands":[{"handler":0,"name":"a"},{"name":"b","handler":1},{"name":"a","handler":0,"x":[1]}],"x":{"handler":"y"}}`
	if got := string(p.Document()); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

type rawJSON string

func (r rawJSON) MarshalJSON() ([]byte, error) { return []byte(r), nil }

func TestFuel(t *testing.T) {
	t.Parallel()
	_, p, counters := puppet(t, "spin", func(o *guest.Options) { o.Fuel, o.Deadline = 1_000_000, time.Minute })
	if _, err := call(p, 0, command); !errors.Is(err, guest.ErrFuel) {
		t.Errorf("it ends with %v", err)
	}
	mustAnswer(t, p)
	p.Instances() // takes down what is counted
	if n := counters.Snapshot(); n.OutOfFuel != 1 || n.Fuel < 1_000_000 {
		t.Errorf("%+v", n)
	}
}

// TestSideBySide: calls from many goroutines have instances of their own.
func TestSideBySide(t *testing.T) {
	t.Parallel()
	_, p, counters := puppet(t, "request", func(o *guest.Options) { o.Deadline = 20 * time.Second })
	var calls sync.WaitGroup
	for g := range 8 {
		calls.Go(func() {
			for n := range 50 {
				name := fmt.Sprintf("%d.%d", g, n)
				got, err := call(p, 0, abi.Request{Kind: abi.KindCommand, Name: name})
				if want := `{"kind":"command","name":"` + name + `"}`; err != nil || got != want {
					t.Errorf("%s: %s, %v", name, got, err)
				}
			}
		})
	}
	calls.Wait()
	if n := counters.Snapshot(); n.Discarded != 0 {
		t.Errorf("%+v", n)
	}
}
