package plugin_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/host/plugin"
	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
)

func TestRegistrationRefuses(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 257)
	var many strings.Builder
	for i := range 1025 {
		fmt.Fprintf(&many, `{"name":"c%d","handler":1},`, i)
	}
	for _, c := range []struct{ name, document, want string }{
		{"no JSON", `{"commands":[`, "is not JSON"},
		{"more after it", `{} {}`, "is not JSON"},
		{"no object", `[]`, "is not a JSON object"},
		{"nothing", `{"name":"p"}`, "registers nothing"},
		{"its own error", `{"error":"config: tokens must be a table"}`, "the plugin says: config: tokens must be a table"},
		{"unknown member", `{"comands":[]}`, `unknown field "comands"`},
		{"unknown member of a command", `{"commands":[{"name":"c","handler":1,"concurent":true}]}`, `unknown field "concurent"`},
		{"wrong type", `{"commands":{}}`, "cannot unmarshal"},
		{"negative handler", `{"commands":[{"name":"c","handler":-1}]}`, "cannot unmarshal"},
		{"no handler", `{"commands":[{"name":"c"}]}`, "commands[0] has no handler"},
		{"no handler of a hook", `{"hooks":[{"event":"connect"}]}`, "hooks[0] has no handler"},
		{"name of the plugin", `{"name":"a b","commands":[{"name":"c","handler":1}]}`, `registers the name "a b": a plugin's name is`},
		{"reserved name of the plugin", `{"name":"defaults","commands":[{"name":"c","handler":1}]}`, `the name is a key of the configuration`},
		{"command without name", `{"commands":[{"handler":1}]}`, `command "": name is empty`},
		{"long command", `{"commands":[{"name":"` + long + `","handler":1}]}`, "longer than 256 bytes"},
		{"command of the server", `{"commands":[{"name":"mesh/noop","handler":1}]}`, "name is reserved"},
		{"liveness name", `{"commands":[{"name":"pong","handler":1}]}`, "name is reserved"},
		{"control character", `{"commands":[{"name":"a\u0007","handler":1}]}`, "control character"},
		{"command twice", `{"commands":[{"name":"c","handler":1},{"name":"c","handler":2}]}`, `registers command "c" twice`},
		{"unknown middleware", `{"commands":[{"name":"c","handler":1,"middleware":["m"]}]}`, `command "c" names middleware "m", which the plugin does not register`},
		{"middleware named twice", `{"commands":[{"name":"c","handler":1,"middleware":["m","m"]}],"middleware":[{"name":"m","handler":1}]}`, `names middleware "m" twice`},
		{"middleware twice", `{"middleware":[{"name":"m","handler":1},{"name":"m","handler":2}]}`, `registers middleware "m" twice`},
		{"middleware without name", `{"middleware":[{"handler":1}]}`, `middleware "": name is empty`},
		{"guard twice", `{"guards":[{"name":"g","handler":1},{"name":"g","handler":2}]}`, `registers guard "g" twice`},
		{"unknown event", `{"hooks":[{"event":"explode","handler":1}]}`, `hook for the unknown event "explode"`},
		{"hook twice", `{"hooks":[{"event":"connect","handler":1},{"event":"connect","handler":2}]}`, `registers a hook for "connect" twice`},
		{"schedule without time", `{"schedules":[{"name":"s","handler":1}]}`, `schedule "s": it needs either every or cron`},
		{"schedule with two times", `{"schedules":[{"name":"s","handler":1,"every":"1s","cron":"* * * * *"}]}`, `it needs either every or cron`},
		{"bad interval", `{"schedules":[{"name":"s","handler":1,"every":"soon"}]}`, `schedule "s": every: `},
		{"short interval", `{"schedules":[{"name":"s","handler":1,"every":"9ms"}]}`, `every is 9ms, less than 10ms`},
		{"bad cron", `{"schedules":[{"name":"s","handler":1,"cron":"* * * *"}]}`, `schedule "s": cron: `},
		{"cron with a zone", `{"schedules":[{"name":"s","handler":1,"cron":"TZ=Asia/Tokyo * * * * *"}]}`, `a time zone cannot be set`},
		{"cron that never comes", `{"schedules":[{"name":"s","handler":1,"cron":"0 0 30 2 *"}]}`, `never comes`},
		{"schedule twice", `{"schedules":[{"name":"s","handler":1,"every":"1s"},{"name":"s","handler":1,"every":"1s"}]}`, `registers schedule "s" twice`},
		{"bad scope", `{"schedules":[{"name":"s","handler":1,"every":"1s","scope":"planet"}]}`, `the scope is "planet"`},
		{"too many", `{"commands":[` + strings.TrimSuffix(many.String(), ",") + `]}`, "registers 1025 entries, over the limit of 1024"},
		{"another name the second time", `{"name":"other","commands":[{"name":"c","handler":1}]}`, `started as "other": the registration document`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := load(t, map[string][]byte{"p.wasm": plugintest.Fixture(t, "puppet")}, map[string]plugin.Settings{
				"p": document(c.document), "other": document(`[]`),
			})
			s := f.status("p.wasm")
			if s.Loaded || !strings.HasPrefix(s.Error, "plugin: load p.wasm: ") || !strings.Contains(s.Error, c.want) {
				t.Errorf("status %+v, want %q", s, c.want)
			}
		})
	}
}

func TestRegistrationAccepts(t *testing.T) {
	t.Parallel()
	f := load(t, map[string][]byte{"p.wasm": plugintest.Fixture(t, "puppet")}, map[string]plugin.Settings{"p": document(`{
		"name": "p", "version": "1.2", "order": -5,
		"commands": [{"name": "c", "handler": 1, "middleware": ["m"], "concurrent": true}, {"name": "noop", "handler": 1}],
		"middleware": [{"name": "m", "handler": 19}, {"name": "g", "handler": 19, "global": true, "order": 3}],
		"guards": [{"name": "g", "handler": 1}],
		"hooks": [{"event": "authenticate", "handler": 19, "order": 1}, {"event": "connect", "handler": 19}, {"event": "disconnect", "handler": 19}],
		"schedules": [{"name": "s", "handler": 1, "every": "1h"}, {"name": "t", "handler": 1, "cron": "*/5 * * * *", "scope": "cluster"}],
		"capabilities": [{"name": "kv", "reason": "to count"}], "configSchema": {"type": "object"}}`)})
	s := f.status("p.wasm")
	if !s.Loaded || s.Error != "" || s.Label != "1.2" || len(s.Commands) != 2 || s.Instances != 1 {
		t.Errorf("status %+v", s)
	}
	if got, err := f.call("c", `[1]`); err != nil || got != `[1]` {
		t.Errorf("answers %q, %v", got, err)
	}
}
