package plugin_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/plugin"
	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
)

// extismSettings have the Extism puppet register commands of the names of their
// handlers, and which.
func extismSettings(handlers ...string) plugin.Settings {
	commands := []map[string]any{{"name": "which", "handler": "continue"}}
	for _, name := range handlers {
		commands = append(commands, map[string]any{"name": name, "handler": name})
	}
	config, _ := json.Marshal(map[string]any{"registration": map[string]any{"commands": commands}})
	return plugin.Settings{Limits: quick(), Config: config}
}

func TestMixedFolder(t *testing.T) {
	t.Parallel()
	f := load(t, map[string][]byte{
		"puppet.wasm": plugintest.Fixture(t, "extism-puppet"),
		"echo.wasm":   plugintest.Fixture(t, "echo"),
	}, map[string]plugin.Settings{"puppet": extismSettings("request", "own_error", "spin", "nothing")})
	if got, err := f.call("echo", `"here"`); err != nil || got != `"here"` {
		t.Errorf("native: %q, %v", got, err)
	}
	if got, err := f.call("request", `[1]`); err != nil || !strings.Contains(got, `"payload":[1]`) || !strings.Contains(got, `"user":"ada"`) {
		t.Errorf("extism: %q, %v", got, err)
	}
	if got, err := f.call("which", `1`); err != nil || got != `` {
		t.Errorf("which: %q, %v", got, err)
	}
	for command, code := range map[string]string{"own_error": "EOWN", "spin": abi.CodeTimeout, "nothing": abi.CodePlugin} {
		if _, err := f.call(command, `1`); err == nil || err.Code != code {
			t.Errorf("%s: %v, want %s", command, err, code)
		}
	}
	if s := f.status("puppet.wasm"); s.Format != plugin.FormatExtism || s.Counts.Faults != 1 || s.Counts.Timeouts != 1 || s.Counts.Errors != 1 {
		t.Errorf("status %+v", s)
	}
	if s := f.status("echo.wasm"); s.Format != plugin.FormatNative {
		t.Errorf("status %+v", s)
	}
}

// TestExtismCapabilities: they are for both formats, at load and at each call.
func TestExtismCapabilities(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ grants, capabilities, refused, want string }{
		{"kv", ``, "", `{"result":{}}`},
		{"kv:k", `{"name":"kv:k"}`, "", `{"result":{}}`},
		{"*", `{"name":"records"}`, "", `{"error":{"code":"EDENIED","name":"DeniedError","message":"kv.get: the capability \"kv\" is not registered"}}`},
		{"records", ``, `needs what it is not granted: "kv" (imports kv.get)`, ""},
		{"*", `{"name":"http:https://a.example"}`, `http = ["https://a.example"]`, ""},
	} {
		document := `{"registration": {"commands": [{"name": "ask", "handler": "ask"}], "capabilities": [` + c.capabilities + `]}}`
		f := load(t, map[string][]byte{"p.wasm": plugintest.Fixture(t, "extism-puppet")},
			map[string]plugin.Settings{"p": granted(t, document, c.grants)})
		s := f.status("p.wasm")
		if s.Loaded != (c.refused == "") || !strings.Contains(s.Error, c.refused) {
			t.Errorf("granted %s: %+v", c.grants, s)
		}
		if !s.Loaded {
			continue
		}
		if got, err := f.call("ask", `{}`); err != nil || got != c.want {
			t.Errorf("granted %s: %s, %v", c.grants, got, err)
		}
		if s := f.status("p.wasm"); s.Memory == 0 || s.Counts.HostCalls != 1 {
			t.Errorf("status %+v", s)
		}
	}
}

// TestExtismBreaker: handlers that fail again and again are suspended.
func TestExtismBreaker(t *testing.T) {
	t.Parallel()
	settings := extismSettings("trap")
	settings.Limits.Breaker = 2
	f := load(t, map[string][]byte{"p.wasm": plugintest.Fixture(t, "extism-puppet")}, map[string]plugin.Settings{"p": settings})
	for range 4 {
		if _, err := f.call("trap", `1`); err == nil || err.Code != abi.CodePlugin {
			t.Errorf("got %v", err)
		}
	}
	if s := f.status("p.wasm"); len(s.Suspended) != 1 || s.Counts.Faults != 2 || s.Counts.Suspended != 2 {
		t.Errorf("status %+v", s)
	}
	if got, err := f.call("which", `1`); err != nil {
		t.Errorf("another handler: %s, %v", got, err)
	}
}

// TestSwapBetweenFormats: a file may become a plugin of the other format, and
// back.
func TestSwapBetweenFormats(t *testing.T) {
	t.Parallel()
	f := watch(t, map[string][]byte{"which.wasm": plugintest.Fixture(t, "one")},
		map[string]plugin.Settings{"which": extismSettings()})
	f.answers("which", `"one"`)
	f.put("which.wasm", plugintest.Fixture(t, "extism-puppet"))
	f.answers("which", ``)
	if s := f.status("which.wasm"); s.Format != plugin.FormatExtism {
		t.Errorf("status %+v", s)
	}
	before := f.status("which.wasm").Version
	for _, bad := range []string{"extism-no-register", "extism-register-loop", "extism-unknown-import"} {
		f.put("which.wasm", plugintest.Fixture(t, bad))
		f.until("the new content has failed", func() bool { return f.status("which.wasm").Error != "" })
		if s := f.status("which.wasm"); !s.Loaded || s.Version != before {
			t.Errorf("status %+v", s)
		}
		f.put("which.wasm", plugintest.Fixture(t, "extism-puppet"))
		f.until("it is as before", func() bool { return f.status("which.wasm").Error == "" })
	}
	f.answers("which", ``)
	f.put("which.wasm", plugintest.Fixture(t, "two"))
	f.answers("which", `"two"`)
}

// TestExtismHandlerMissing: a name that is no function fails at load.
func TestExtismHandlerMissing(t *testing.T) {
	t.Parallel()
	f := load(t, map[string][]byte{"puppet.wasm": plugintest.Fixture(t, "extism-puppet")},
		map[string]plugin.Settings{"puppet": extismSettings("gone")})
	if s := f.status("puppet.wasm"); s.Loaded || !strings.Contains(s.Error, `commands[1]: the handler "gone" is no exported function`) {
		t.Errorf("status %+v", s)
	}
}
