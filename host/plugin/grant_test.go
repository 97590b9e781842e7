package plugin_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/capability"
	"github.com/mesh-host/mesh-host/host/operation"
	"github.com/mesh-host/mesh-host/host/plugin"
	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
)

// granted makes settings of what is granted to a puppet that registers a
// document.
func granted(tb testing.TB, document string, grants ...string) plugin.Settings {
	tb.Helper()
	var list []capability.Grant
	for _, text := range grants {
		g, err := capability.Parse(text)
		if err != nil {
			tb.Fatal(err)
		}
		list = append(list, g)
	}
	access, err := capability.NewAccess(list, nil)
	if err != nil {
		tb.Fatal(err)
	}
	s := plugin.Settings{Limits: quick(), Config: []byte(document)}
	s.Limits.Access = access
	return s
}

// The puppet imports kv.get, and asks for the key "k" in its handler 31, which
// replies with the error.
const asks = `{"commands": [{"name": "ask", "handler": 31}, {"name": "number", "handler": 30}]`

func TestCapabilitiesAtLoad(t *testing.T) {
	t.Parallel()
	many := strings.Repeat(`{"name":"kv"},`, 9_000) + `{"name":"kv"}`
	for _, c := range []struct{ name, grants, capabilities, want string }{
		{"granted", "kv", ``, ""},
		{"everything", "*", ``, ""},
		{"imports are not granted", "records", ``, `needs what it is not granted: "kv" (imports kv.get). To grant it, set in [plugins.p]: capabilities = ["records", "kv"]`},
		{"nothing is granted", "", ``, `capabilities = ["kv"]`},
		{"what is registered counts", "records", `{"name":"records.write","reason":"scores"}`, ""},
		{"registered and not granted", "kv", `{"name":"kv"},{"name":"records.write:score:*"}`, `"records.write:score:*". To grant it, set in [plugins.p]: capabilities = ["kv", "records.write:score:*"]`},
		{"HTTP", "*", `{"name":"http:https://api.example.com"}`, `"http:https://api.example.com". To grant it, set in [plugins.p]: http = ["https://api.example.com"]`},
		{"unknown", "*", `{"name":"teleport"}`, `capabilities[0], "teleport": "teleport" is no capability`},
		{"everything asked", "*", `{"name":"*"}`, `"*" is everything`},
		{"bad pattern", "*", `{"name":"records.write:/(/"}`, "missing closing )"},
		{"9,001", "*", many, "registers 9001 capabilities, over the limit of 1024"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			settings := granted(t, asks+`, "capabilities": [`+c.capabilities+`]}`, strings.Fields(c.grants)...)
			f := load(t, map[string][]byte{"p.wasm": plugintest.Fixture(t, "puppet")}, map[string]plugin.Settings{"p": settings})
			s := f.status("p.wasm")
			if s.Loaded != (c.want == "") || !strings.Contains(s.Error, c.want) || len(s.Error) > 5000 {
				t.Errorf("loaded %t, %s; want %q", s.Loaded, s.Error, c.want)
			}
			if s.Counts.Loads+s.Counts.FailedLoads != 1 || (s.Counts.Loads == 1) != s.Loaded {
				t.Errorf("counts %+v", s.Counts)
			}
		})
	}
}

func TestCapabilitiesAtCall(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, grants, capabilities, want string }{
		{"granted", "kv", ``, ""},
		{"for this key", "kv:k", ``, ""},
		{"for other keys", "kv:other:*", ``, `kv.get: the capability "kv" is not granted for "k"`},
		{"registered otherwise", "*", `{"name":"records"}`, `kv.get: the capability "kv" is not registered`},
		{"registered for other keys", "*", `{"name":"kv:other:*"}`, `kv.get: the capability "kv" is not registered for "k"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			settings := granted(t, asks+`, "capabilities": [`+c.capabilities+`]}`, strings.Fields(c.grants)...)
			f := load(t, map[string][]byte{"p.wasm": plugintest.Fixture(t, "puppet")}, map[string]plugin.Settings{"p": settings})
			if c.want == "" {
				if got, err := f.call("number", `{}`); err != nil || got != "0" {
					t.Errorf("%s, %v", got, err)
				}
				return
			}
			if got, err := f.call("ask", `{}`); err == nil || err.Code != abi.CodeDenied || err.Message != c.want {
				t.Errorf("%s, %v, want %s", got, err, c.want)
			}
			f.until("it is counted", func() bool {
				n := f.status("p.wasm").Counts
				return n.HostCalls == 1 && n.HostCallsDenied == 1 && n.Codes[abi.CodeDenied] == 1
			})
		})
	}
}

// What others deny a plugin is counted and logged as its own, with the call.
func TestDeniedIsLogged(t *testing.T) {
	t.Parallel()
	f := load(t, map[string][]byte{"echo.wasm": plugintest.Fixture(t, "echo")}, nil)
	f.Denied(operation.Caller{Plugin: "echo", Version: "abc", Call: operation.CallID{Pool: 3, Number: 31}}, errors.New("http://10.0.0.1 is not allowed"))
	f.logs("level=WARN", "plugin=echo version=abc call=3-v", `error="http://10.0.0.1 is not allowed"`)
	if n := f.status("echo.wasm").Counts.HostCallsDenied; n != 1 {
		t.Errorf("%d host calls were denied", n)
	}
}

// A version that needs more than is granted does not replace the one before.
func TestOldVersionServesWithoutGrant(t *testing.T) {
	t.Parallel()
	settings := granted(t, `{"commands": [{"name": "ask", "handler": 1}]}`, "records")
	f := watch(t, map[string][]byte{"p.wasm": plugintest.Fixture(t, "echo")}, map[string]plugin.Settings{"p": settings})
	f.answers("echo", `{}`)
	f.put("p.wasm", plugintest.Fixture(t, "puppet"))
	f.logs("plugin not loaded; the version before goes on serving", "imports kv.get")
	f.answers("echo", `{}`)
}

func TestHostCallsAreLimited(t *testing.T) {
	t.Parallel()
	settings := granted(t, asks+`}`, "*")
	settings.Limits.HostCalls = 5
	f := load(t, map[string][]byte{"p.wasm": plugintest.Fixture(t, "puppet")}, map[string]plugin.Settings{"p": settings})
	limited := 0
	start := time.Now()
	for range 50 {
		_, err := f.call("number", `{}`)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := f.call("number", `{}`); got == "6" { // ERATELIMIT
			limited++
		}
	}
	if allowed := 5 + int(time.Since(start).Seconds()*5) + 1; limited < 50-allowed {
		t.Errorf("%d of 50 were limited", limited)
	}
	if n := f.status("p.wasm").Counts; n.HostCallsLimited == 0 || n.HostCalls != 100 {
		t.Errorf("counts %+v", n)
	}
}

// What is logged of a call, by the plugin and about it, has the same id.
func TestCallIDs(t *testing.T) {
	t.Parallel()
	f := load(t, map[string][]byte{"p.wasm": plugintest.Fixture(t, "puppet")}, map[string]plugin.Settings{
		"p": document(`{"commands": [{"name": "log", "handler": 22}, {"name": "print", "handler": 21}, {"name": "trap", "handler": 4}, {"name": "spin", "handler": 3}],
			"hooks": [{"event": "connect", "handler": 15}]}`),
	})
	hash := f.status("p.wasm").Version
	for i, name := range []string{"log", "print", "trap", "spin"} {
		_, _ = f.call(name, `{}`)
		f.logs(fmt.Sprintf("plugin=p version=%s call=1-%d", hash, i+2)) // the first was the probe
	}
	f.logs(`msg="plugin failed" plugin=p version=`+hash+` call=1-4 handler="command \"trap\""`,
		`msg="plugin passed its deadline" plugin=p version=`+hash+` call=1-5`)
	f.router.Connected(t.Context(), f.session)
	f.logs(`msg="plugin did not do its part" plugin=p version=`+hash+` call=1-6 handler="hook \"connect\""`, "own")
}

func TestStatusOfAPlugin(t *testing.T) {
	t.Parallel()
	settings := granted(t, asks+`, "capabilities": [{"name": "kv:k", "reason": "to count"}]}`, "records", "kv")
	f := load(t, map[string][]byte{"p.wasm": plugintest.Fixture(t, "puppet")}, map[string]plugin.Settings{"p": settings})
	for range 3 {
		if _, err := f.call("number", `{}`); err != nil {
			t.Fatal(err)
		}
	}
	s := f.status("p.wasm")
	if fmt.Sprint(s.Granted, s.Registered, s.Origins) != "[kv records] [kv:k] []" || s.Memory < 2*64<<10 {
		t.Errorf("got %+v", s)
	}
	total := uint64(0)
	for _, n := range s.Counts.Durations.Counts {
		total += n
	}
	if total != 4 || s.Counts.Durations.Sum <= 0 || s.Counts.HostCalls != 3 {
		t.Errorf("counts %+v", s.Counts)
	}
}
