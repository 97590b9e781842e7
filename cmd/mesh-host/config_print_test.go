package main

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
)

// ownSettings has what a careless loader changes: case, dots, kinds of
// numbers, dates.
const ownSettings = `
[plugins.My-Plugin]
order = 0
[plugins.My-Plugin.config]
camelCase = "Value"
"dotted.Name" = true
"" = "empty"
int = 1
big = 9007199254740993
float = 1.0
small = 1e-9
huge = 1e300
negative = -0.5
offset = 1979-05-27T07:32:00.5-07:00
local = 1979-05-27T07:32:00
day = 1979-05-27
time = 07:32:00
html = "<a href='x'>&</a>"
"spaced name" = "tab\t, \"quotes\", back\\slash, \u0001, é, 🎉\n"
list = [1, 2.0, "three", [4], {Five = 5}]
empty = []
[plugins.My-Plugin.config.Nested."a.b"]
Deep = { "x.y" = 1 }
[plugins.My-Plugin.config.none]
[[plugins.My-Plugin.config.rules]]
Match = "a"
[[plugins.My-Plugin.config.rules]]
Match = "b"
`

func TestPluginSettingsAreKept(t *testing.T) {
	t.Parallel()
	l := mustLoad(t, ownSettings)
	got := string(l.Plugins.Named["My-Plugin"].Config)
	want := `{"":"empty","Nested":{"a.b":{"Deep":{"x.y":1}}},"big":9007199254740993,"camelCase":"Value",` +
		`"day":"1979-05-27","dotted.Name":true,"empty":[],"float":1.0,"html":"<a href='x'>&</a>",` +
		`"huge":1e+300,"int":1,"list":[1,2.0,"three",[4],{"Five":5}],"local":"1979-05-27T07:32:00","negative":-0.5,` +
		`"none":{},"offset":"1979-05-27T07:32:00.5-07:00","rules":[{"Match":"a"},{"Match":"b"}],"small":1e-09,` +
		`"spaced name":"tab\t, \"quotes\", back\\slash, \u0001, é, 🎉\n","time":"07:32:00"}`
	if got != want {
		t.Errorf("the settings are\n%s\nwant\n%s", got, want)
	}
}

func TestPluginWithoutSettings(t *testing.T) {
	t.Parallel()
	l := mustLoad(t, "[plugins.a]\n[plugins.b.config]\n")
	if a, b := l.Plugins.Named["a"].Config, l.Plugins.Named["b"].Config; a != nil || string(b) != "{}" {
		t.Errorf("the settings are %q and %q, want none and {}", a, b)
	}
}

func TestSettingsVariable(t *testing.T) {
	t.Setenv("MESH_PLUGINS_MY_PLUGIN_CONFIG", `{"Kept.Key": {"b": 1.50}, "gone": null, "new": "<x>"}`)
	t.Setenv("MESH_PLUGINS_OTHER_CONFIG", ` {"A": 1} `)
	l := mustLoad(t, `
		[plugins.My-plugin.config]
		"Kept.Key" = {a = 1}
		gone = 1
		stays = [1]`)
	if got, want := string(l.Plugins.Named["My-plugin"].Config), `{"Kept.Key":{"b":1.50},"new":"<x>","stays":[1]}`; got != want {
		t.Errorf("the settings are %s, want %s", got, want)
	}
	if got := string(l.Plugins.Named["other"].Config); got != `{"A":1}` {
		t.Errorf("the settings without a section are %s", got)
	}
	if !strings.Contains(l.print(), "[plugins.My-plugin.config] # MESH_PLUGINS_MY_PLUGIN_CONFIG\n") {
		t.Errorf("print does not name the variable:\n%s", l.print())
	}
}

func TestPrintMasksSecrets(t *testing.T) {
	t.Parallel()
	l := mustLoad(t, `
		[plugins.auth.config]
		greeting = "hello"
		apiKey = "hidden-1"
		Client_Secret = "hidden-2"
		password = 4711
		key = ["hidden-3", {a = "hidden-4"}]
		"token.ttl" = "hidden-5"
		database = "postgres://hidden-6:hidden/7@db.example/x"
		urls = ["https://hidden-8@example.com"]
		[plugins.auth.config.tokens]
		"hidden-z" = "hidden-9"
		"hidden-a" = {user = "hidden-10", "hidden-b" = 1}
		[[plugins.auth.config.clients]]
		id = "shown"
		passphrase = "hidden-11"
		[plugins.auth.config.open.nested]
		name = "shown"
		credentials = {x = "hidden-12"}`)
	got := l.print()
	if strings.Contains(got, "hidden") || strings.Contains(got, "4711") {
		t.Errorf("a secret shows:\n%s", got)
	}
	want := `
[plugins.auth.config]
Client_Secret = "***"
apiKey = "***"
clients = [{id = "shown", passphrase = "***"}]
database = "postgres://***@db.example/x"
greeting = "hello"
key = "***"
password = "***"
"token.ttl" = "***"
urls = ["https://***@example.com"]

[plugins.auth.config.open]

[plugins.auth.config.open.nested]
name = "shown"

[plugins.auth.config.open.nested.credentials]
"***1" = "***"

[plugins.auth.config.tokens]
"***2" = "***"

[plugins.auth.config.tokens."***1"]
"***1" = "***"
"***2" = "***"
`
	if !strings.HasSuffix(got, want) {
		t.Errorf("printed is\n%s\nwant at its end\n%s", got, want)
	}
	if err := toml.Unmarshal([]byte(got), &map[string]any{}); err != nil {
		t.Errorf("it is no TOML: %v", err)
	}
}

func TestPrintRoundTrips(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"defaults": "",
		"settings": ownSettings,
		"redis": `
			[redis]
			addresses = ["a:1", "[::1]:2"]
			mode = "cluster"
			flush = "250us"
			[redis.tls]
			enabled = true
			server_name = "cache"`,
		"others": `
			listen = "[::1]:0"
			handshake.origins = []
			limits.outbox = 1000
			liveness.latency_interval = 0
			shutdown.grace = "1h1m1.5s"
			[plugins]
			dir = "C:\\plug\"ins"
			[[channels]]
			pattern = "/^a\\.\"b\"$/"
			publish = true
			history = 1
			history_ttl = "1h"
			slow_consumer = "disconnect"
			[[channels]]
			pattern = "b"
			[[presence]]
			pattern = "b"
			ttl = 0
			[[rooms]]
			pattern = "c"
			guard = "p.guard with spaces"
			[store]
			path = "data"
			[[records]]
			pattern = "/^card:.+$/"
			guard = "p.read"
			ttl = "36h"
			slow_consumer = "conflate"
			[[records]]
			pattern = "/^card:.+$/"
			writable = true
			[[collections]]
			pattern = "/^cards:(?P<Of>.+)$/"
			records = "/^card:.+$/"
			sort = "-"
			[collections.filter]
			createdBy = ["${Of}", "$$", "a\"b\\"]
			"place.Board".id = 9007199254740993
			"with space.a\\.b" = -0.5
			open = true
			[[collections]]
			pattern = "all"
			records = ["a", "b"]
			filter = {}
			limit = 1000
			[metadata]
			client_writable = ["*"]
			[plugins.defaults]
			order = -1
			[plugins.a]
			memory = "1GiB"
			[plugins.b]
			order = 7
			mode = "single"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := mustLoad(t, text)
			again, err := loadText(t, first.print())
			if err != nil {
				t.Fatalf("%v in\n%s", err, first.print())
			}
			if !reflect.DeepEqual(again.Config, first.Config) {
				t.Errorf("loaded is\n%+v\nprinted and loaded again\n%+v", first.Config, again.Config)
			}
		})
	}
}

func TestPrintMasksRedis(t *testing.T) {
	t.Setenv("MESH_REDIS_SENTINEL_PASSWORD", "hidden-1")
	l := mustLoad(t, "redis.tls.enabled = true\nredis.tls.cert_file = \"c.pem\"\nredis.tls.key_file = \"k.pem\"\n", "--redis", "redis://hidden-2:hidden-3@cache:6380/2")
	got := l.print()
	for _, want := range []string{
		"\n[redis]\nurl = \"redis://***@cache:6380/2\" # --redis\naddresses = []\nmode = \"standalone\"\n",
		"\npassword = \"\"\n", "\nsentinel_password = \"***\" # MESH_REDIS_SENTINEL_PASSWORD\n",
		"\n[redis.tls]\nenabled = true\n", "\nkey_file = \"k.pem\"\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("printed is\n%s\nwithout %q", got, want)
		}
	}
	if strings.Contains(got, "hidden") {
		t.Errorf("a secret shows in\n%s", got)
	}
	if string(l.Redis.URL) != "redis://hidden-2:hidden-3@cache:6380/2" || l.Redis.SentinelPassword != "hidden-1" {
		t.Errorf("loaded is %q, %q", string(l.Redis.URL), string(l.Redis.SentinelPassword))
	}
}

func TestConfigPrintCommand(t *testing.T) {
	t.Setenv("MESH_LIMITS_OUTBOX", "2MiB")
	t.Setenv("MESH_ADMIN_TOKEN", "hidden-hidden-hidden")
	t.Setenv("MESH_ROOMS", `[{"pattern": "a", "guard": "b.c"}, {"pattern": "d"}]`)
	t.Setenv("MESH_HOST_SERVICE_HOST", "10.0.0.1")
	path := writeFile(t, "listen = \":1\"\n[plugins.\"x\"]\n[[channels]]\npattern = \"a\"\nhistory_ttl = 0\n")
	var stdout, stderr bytes.Buffer
	if code := run([]string{"config", "print", "--config", path, "--admin", ":2"}, strings.NewReader(""), &stdout, &stderr); code != 0 {
		t.Fatalf("exit code %d: %s", code, &stderr)
	}
	for _, line := range []string{
		"# The effective configuration: flags, then MESH_ variables, then " + path + ", then defaults.\n\nlisten = \":1\"\n",
		"\n[admin]\nlisten = \":2\" # --admin\ntoken = \"***\" # MESH_ADMIN_TOKEN\n",
		"\n[[channels]]\npattern = \"a\"\n\n[[rooms]] # MESH_ROOMS\npattern = \"a\"\nguard = \"b.c\"\n\n[[rooms]] # MESH_ROOMS\npattern = \"d\"\n\n[plugins]\n",
		"\noutbox = \"2MiB\" # MESH_LIMITS_OUTBOX\n",
		"\n[plugins.x]\ndeadline = \"2s\"\n",
	} {
		if !strings.Contains(stdout.String(), line) {
			t.Errorf("printed is\n%s\nwithout %q", &stdout, line)
		}
	}
	if strings.Contains(stdout.String(), "hidden") {
		t.Errorf("the token shows in\n%s", &stdout)
	}
	if got := stderr.String(); got != "mesh-host: MESH_HOST_SERVICE_HOST sets nothing\n" {
		t.Errorf("stderr is %q", got)
	}
}

// FuzzSettings takes JSON through a variable, print and the file.
func FuzzSettings(f *testing.F) {
	f.Add(`{"a":{"b.c":[1,2.5,{"D":"\u0000\"\\"}]},"":true,"n":-0,"e":1E5}`)
	f.Fuzz(func(t *testing.T, text string) {
		settings, err := mergeSettings(nil, text)
		if err != nil {
			return
		}
		first, err := encodeJSON(settings)
		if err != nil {
			t.Fatal(err)
		}
		value, err := decodeJSON(first)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		object, _ := value.(map[string]any)
		writeTable(&b, "", "x", object)
		var tree map[string]map[string]any
		if err := toml.Unmarshal([]byte(b.String()), &tree); err != nil {
			t.Fatalf("%v in\n%s", err, b.String())
		}
		if settings, err = settingsFromFile(tree["x"]); err != nil {
			t.Fatal(err)
		}
		again, err := encodeJSON(settings)
		if err != nil {
			t.Fatal(err)
		}
		var before, after any
		if json.Unmarshal(first, &before) != nil || json.Unmarshal(again, &after) != nil || !reflect.DeepEqual(before, after) {
			t.Errorf("%s became %s", first, again)
		}
	})
}
