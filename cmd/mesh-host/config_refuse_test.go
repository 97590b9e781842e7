package main

import (
	"errors"
	"strings"
	"testing"
)

// problemTexts returns what is wrong, one text each, without the file's path.
func problemTexts(t *testing.T, err error, path string) []string {
	t.Helper()
	var refused *configError
	if !errors.As(err, &refused) {
		t.Fatalf("load: %v, want a configError", err)
	}
	var texts []string
	for _, p := range refused.problems {
		texts = append(texts, strings.ReplaceAll(p.Error(), path, "FILE"))
	}
	return texts
}

// checkRefused wants the file to have exactly these problems.
func checkRefused(t *testing.T, text string, want ...string) {
	t.Helper()
	path := writeFile(t, text)
	_, err := loadFile(t, path)
	if err == nil {
		t.Fatalf("%q was accepted", text)
	}
	got := problemTexts(t, err, path)
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%q has the problems\n%s\nwant\n%s", text, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestFileRefused(t *testing.T) {
	t.Parallel()
	const (
		durationHint = `: numbers with h, m, s, ms or us, such as "30s" or "1m30s"`
		sizeHint     = `: write a whole number of bytes, or one with KiB, MiB, GiB or TiB, such as "64KiB"`
		collection   = "[[collections]]\npattern = \"a\"\nrecords = \"b\"\n"
	)
	tests := []struct{ name, text, want string }{
		{"no TOML", "listen = ", "FILE:1:9: "},
		{"no value", "[limits]\nconnections = many", "FILE:2:15: "},
		{"a key twice", "listen = \":1\"\nlisten = \":2\"", "FILE:2:1: "},
		{"unknown key", "colour = 1", "FILE: colour: unknown key"},
		{"mistyped key", "listn = 1", "FILE: listn: unknown key, did you mean listen?"},
		{"key in capitals", "Listen = \":1\"", "FILE: Listen: unknown key, did you mean listen?"},
		{"key with a dash", "limits.message-size = 1", "FILE: limits.message-size: unknown key, did you mean limits.message_size?"},
		{"key in another table", "message_size = \"1KiB\"", "FILE: message_size: unknown key, did you mean limits.message_size?"},
		{"key in two others", "[log]\nlistn = 1", "FILE: log.listn: unknown key"},
		{"swapped letters", "[limits]\nconnectoins = 1", "FILE: limits.connectoins: unknown key, did you mean limits.connections?"},
		{"key quoted with its dot", `"limits.outbox" = 1`, `FILE: "limits.outbox": unknown key, did you mean limits.outbox?`},
		{"unknown table", "[limit]\nconnections = 1", "FILE: limit: unknown key, did you mean limits?"},
		{"table below a key", "[listen.x]\ny = 1", "FILE: listen: it is a table and must be a string"},
		{"value for a table", "limits = 5", "FILE: limits: it is 5 and must be a table"},
		{"plugins no table", "plugins = \"x\"", `FILE: plugins: it is the string "x" and must be a table`},
		{"defaults no table", "plugins.defaults = true", "FILE: plugins.defaults: it is true and must be a table"},

		{"number for a string", "listen = 8080", "FILE: listen: it is 8080 and must be a string"},
		{"string for a number", "limits.connections = \"7\"", `FILE: limits.connections: it is the string "7" and must be a whole number`},
		{"float for a number", "limits.connections = 7.0", "FILE: limits.connections: it is the float 7.0 and must be a whole number"},
		{"string for a boolean", "demo.enabled = \"true\"", `FILE: demo.enabled: it is the string "true" and must be true or false`},
		{"string for a list", "auth.require = \"auth\"", `FILE: auth.require: it is the string "auth" and must be a list of strings such as ["a", "b"]`},
		{"number in a list", "auth.require = [\"auth\", 1]", "FILE: auth.require: it is 1 and must be a string, as every element"},
		{"date for a string", "listen = 2026-01-01", "FILE: listen: it is a date or time and must be a string"},
		{"list for a duration", "shutdown.grace = [1]", `FILE: shutdown.grace: it is a list and must be a duration such as "30s"`},
		{"duration without unit", "shutdown.grace = 10", `FILE: shutdown.grace: 10 has no unit: write "10s" or "10ms"`},
		{"duration text without unit", "shutdown.grace = \"10\"", `FILE: shutdown.grace: "10" is not a duration` + durationHint},
		{"duration with a strange unit", "shutdown.grace = \"10 seconds\"", `FILE: shutdown.grace: "10 seconds" is not a duration` + durationHint},
		{"negative duration", "shutdown.grace = \"-10s\"", "FILE: shutdown.grace: -10s is negative"},
		{"decimal size", "limits.outbox = \"1MB\"", `FILE: limits.outbox: "1MB" is not a size` + sizeHint},
		{"float size", "limits.outbox = 1.5", `FILE: limits.outbox: it is the float 1.5 and must be a size such as "64KiB", or a number of bytes`},
		{"negative size", "limits.outbox = -1", "FILE: limits.outbox: -1 is too small: at least 1"},
		{"huge size", "limits.outbox = \"99999999TiB\"", `FILE: limits.outbox: "99999999TiB" is too large`},
		{"bad origin", "handshake.origins = [\"example.com\"]", `FILE: handshake.origins: "example.com" is no origin: write "https://app.example.com", "https://*.example.com" or "*"`},
		{"same addresses", "admin.listen = \":8080\"", `FILE: admin.listen: ":8080" is the address of listen too: the admin API needs its own`},

		{"token no string", "admin.token = 12345678901234567", "FILE: admin.token: it must be a string"},
		{"short token", "admin.token = \"short-token\"", "FILE: admin.token: it is too short: at least 16 characters"},
		{"no token", "admin.listen = \":8081\"", `FILE: admin.listen: ":8081" may be reached from other machines: set admin.token, or listen on loopback, such as 127.0.0.1:8081`},

		{"one channel", "[channels]\npattern = \"a\"", "FILE: channels: it is a table and must be a list of tables: write [[channels]]"},
		{"channels no list", "channels = \"a\"", `FILE: channels: it is the string "a" and must be a list of tables: write [[channels]]`},
		{"channel no table", "channels = [{pattern = \"a\"}, \"b\"]", `FILE: channels[1]: it is the string "b" and must be a table`},
		{"mistyped channels", "[[chanels]]\npattern = \"a\"", "FILE: chanels: unknown key, did you mean channels?"},
		{"mistyped pattern", "[[channels]]\npattern = \"a\"\nguards = \"a.b\"", "FILE: channels[0].guards: unknown key, did you mean guard?"},
		{"pattern in capitals", "[[rooms]]\npattern = \"a\"\nGuard = \"a.b\"", "FILE: rooms[0].Guard: unknown key, did you mean guard?"},
		{"wrong type in a channel", "[[channels]]\npattern = \"a\"\nhistory = \"10\"", `FILE: channels[0].history: it is the string "10" and must be a whole number`},
		{"wrong duration in a channel", "[[channels]]\npattern = \"a\"\nhistory_ttl = 10", `FILE: channels[0].history_ttl: 10 has no unit: write "10s" or "10ms"`},
		{"pattern no string", "[[channels]]\npattern = 1", "FILE: channels[0].pattern: it is 1 and must be a string"},
		{"no pattern", "[[channels]]\nhistory = 10", `FILE: channels[0].pattern: it is missing: a name, or an expression between slashes such as "/^chat:.+$/"`},
		{"bad guard", "[[channels]]\npattern = \"a\"\n[[channels]]\npattern = \"b\"\nguard = \"member\"", `FILE: channels[1].guard: "member" is no guard: write "<plugin>.<guard>"`},
		{"bad presence", "[[presence]]\npattern = \"a\"\nttl = \"1ms\"", "FILE: presence[0].ttl: 1ms is too short: at least 1s, or 0"},

		{"one record", "[records]\npattern = \"a\"", "FILE: records: it is a table and must be a list of tables: write [[records]]"},
		{"mistyped records", "[[record]]\npattern = \"a\"", "FILE: record: unknown key, did you mean records?"},
		{"records no boolean", "[[records]]\npattern = \"a\"\nwritable = \"yes\"", `FILE: records[0].writable: it is the string "yes" and must be true or false`},
		{"records read twice", "[[records]]\npattern = \"a\"\n[[records]]\npattern = \"a\"", `FILE: records[1].pattern: who may read "a" is said by records[0] already`},
		{"records mistyped", "[[records]]\npattern = \"a\"\nwriteable = true", "FILE: records[0].writeable: unknown key, did you mean writable?"},
		{"collection without records", "[[collections]]\npattern = \"a\"", "FILE: collections[0].records: it is missing: a pattern of records, or a list of them"},
		{"number for patterns", "[[collections]]\npattern = \"a\"\nrecords = 1", "FILE: collections[0].records: it is 1 and must be a pattern, or a list of patterns"},
		{"number among patterns", "[[collections]]\npattern = \"a\"\nrecords = [\"a\", 1]", "FILE: collections[0].records: it is 1 and must be a string, as every element"},
		{"no filter", collection + "filter = \"open\"", `FILE: collections[0].filter: it is the string "open" and must be a table such as {open = true, "owner.team" = "$1"}`},
		{"filters", collection + "filter = [{open = true}]", `FILE: collections[0].filter: it is a list and must be a table such as {open = true, "owner.team" = "$1"}`},
		{"filter by a day", collection + "filter.due.at = 2026-01-01", `FILE: collections[0].filter: "due.at": it is a date or time and must be a string, a number, true or false, or a list of these`},
		{"filter by times", collection + "filter.due = [\"never\", 07:32:00]", `FILE: collections[0].filter: "due": it is a date or time and must be a string, a number, true or false, as every element`},
		{"filter by lists", collection + "filter.a = [[1]]", `FILE: collections[0].filter: "a": it is a list and must be a string, a number, true or false, as every element`},
		{"filter by tables", collection + "filter.a = [{b = 1}]", `FILE: collections[0].filter: "a": it is a table and must be a string, a number, true or false, as every element`},
		{"filter by infinity", collection + "filter.a = -inf", `FILE: collections[0].filter: "a": JSON, and so a record, knows no inf and no nan`},
		{"filter by nothing", collection + "filter.a = {b = {}}", `FILE: collections[0].filter: "a.b": the table is empty`},
		{"filter by no value", collection + "filter.a = []", `FILE: collections[0].filter: "a": a list of values has 1 to 100 of them`},
		{"filter twice", collection + "filter = {a = {B = 1}, \"a.B\" = 2}", `FILE: collections[0].filter: "a.B": it is there twice`},
		{"filter without a path", collection + "filter.\"\" = 1", `FILE: collections[0].filter: "": a path is names of members with dots between them; one is empty`},
		{"filter by no group", collection + "filter.a = \"$1\"", `FILE: collections[0].filter: "a": $1: the pattern has no such group; it has 0`},
		{"no order", collection + "sort = true", "FILE: collections[0].sort: it is true and must be a string"},
		{"large records", "[limits]\nrecord_size = \"4MiB\"", "FILE: limits.record_size: 4MiB does not fit into a reply: at most limits.reply_size (4MiB) less 1KiB"},
		{"tombstone without unit", "[limits]\nrecord_tombstone = 24", `FILE: limits.record_tombstone: 24 has no unit: write "24s" or "24ms"`},
		{"store in the page", "store.path = \"page/data\"\nstatic.dir = \"page\"", `FILE: store.path: "page/data" lies in static.dir ("page"), whose files everyone may read`},

		{"password no string", "redis.password = 4711", "FILE: redis.password: it must be a string"},
		{"redis and a store", "store.path = \"data\"\nredis.url = \"redis://u:p@a\"", "FILE: store.path: redis.url is set too, and what is kept is then kept by Redis, for all nodes: a folder of this node would be another truth; keep one of the two"},
		{"redis elsewhere", "[redis]\nmode = \"cluster\"\naddresses = [\"a:1\", \"b\"]", `FILE: redis.addresses[1]: "b" is no address: write "host:port"`},
		{"mistyped TLS", "[redis.tls]\nca = \"ca.pem\"", "FILE: redis.tls.ca: unknown key"},
		{"TLS no table", "redis.tls = true", "FILE: redis.tls: it is true and must be a table"},

		{"plugin called dir", "[plugins.dir]\nmode = \"pool\"", `FILE: plugins.dir: it is a table and must be a string; a plugin cannot be called "dir"`},
		{"plugin called settle", "[plugins.settle]", `FILE: plugins.settle: it is a table and must be a string; a plugin cannot be called "settle"`},
		{"plugin name with a dot", "[plugins.\"a.b\"]", `FILE: plugins.a.b: "a.b" is no plugin name: 1 to 64 letters, digits, '-' and '_'`},
		{"plugin name empty", "[plugins.\"\"]", `FILE: plugins.: "" is no plugin name: 1 to 64 letters, digits, '-' and '_'`},
		{"value among plugins", "plugins.cache-dir = \"x\"", "FILE: plugins.cache-dir: unknown key, did you mean plugins.cache_dir?"},
		{"unknown value among plugins", "plugins.auth = 1", "FILE: plugins.auth: unknown key"},
		{"mistyped limit", "[plugins.auth]\ninstance = 1", "FILE: plugins.auth.instance: unknown key, did you mean instances?"},
		{"mistyped limit of all", "[plugins.defaults]\ninstance = 1", "FILE: plugins.defaults.instance: unknown key, did you mean plugins.defaults.instances?"},
		{"setting among limits", "[plugins.auth]\ngreeting = \"hi\"", "FILE: plugins.auth.greeting: unknown key: a plugin's own settings stand in [plugins.auth.config]"},
		{"wrong type of a limit", "[plugins.Auth]\norder = \"1\"", `FILE: plugins.Auth.order: it is the string "1" and must be a whole number`},
		{"bad limit", "[plugins.auth]\nmemory = \"100KiB\"", "FILE: plugins.auth.memory: 100KiB is not a multiple of 64KiB, the WebAssembly page"},
		{"settings no table", "[plugins.auth]\nconfig = 1", "FILE: plugins.auth.config: it is 1 and must be a table"},
		{"settings of all", "[plugins.defaults.config]\na = 1", "FILE: plugins.defaults.config: settings belong to one plugin: write [plugins.<name>.config]"},
		{"infinite setting", "[plugins.auth.config]\na.\"b.c\" = [inf]", `FILE: plugins.auth.config: a: "b.c": JSON, and so a plugin, knows no inf and no nan`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if strings.HasPrefix(tt.want, "FILE:") && !strings.HasPrefix(tt.want, "FILE: ") {
				checkSyntaxError(t, tt.text, tt.want)
				return
			}
			checkRefused(t, tt.text, tt.want)
		})
	}
}

// checkSyntaxError leaves the words to the TOML library.
func checkSyntaxError(t *testing.T, text, want string) {
	t.Helper()
	path := writeFile(t, text)
	_, err := loadFile(t, path)
	if err == nil {
		t.Fatalf("%q was accepted", text)
	}
	got := problemTexts(t, err, path)
	if len(got) != 1 || !strings.HasPrefix(got[0], want) || got[0] == want {
		t.Errorf("%q has the problems %q, want one that starts with %q", text, got, want)
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	t.Setenv("MESH_LIMITS_BAD_FRAMES", "few")
	t.Setenv("MESH_DEMO_ENABLED", "yes")
	t.Setenv("MESH_LIVENESS_CLOSE_TIMEOUT", "-1s")
	t.Setenv("MESH_PLUGINS_AUTH_CONFIG", "[]")
	path := writeFile(t, `
		lisen = ":1"
		[log]
		level = "loud"
		[limits]
		outbox = "1MB"
		connections = 0
		[plugins.auth]
		mode = 1
		[plugins.defaults]
		mode = "solo"
		[plugins.other]
		deadline = "0s"`)
	_, err := loadFile(t, path, "--listen", "nowhere")
	want := []string{
		`FILE: plugins.auth.mode: it is 1 and must be a string`,
		`FILE: lisen: unknown key, did you mean listen?`,
		`FILE: limits.outbox: "1MB" is not a size`,
		`MESH_DEMO_ENABLED: demo.enabled: "yes" is neither true nor false`,
		`MESH_LIMITS_BAD_FRAMES: limits.bad_frames: "few" is not a whole number`,
		`MESH_PLUGINS_AUTH_CONFIG: plugins.auth.config: it is not a JSON object`,
		`--listen: listen: "nowhere" is no address`,
		`FILE: log.level: "loud" is not known`,
		`FILE: limits.connections: 0 is too small`,
		`MESH_LIVENESS_CLOSE_TIMEOUT: liveness.close_timeout: -1s is negative`,
		`FILE: plugins.defaults.mode: "solo" is not known`,
		`FILE: plugins.other.deadline: it must be above 0`,
	}
	got := problemTexts(t, err, path)
	for _, w := range want {
		found := false
		for _, g := range got {
			found = found || strings.HasPrefix(g, w)
		}
		if !found {
			t.Errorf("not reported: %s", w)
		}
	}
	if len(got) != len(want) || !strings.HasPrefix(err.Error(), "the configuration has 12 problems:\n  ") {
		t.Errorf("reported are\n%v", err)
	}
}

func TestVariablesRefused(t *testing.T) {
	tests := []struct{ variable, text, want string }{
		{"MESH_LISTEN", "8080", `MESH_LISTEN: listen: "8080" is no address`},
		{"MESH_SHUTDOWN_GRACE", "10", `MESH_SHUTDOWN_GRACE: shutdown.grace: "10" is not a duration`},
		{"MESH_LIMITS_OUTBOX", "1.5MiB", `MESH_LIMITS_OUTBOX: limits.outbox: "1.5MiB" is not a size`},
		{"MESH_PROTOCOL_ASSIGN_ID", "mesh,", `MESH_PROTOCOL_ASSIGN_ID: protocol.assign_id: "" is not known`},
		{"MESH_PLUGINS_DEFAULTS_ORDER", "first", `MESH_PLUGINS_DEFAULTS_ORDER: plugins.defaults.order: "first" is not a whole number`},
		{"MESH_PLUGINS_AUTH_MEMORY", "1", `MESH_PLUGINS_AUTH_MEMORY: plugins.auth.memory: 1 is too small`},
		{"MESH_PLUGINS_A.B_MODE", "pool", `MESH_PLUGINS_A.B_MODE: plugins.a.b: "a.b" is no plugin name`},
		{"MESH_CHANNELS", "news", `MESH_CHANNELS: channels: it is not a JSON list such as [{"pattern": "news", "history": 10}]`},
		{"MESH_CHANNELS", `{"pattern":"a"}`, `MESH_CHANNELS: channels: it is not a JSON list`},
		{"MESH_CHANNELS", `[{"pattern":"a"}] []`, `MESH_CHANNELS: channels: it is not a JSON list`},
		{"MESH_CHANNELS", `null`, `MESH_CHANNELS: channels: it is not a JSON list`},
		{"MESH_CHANNELS", `[1]`, `MESH_CHANNELS: channels[0]: it is 1 and must be a table`},
		{"MESH_CHANNELS", `[{"pattern":"a","History":1}]`, `MESH_CHANNELS: channels[0].History: unknown key, did you mean history?`},
		{"MESH_CHANNELS", `[{"pattern":"a","history":1.0}]`, `MESH_CHANNELS: channels[0].history: it is the float 1.0 and must be a whole number`},
		{"MESH_CHANNELS", `[{"pattern":"a","history":9223372036854775808}]`, `MESH_CHANNELS: channels[0].history: it is a number beyond 64 bits and must be a whole number`},
		{"MESH_CHANNELS", `[{"pattern":"a","guard":null}]`, `MESH_CHANNELS: channels[0].guard: it is null and must be a string`},
		{"MESH_PRESENCE", `[{"pattern":"/a(/"}]`, `MESH_PRESENCE: presence[0].pattern: "/a(/" is no pattern`},
		{"MESH_RECORDS", `[{"pattern":"a","Writable":true}]`, `MESH_RECORDS: records[0].Writable: unknown key, did you mean writable?`},
		{"MESH_COLLECTIONS", `[{"pattern":"a","records":"b","filter":{"a":null}}]`, `MESH_COLLECTIONS: collections[0].filter: "a": it is null and must be a string, a number, true or false, or a list of these`},
		{"MESH_COLLECTIONS", `[{"pattern":"a","records":"b","filter":{"a":9223372036854775808}}]`, `MESH_COLLECTIONS: collections[0].filter: "a": it is a number beyond 64 bits and must be a string, a number`},
		{"MESH_COLLECTIONS", `[{"pattern":"a","records":"b","filter":{"a":[1,1e999]}}]`, `MESH_COLLECTIONS: collections[0].filter: "a": it is a number beyond 64 bits and must be a string, a number, true or false, as every element`},
		{"MESH_LIMITS_RECORD_SIZE", "1GiB", "MESH_LIMITS_RECORD_SIZE: limits.record_size: 1GiB is too large: at most 64MiB"},
		{"MESH_ADMIN_TOKEN", "short-token", "MESH_ADMIN_TOKEN: admin.token: it is too short"},
		{"MESH_PLUGINS_AUTH_CONFIG", "{", "MESH_PLUGINS_AUTH_CONFIG: plugins.auth.config: it is not a JSON object"},
		{"MESH_PLUGINS_AUTH_CONFIG", "null", "MESH_PLUGINS_AUTH_CONFIG: plugins.auth.config: it is not a JSON object"},
		{"MESH_PLUGINS_AUTH_CONFIG", `{"a":{"b":[null]}}`, "MESH_PLUGINS_AUTH_CONFIG: plugins.auth.config: a: TOML, and so a plugin's settings, knows no null"},
		{"MESH_PLUGINS_AUTH_CONFIG", `{"a":9223372036854775808}`, "MESH_PLUGINS_AUTH_CONFIG: plugins.auth.config: a: 9223372036854775808 is neither a 64-bit integer nor"},
		{"MESH_PLUGINS_AUTH_CONFIG", `{"a":1e999}`, "MESH_PLUGINS_AUTH_CONFIG: plugins.auth.config: a: 1e999 is neither"},
	}
	for _, tt := range tests {
		t.Run(tt.want, func(t *testing.T) {
			t.Setenv(tt.variable, tt.text)
			path := writeFile(t, "")
			_, err := loadFile(t, path)
			got := problemTexts(t, err, path)
			if len(got) != 1 || !strings.HasPrefix(got[0], tt.want) {
				t.Errorf("the problems are %q, want one that starts with %q", got, tt.want)
			}
		})
	}
}

func TestAmbiguousVariable(t *testing.T) {
	t.Setenv("MESH_PLUGINS_A_B_MODE", "single")
	path := writeFile(t, "[plugins.a-b]\n[plugins.A_b]\n")
	_, err := loadFile(t, path)
	got := problemTexts(t, err, path)
	if len(got) != 1 || got[0] != "MESH_PLUGINS_A_B_MODE: it could be for any of the plugins A_b, a-b: set it in the file" {
		t.Errorf("the problems are %q", got)
	}
}

func TestUnknownVariablesAreWarnings(t *testing.T) {
	t.Setenv("MESH_HOST_SERVICE_HOST", "10.0.0.1")
	t.Setenv("MESH_HOST_PORT_8080_TCP", "tcp://10.0.0.1:8080")
	t.Setenv("MESH_LIMITS_OUTBX", "1")
	t.Setenv("MESH_PLUGINS_DEFAULTS_CONFIG", "{}")
	t.Setenv("MESH_PLUGINS_DIR_MODE", "pool")
	t.Setenv("MESH_EMPTY", "")
	l := mustLoad(t, "[plugins.default]\n")
	want := []string{
		l.file + `: [plugins.default] is for a plugin called "default"; what holds for all plugins is [plugins.defaults]`,
		"MESH_HOST_PORT_8080_TCP sets nothing",
		"MESH_HOST_SERVICE_HOST sets nothing",
		"MESH_LIMITS_OUTBX sets nothing, did you mean MESH_LIMITS_OUTBOX?",
		"MESH_PLUGINS_DEFAULTS_CONFIG sets nothing",
		"MESH_PLUGINS_DIR_MODE sets nothing",
	}
	if strings.Join(l.warnings, "\n") != strings.Join(want, "\n") {
		t.Errorf("warnings\n%s\nwant\n%s", strings.Join(l.warnings, "\n"), strings.Join(want, "\n"))
	}
}
