package plugin_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/command"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/plugin"
	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
)

// puppet loads puppets that register the documents, by plugin name.
func puppet(tb testing.TB, documents map[string]string, change ...option) *folder {
	tb.Helper()
	files := make(map[string][]byte)
	settings := make(map[string]plugin.Settings)
	for name, text := range documents {
		files[name+".wasm"] = plugintest.Fixture(tb, "puppet")
		settings[name] = document(text)
	}
	return load(tb, files, settings, change...)
}

const behaviours = `{
	"commands": [
		{"name": "echo", "handler": 1}, {"name": "spin", "handler": 3}, {"name": "trap", "handler": 4},
		{"name": "recurse", "handler": 5}, {"name": "grow", "handler": 6}, {"name": "outside", "handler": 7},
		{"name": "huge", "handler": 8}, {"name": "no-json", "handler": 9}, {"name": "truncated", "handler": 10},
		{"name": "status", "handler": 11}, {"name": "exit", "handler": 12}, {"name": "ask", "handler": 13},
		{"name": "take", "handler": 14}, {"name": "own", "handler": 15}, {"name": "refuse", "handler": 16},
		{"name": "refuse-http", "handler": 17}, {"name": "nothing", "handler": 19}, {"name": "sleep", "handler": 23},
		{"name": "bad-error", "handler": 28}, {"name": "bad-data", "handler": 29}, {"name": "none", "handler": 77},
		{"name": "bad-locals", "handler": 1, "middleware": ["bad-locals"]},
		{"name": "shaped", "handler": 1, "middleware": ["shape"]},
		{"name": "locals", "handler": 2, "middleware": ["pass", "shape"]},
		{"name": "answered", "handler": 4, "middleware": ["answer"]},
		{"name": "refused", "handler": 4, "middleware": ["refuse"]},
		{"name": "failed", "handler": 4, "middleware": ["fail"]},
		{"name": "trapped", "handler": 1, "middleware": ["trap"]}
	],
	"middleware": [
		{"name": "shape", "handler": 18}, {"name": "pass", "handler": 19}, {"name": "answer", "handler": 20},
		{"name": "refuse", "handler": 16}, {"name": "fail", "handler": 15}, {"name": "trap", "handler": 4},
		{"name": "bad-locals", "handler": 27}
	]}`

func TestAnswers(t *testing.T) {
	t.Parallel()
	f := puppet(t, map[string]string{"p": behaviours})
	for _, c := range []struct{ command, payload, want string }{
		{"echo", `{"a":[1,2]}`, `{"a":[1,2]}`},
		{"nothing", `{}`, ``},
		{"shaped", `{"a":1}`, `{"shaped":true}`},
		{"locals", `{}`, `{"by":"puppet"}`},
		{"answered", `{}`, `"early"`},
	} {
		if got, err := f.call(c.command, c.payload); err != nil || got != c.want {
			t.Errorf("%s: %q, %v, want %q", c.command, got, err, c.want)
		}
	}
	if got, err := f.call("echo", ""); err != nil || got != "null" {
		t.Errorf("echo of nothing: %q, %v", got, err)
	}
}

// TestBadAnswers proves that each bad behaviour gets its error, is logged with
// its cause, and leaves the plugin and its neighbour at work.
func TestBadAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ command, code, name, message, cause string }{
		{"spin", "ETIMEOUT", "TimeoutError", `Command "spin" timed out`, "deadline"},
		{"sleep", "ETIMEOUT", "TimeoutError", `Command "sleep" timed out`, "deadline"},
		{"trap", "EPLUGIN", "PluginError", `Plugin "p" failed`, "unreachable"},
		{"grow", "EPLUGIN", "PluginError", `Plugin "p" failed`, "unreachable"},
		{"outside", "EPLUGIN", "PluginError", `Plugin "p" failed`, "outside its memory"},
		{"huge", "EPLUGIN", "PluginError", `Plugin "p" failed`, "4294967295 bytes"},
		{"no-json", "EPLUGIN", "PluginError", `Plugin "p" failed`, "the reply is not JSON"},
		{"truncated", "EPLUGIN", "PluginError", `Plugin "p" failed`, "malformed response"},
		{"status", "EPLUGIN", "PluginError", `Plugin "p" failed`, "the status is 9"},
		{"exit", "EPLUGIN", "PluginError", `Plugin "p" failed`, "exit_code(0)"},
		{"ask", "EPLUGIN", "PluginError", `Plugin "p" failed`, "log: request of 16 bytes"},
		{"take", "EPLUGIN", "PluginError", `Plugin "p" failed`, "outside the memory"},
		{"none", "EPLUGIN", "PluginError", `Plugin "p" failed`, "unreachable"},
		{"bad-error", "EPLUGIN", "PluginError", `Plugin "p" failed`, "the error does not decode"},
		{"bad-data", "EPLUGIN", "PluginError", `Plugin "p" failed`, "the error's data is not JSON"},
		{"bad-locals", "EPLUGIN", "PluginError", `Plugin "p" failed`, "the locals are not a JSON object"},
		{"trapped", "EPLUGIN", "PluginError", `Plugin "p" failed`, "unreachable"},
		{"own", "EOWN", "OwnError", "own", ""},
		{"failed", "EOWN", "OwnError", "own", ""},
		{"refuse", "EDENIED", "DeniedError", "Refused", ""},
		{"refused", "EDENIED", "DeniedError", "Refused", ""},
		{"refuse-http", "EOWN", "OwnError", "no", ""},
	} {
		t.Run(c.command, func(t *testing.T) {
			t.Parallel()
			f := load(t, map[string][]byte{"p.wasm": plugintest.Fixture(t, "puppet"), "which.wasm": plugintest.Fixture(t, "one")},
				map[string]plugin.Settings{"p": document(behaviours)})
			_, err := f.call(c.command, `{}`)
			if err == nil || err.Code != c.code || err.Name != c.name || err.Message != c.message {
				t.Fatalf("got %+v", err)
			}
			if c.cause != "" {
				f.logs("plugin=p", "version=", "handler=", c.cause)
			}
			for _, name := range []string{"echo", "which"} {
				if _, err := f.call(name, `{}`); err != nil {
					t.Errorf("%s afterwards: %v", name, err)
				}
			}
		})
	}
}

func TestRecursion(t *testing.T) {
	t.Parallel()
	f := load(t, map[string][]byte{"p.wasm": plugintest.Fixture(t, "puppet")}, map[string]plugin.Settings{"p": document(behaviours)})
	if _, err := f.call("recurse", `{}`); err == nil || err.Code != abi.CodePlugin && err.Code != abi.CodeTimeout {
		t.Errorf("got %+v", err)
	}
	if got, err := f.call("echo", `1`); err != nil || got != `1` {
		t.Errorf("echo afterwards: %q, %v", got, err)
	}
}

func TestErrorData(t *testing.T) {
	t.Parallel()
	f := puppet(t, map[string]string{"p": behaviours})
	if _, err := f.call("own", `{}`); err == nil || string(err.Data) != `{"a":1}` {
		t.Errorf("got %+v", err)
	}
}

func TestBusyPlugin(t *testing.T) {
	t.Parallel()
	settings := document(behaviours)
	settings.Limits.Mode = plugin.ModeSingle
	f := load(t, map[string][]byte{"p.wasm": plugintest.Fixture(t, "puppet")}, map[string]plugin.Settings{"p": settings})
	var calls sync.WaitGroup
	for range 4 {
		calls.Go(func() { _, _ = f.call("spin", `{}`) })
	}
	f.until("a call was refused", func() bool { return f.status("p.wasm").Counts.Busy > 0 })
	calls.Wait()
	busy := false
	var enough atomic.Bool
	for range 3 {
		calls.Go(func() {
			for !enough.Load() {
				_, _ = f.call("spin", `{}`)
			}
		})
	}
	f.until("one spins", func() bool { return f.status("p.wasm").Running == 1 })
	for i := 0; i < 100 && !busy; i++ {
		if _, err := f.call("echo", `1`); err != nil && err.Code == abi.CodeRateLimit {
			busy = err.Message == `Plugin "p" is busy` && err.Name == "RateLimitError"
		}
	}
	enough.Store(true)
	calls.Wait()
	if !busy {
		t.Error("no call was refused as busy")
	}
}

func TestGlobalMiddleware(t *testing.T) {
	t.Parallel()
	f := puppet(t, map[string]string{
		"b": `{"order": 1, "middleware": [{"name": "refuse", "handler": 15, "global": true}]}`,
		"a": `{"middleware": [{"name": "answer", "handler": 20, "global": true, "order": 2}], "commands": [{"name": "c", "handler": 4}]}`,
	})
	if _, err := f.call("c", `{}`); err == nil || err.Code != "EOWN" {
		t.Errorf("a plugin's command: %v", err)
	}
	if _, err := f.call("mesh/noop", `{}`); err == nil || err.Code != "EOWN" {
		t.Errorf("a built-in: %v", err)
	}
}

// TestOrder: the operator's order beats the entry's, which beats the
// plugin's; what is equal runs by file name.
func TestOrder(t *testing.T) {
	t.Parallel()
	const answer = `{"order": %o, "middleware": [{"name": "m", "handler": %h, "global": true%e}], "commands": [{"name": "%c", "handler": 4}]}`
	register := func(command, order, handler, own string) string {
		return strings.NewReplacer("%o", order, "%h", handler, "%e", own, "%c", command).Replace(answer)
	}
	seven := 7
	for _, c := range []struct {
		name, a, b string
		orderA     *int
		want       string
	}{
		{"by file", register("ca", "0", "20", ""), register("cb", "0", "15", ""), nil, ""},
		{"by plugin", register("ca", "1", "20", ""), register("cb", "0", "15", ""), nil, "EOWN"},
		{"by entry", register("ca", "0", "20", `, "order": 5`), register("cb", "1", "15", ""), nil, "EOWN"},
		{"by operator", register("ca", "0", "20", `, "order": 0`), register("cb", "1", "15", ""), &seven, "EOWN"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a, b := document(c.a), document(c.b)
			a.Limits.Order = c.orderA
			f := load(t, map[string][]byte{"a.wasm": plugintest.Fixture(t, "puppet"), "b.wasm": plugintest.Fixture(t, "puppet")},
				map[string]plugin.Settings{"a": a, "b": b})
			got, err := f.call("ca", `{}`)
			if c.want == "" && (err != nil || got != `"early"`) || c.want != "" && (err == nil || err.Code != c.want) {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

func authenticating(handler string) string {
	return `{"hooks": [{"event": "authenticate", "handler": ` + handler + `}]}`
}

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, handler string
		user          string
		status        int
		message       string
	}{
		{"identity", "25", "ada", 0, ""},
		{"abstains", "19", "", 0, ""},
		{"refuses", "16", "", 401, "Refused"},
		{"refuses with a status", "17", "", 403, "no"},
		{"error", "15", "", 401, "own"},
		{"wrong identity", "26", "", 503, "authentication is not available"},
		{"identity is no object", "20", "", 503, "authentication is not available"},
		{"trap", "4", "", 503, "authentication is not available"},
		{"spin", "3", "", 503, "authentication is not available"},
		{"malformed", "10", "", 503, "authentication is not available"},
		{"unknown status", "11", "", 503, "authentication is not available"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := puppet(t, map[string]string{"guard": authenticating(c.handler)})
			identity, refusal := f.router.Authenticate(context.Background(), []string{"guard"}, &abi.Handshake{Method: "GET", Path: "/"})
			switch {
			case c.status != 0:
				if refusal == nil || refusal.Status != c.status || !strings.HasPrefix(refusal.Message, c.message) {
					t.Errorf("got %+v, %+v", identity, refusal)
				}
			case refusal != nil:
				t.Errorf("refused: %+v", refusal)
			case c.user == "":
				if identity != nil {
					t.Errorf("got %+v", identity)
				}
			case identity == nil || identity.User != c.user || string(identity.Metadata) != `{"a":1}`:
				t.Errorf("got %+v", identity)
			}
		})
	}
}

func TestRequiredPluginMustAuthenticate(t *testing.T) {
	t.Parallel()
	f := puppet(t, map[string]string{"guard": authenticating("25"), "other": `{"commands":[{"name":"c","handler":1}]}`})
	for name, want := range map[string]int{"guard": 0, "other": 503, "missing": 503} {
		_, refusal := f.router.Authenticate(context.Background(), []string{name}, new(abi.Handshake))
		if got := statusOf(refusal); got != want {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
	}
}

func statusOf(r *command.Refusal) int {
	if r == nil {
		return 0
	}
	return r.Status
}

func TestObservers(t *testing.T) {
	t.Parallel()
	f := puppet(t, map[string]string{
		"a": `{"hooks": [{"event": "connect", "handler": 22}, {"event": "disconnect", "handler": 22}]}`,
		"b": `{"hooks": [{"event": "connect", "handler": 4}, {"event": "disconnect", "handler": 15}]}`,
	})
	table := f.router.Acquire()
	defer table.Release()
	for _, o := range table.Observers {
		o.Connected(context.Background(), f.session)
	}
	f.logs("msg=connect plugin=a", `handler="hook \"connect\""`, "unreachable")
	for _, o := range table.Observers {
		o.Disconnected(context.Background(), f.session, hub.Cause{Code: 1000, Reason: "bye"})
	}
	f.logs("msg=disconnect plugin=a", `handler="hook \"disconnect\""`, "EOWN")
	if c := f.status("b.wasm").Counts; c.Faults != 1 || c.Errors != 1 {
		t.Errorf("counts %+v", c)
	}
}

func TestOutputIsLogged(t *testing.T) {
	t.Parallel()
	settings := document(`{"commands": [{"name": "print", "handler": 21}, {"name": "log", "handler": 22}]}`)
	settings.Limits.LogRate = 3
	f := load(t, map[string][]byte{"p.wasm": plugintest.Fixture(t, "puppet")}, map[string]plugin.Settings{"p": settings})
	for _, name := range []string{"log", "print", "log", "log", "log"} {
		if _, err := f.call(name, `{}`); err != nil {
			t.Fatal(err)
		}
	}
	f.logs(`msg="first line" plugin=p version=`, ` call=1-3 stream=stdout`, "msg=log plugin=p")
	if n := strings.Count(f.log.String(), "msg=log plugin=p"); n != 2 {
		t.Errorf("%d lines logged, want 2 and the printed one", n)
	}
	if n := f.status("p.wasm").Counts.DroppedLines; n != 2 {
		t.Errorf("%d lines dropped, want 2", n)
	}
	f.until("the rate allows lines again, and tells of the dropped ones", func() bool {
		_, err := f.call("log", `{}`)
		return err == nil && strings.Contains(f.log.String(), "log lines dropped")
	})
}

func TestOperationsOfPluginsOnly(t *testing.T) {
	t.Parallel()
	operations := plugintest.Operations()
	f := load(t, nil, map[string]plugin.Settings{"p": {Config: json.RawMessage(`{"a":1}`)}}, func(o *plugin.Options) { o.Operations = operations })
	_ = f
	for _, name := range []string{abi.OpLog, abi.OpConfigGet} {
		if _, err := operations[name].JSON(context.Background(), callerOf(""), []byte(`{}`)); err == nil {
			t.Errorf("%s serves another door", name)
		}
	}
	got, err := operations[abi.OpConfigGet].JSON(context.Background(), callerOf("p"), []byte(`{}`))
	if err != nil || string(got) != `{"config":{"a":1}}` {
		t.Errorf("config.get: %s, %v", got, err)
	}
	got, err = operations[abi.OpConfigGet].JSON(context.Background(), callerOf("q"), []byte(`{}`))
	if err != nil || string(got) != `{"config":{}}` {
		t.Errorf("config.get without settings: %s, %v", got, err)
	}
}
