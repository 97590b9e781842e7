package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host"
)

// shippedFile is the documented configuration.
const shippedFile = "../../config.toml"

func TestShippedFileIsTheDefault(t *testing.T) {
	t.Parallel()
	l, err := loadFile(t, shippedFile)
	if err != nil {
		t.Fatal(err)
	}
	if want := host.Default(); !reflect.DeepEqual(l.Config, want) {
		t.Errorf("config.toml is\n%+v, want the default\n%+v", l.Config, want)
	}
	if len(l.warnings) > 0 {
		t.Error(l.warnings)
	}
}

// TestShippedFileHasEveryKey also wants a comment with the default above each.
func TestShippedFileHasEveryKey(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(shippedFile)
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]string{} // comment by key
	table, comment := "", ""
	header, entry := regexp.MustCompile(`^#?\[(\[?[^\]]+\]?)\]$`), regexp.MustCompile(`^#?([a-z_]+) = `)
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if m := header.FindStringSubmatch(line); m != nil {
			documented[m[1]] = comment
			table, comment = m[1]+".", ""
		} else if m := entry.FindStringSubmatch(line); m != nil {
			documented[table+m[1]], comment = comment, ""
		} else if strings.HasPrefix(line, "#") {
			comment += strings.TrimPrefix(line, "#")
		}
	}
	c := host.Default()
	fields, _ := fieldsOf(&c)
	check := func(key, want string) {
		if comment, ok := documented[key]; !ok || !strings.Contains(comment, want) {
			t.Errorf("config.toml: %s is documented with %q, want %q in it", key, comment, want)
		}
	}
	for _, f := range fields {
		switch {
		case f.isTables():
			list := "[" + f.key + "]"
			check(list, "Default: none")
			element, _ := fieldsOf(reflect.New(f.value.Type().Elem()).Interface())
			for _, member := range element {
				check(list+"."+member.key, defaultOfMember(member))
			}
		case f.value.Kind() == reflect.Pointer:
			check(f.key, "Default: not set")
		default:
			check(f.key, "Default "+f.text())
		}
	}
}

// defaultOfMember is what config.toml says of a key of a list's elements,
// where the zero value stands for another one.
func defaultOfMember(f field) string {
	switch f.key {
	case "pattern", "records":
		return "No default."
	case "limit":
		return "Default 100"
	case "history_ttl":
		return `Default "24h"`
	case "ttl":
		return "Default 0"
	case "slow_consumer":
		return `Default "disconnect"`
	}
	return "Default " + f.text()
}

// TestShippedExamples loads config.toml with the lines that it shows only as
// examples.
func TestShippedExamples(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(shippedFile)
	if err != nil {
		t.Fatal(err)
	}
	example := regexp.MustCompile(`(?m)^#([^ #\n])`).ReplaceAllString(string(text), "$1")
	l := mustLoad(t, example)
	wantChannel := host.ChannelConfig{
		Pattern: "/^chat:.+$/", Guard: "chat.member", Publish: true, PublishGuard: "chat.speaker",
		History: 100, HistoryTTL: time.Hour, SlowConsumer: host.SlowDrop,
	}
	wantPresence := host.PresenceConfig{Pattern: "/^chat:.+$/", TTL: 90 * time.Second, Guard: "chat.member", SlowConsumer: host.SlowConflate}
	wantRoom := host.RoomConfig{Pattern: "/^chat:.+$/", Guard: "chat.invited", MetadataGuard: "chat.lobby"}
	wantRecord := host.RecordConfig{
		Pattern: "/^card:.+$/", Guard: "board.member", Writable: true, WriteGuard: "board.editor",
		TTL: 720 * time.Hour, SlowConsumer: host.SlowConflate,
	}
	wantCollection := host.CollectionConfig{
		Pattern: "/^cards:(?P<board>[^:]+):(.+)$/", Guard: "board.member", Records: host.PatternList{"/^card:.+$/"},
		Filter: host.Filter{
			"open": json.RawMessage("true"), "place.board": json.RawMessage(`"${board}"`),
			"createdBy.team": json.RawMessage(`["$2","all"]`),
		},
		Sort: "-updatedAt", Limit: 50,
	}
	if !slices.Equal(l.Records, []host.RecordConfig{wantRecord}) || !reflect.DeepEqual(l.Collections, []host.CollectionConfig{wantCollection}) {
		t.Errorf("the records and collections of the examples are %+v, %+v", l.Records, l.Collections)
	}
	if !slices.Equal(l.Channels, []host.ChannelConfig{wantChannel}) || !slices.Equal(l.Presence, []host.PresenceConfig{wantPresence}) ||
		!slices.Equal(l.Rooms, []host.RoomConfig{wantRoom}) {
		t.Errorf("the exposures of the examples are %+v, %+v, %+v", l.Channels, l.Presence, l.Rooms)
	}
	p := l.Plugins.Named["auth"]
	if p.Deadline != 500*time.Millisecond || p.Order == nil || *p.Order != -10 || p.Memory != 16*host.MiB ||
		string(p.Config) != `{"tokens":{"a-long-random-text":"alice"}}` {
		t.Errorf("[plugins.auth] of the examples is %+v, %s", p, p.Config)
	}
}

// TestDocumentedExamples loads what docs/OPERATE.md shows of a file.
func TestDocumentedExamples(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/OPERATE.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) == 0 {
		t.Error("there is none")
	}
	for _, block := range blocks {
		if _, err := loadText(t, block[1]); err != nil {
			t.Errorf("%v in\n%s", err, block[1])
		}
	}
}

// sample is a value other than the default: in a variable, and in TOML.
type sample struct{ text, toml string }

func quoted(text string) sample { return sample{text, quoteString(text)} }
func bare(text string) sample   { return sample{text, text} }

// samples has one for every key.
var samples = map[string]sample{
	"listen":                  quoted("127.0.0.1:9000"),
	"node.name":               quoted("node-1"),
	"node.lease":              quoted("20s"),
	"admin.listen":            quoted("127.0.0.1:9001"),
	"admin.token":             {"a-token-of-16-letters", `"***"`},
	"log.level":               quoted("debug"),
	"log.format":              quoted("json"),
	"shutdown.grace":          quoted("1m"),
	"store.path":              quoted("/var/lib/mesh-host"),
	"redis.url":               quoted("redis://cache.example:6380/3"),
	"redis.addresses":         {"a.example:26379, b.example:26379", `["a.example:26379", "b.example:26379"]`},
	"redis.mode":              quoted("sentinel"),
	"redis.master":            quoted("mymaster"),
	"redis.user":              quoted("mesh"),
	"redis.password":          {"hunter2", `"***"`},
	"redis.sentinel_user":     quoted("watch"),
	"redis.sentinel_password": {"hunter3", `"***"`},
	"redis.database":          bare("4"),
	"redis.prefix":            quoted("app:"),
	"redis.pool":              bare("3"),
	"redis.connect_timeout":   quoted("3s"),
	"redis.timeout":           quoted("500ms"),
	"redis.flush":             quoted("200µs"),
	"redis.wait_replicas":     bare("2"),
	"redis.tls.enabled":       bare("true"),
	"redis.tls.ca_file":       quoted("/etc/ca.pem"),
	"redis.tls.cert_file":     quoted("/etc/cert.pem"),
	"redis.tls.key_file":      quoted("/etc/key.pem"),
	"redis.tls.server_name":   quoted("cache.example"),

	"redis.tls.insecure_skip_verify": bare("true"),

	"demo.enabled":              bare("true"),
	"static.dir":                quoted("/srv/page"),
	"handshake.timeout":         quoted("3s"),
	"handshake.header_size":     quoted("8KiB"),
	"handshake.origins":         {"https://a.example, https://*.b.example", `["https://a.example", "https://*.b.example"]`},
	"auth.require":              {"auth,other", `["auth", "other"]`},
	"limits.message_size":       quoted("1MiB"),
	"limits.bad_frames":         bare("0"),
	"limits.commands_in_flight": bare("64"),
	"limits.outbox":             {"100000", `"100000"`},
	"limits.reply_size":         quoted("3MiB"),
	"limits.metadata_size":      quoted("1KiB"),
	"limits.connections":        bare("7"),
	"limits.subscriptions":      bare("5"),
	"limits.rooms":              bare("6"),
	"limits.presence_state":     quoted("1KiB"),
	"limits.room_metadata":      quoted("1GiB"),
	"limits.history_size":       quoted("1TiB"),
	"limits.record_size":        quoted("2MiB"),
	"limits.records_size":       quoted("1GiB"),
	"limits.record_patches":     bare("0"),
	"limits.record_tombstone":   quoted("72h"),
	"limits.collections":        bare("11"),
	"limits.collection_records": bare("9"),
	"limits.transaction":        bare("8"),
	"limits.hooks":              bare("1"),
	"liveness.ping_interval":    quoted("1m30s"),
	"liveness.latency_interval": {"0", `"0s"`},
	"liveness.max_missed_pongs": bare("2"),
	"liveness.close_timeout":    quoted("250ms"),
	"protocol.assign_id":        {"[]", "[]"},
	"metadata.client_writable":  {"name, avatar", `["name", "avatar"]`},
	"metadata.guard":            quoted("chat.members"),
	"channels": {
		`[{"pattern":"news","history":10,"history_ttl":"1h0s"}, {"publish":true, "pattern":"/^a\\.b/", "guard":"a.b", "publish_guard":"a.c", "slow_consumer":"drop"}]`,
		`[{pattern = "news", history = 10, history_ttl = "1h"}, {pattern = "/^a\\.b/", guard = "a.b", publish = true, publish_guard = "a.c", slow_consumer = "drop"}]`,
	},
	"presence": {`[{"pattern":"x", "ttl":"5s", "slow_consumer":"conflate"}]`, `[{pattern = "x", ttl = "5s", slow_consumer = "conflate"}]`},
	"rooms":    {`[{"pattern":"x", "guard":"a.b", "metadata_guard":"a.c"}]`, `[{pattern = "x", guard = "a.b", metadata_guard = "a.c"}]`},
	"records": {
		`[{"pattern":"x", "guard":"a.b", "ttl":"1h"}, {"pattern":"x", "writable":true, "write_guard":"a.c"}]`,
		`[{pattern = "x", guard = "a.b", ttl = "1h"}, {pattern = "x", writable = true, write_guard = "a.c"}]`,
	},
	"collections": {
		`[{"pattern":"x", "records":"y"}, {"pattern":"/(.)/", "guard":"a.b", "records":["y","z"], "filter":{"a":{"B.c":["$1",1.0,true]}}, "sort":"-a.B", "limit":2}]`,
		`[{pattern = "x", records = ["y"]}, {pattern = "/(.)/", guard = "a.b", records = ["y", "z"], filter = {"a.B.c" = ["$1", 1.0, true]}, sort = "-a.B", limit = 2}]`,
	},
	"plugins.dir":                       quoted("/srv/plugins"),
	"plugins.cache_dir":                 quoted("off"),
	"plugins.settle":                    quoted("1s"),
	"plugins.defaults.deadline":         quoted("1h"),
	"plugins.defaults.fuel":             bare("0"),
	"plugins.defaults.call_depth":       bare("7"),
	"plugins.defaults.memory":           quoted("64KiB"),
	"plugins.defaults.instances":        bare("2"),
	"plugins.defaults.mode":             quoted("single"),
	"plugins.defaults.output":           quoted("1KiB"),
	"plugins.defaults.log_rate":         bare("0"),
	"plugins.defaults.kv_size":          quoted("1GiB"),
	"plugins.defaults.order":            bare("-5"),
	"plugins.defaults.calls_in_flight":  bare("100"),
	"plugins.defaults.host_calls":       bare("1000"),
	"plugins.defaults.breaker":          bare("0"),
	"plugins.defaults.capabilities":     {"kv, records.write:score:*", `["kv", "records.write:score:*"]`},
	"plugins.defaults.http":             {"https://api.example.com, http://10.0.0.7:8080", `["https://api.example.com", "http://10.0.0.7:8080"]`},
	"plugins.defaults.http_networks":    {"10.0.0.0/8", `["10.0.0.0/8"]`},
	"plugins.defaults.http_timeout":     quoted("3s"),
	"plugins.defaults.http_size":        quoted("2KiB"),
	"plugins.my-Plugin.http_networks":   {"fd00::/8, 10.1.2.3/32", `["fd00::/8", "10.1.2.3/32"]`},
	"plugins.my-Plugin.http_timeout":    quoted("4s"),
	"plugins.my-Plugin.http_size":       quoted("3KiB"),
	"plugins.my-Plugin.calls_in_flight": bare("1"),
	"plugins.my-Plugin.host_calls":      bare("50"),
	"plugins.my-Plugin.breaker":         bare("7"),
	"plugins.my-Plugin.capabilities":    {"[]", "[]"},
	"plugins.my-Plugin.http":            {"https://*.example.com", `["https://*.example.com"]`},
	"plugins.my-Plugin.deadline":        quoted("5ms"),
	"plugins.my-Plugin.fuel":            bare("30000000000"),
	"plugins.my-Plugin.call_depth":      bare("8"),
	"plugins.my-Plugin.memory":          quoted("128KiB"),
	"plugins.my-Plugin.instances":       bare("3"),
	"plugins.my-Plugin.mode":            quoted("single"),
	"plugins.my-Plugin.output":          quoted("2KiB"),
	"plugins.my-Plugin.log_rate":        bare("1"),
	"plugins.my-Plugin.kv_size":         {"0", `"0"`},
	"plugins.my-Plugin.order":           bare("0"),
}

// exclusive are the sets of keys of which a configuration has only one: each
// leaves out the others' keys.
var exclusive = map[string][]string{
	"store":           {"redis.url", "redis.addresses", "redis.mode", "redis.master"},
	"redis addresses": {"store.path", "redis.url"},
	"redis URL":       {"store.path", "redis.addresses", "redis.database"},
}

// without are the samples that do not exclude each other.
func without(left []string) map[string]sample {
	some := maps.Clone(samples)
	for _, key := range left {
		delete(some, key)
	}
	return some
}

// allFields is fieldsOf with those of one plugin.
func allFields(t *testing.T, l *loaded) []field {
	t.Helper()
	fields, _ := fieldsOf(&l.Config)
	p := l.Plugins.For("my-Plugin")
	own, _ := fieldsOf(&p)
	for _, f := range own {
		fields = append(fields, field{"plugins.my-Plugin." + f.key, f.value})
	}
	return fields
}

func TestEverySampledKeyIsAKey(t *testing.T) {
	t.Parallel()
	keys := keysOf(allFields(t, mustLoad(t, "")))
	for key := range samples {
		if !slices.Contains(keys, key) {
			t.Errorf("there is no key %s", key)
		}
	}
}

// checkSamples wants every key but those left out to have its sample's value, from
// source.
func checkSamples(t *testing.T, l *loaded, left []string, source func(key string) string) {
	t.Helper()
	before := map[string]string{}
	for _, f := range allFields(t, &loaded{Config: host.Default()}) {
		if f.value.Kind() != reflect.Pointer || !f.value.IsNil() {
			before[f.key] = f.text()
		}
	}
	for _, f := range allFields(t, l) {
		s, ok := samples[f.key]
		switch {
		case slices.Contains(left, f.key):
		case !ok:
			t.Errorf("%s has no sample", f.key)
		case s.toml == before[f.key]:
			t.Errorf("the sample of %s is its default", f.key)
		case f.text() != s.toml:
			t.Errorf("%s = %s, want %s", f.key, f.text(), s.toml)
		case l.sources[f.key] != source(f.key):
			t.Errorf("%s is said to be from %q, want %q", f.key, l.sources[f.key], source(f.key))
		}
	}
}

func TestFileSetsEveryKey(t *testing.T) {
	t.Parallel()
	for name, left := range exclusive {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b strings.Builder
			for key, s := range without(left) {
				if (field{key: key}).isSecret() { // its TOML is masked
					s.toml = quoteString(s.text)
				}
				fmt.Fprintf(&b, "%s = %s\n", key, s.toml)
			}
			l := mustLoad(t, b.String())
			checkSamples(t, l, left, func(string) string { return l.file })
		})
	}
}

func TestVariablesSetEveryKey(t *testing.T) {
	for name, left := range exclusive {
		t.Run(name, func(t *testing.T) {
			for key, s := range without(left) {
				t.Setenv(envName(key), s.text)
			}
			// The file has other values for all: the variables win.
			text, err := os.ReadFile(shippedFile)
			if err != nil {
				t.Fatal(err)
			}
			l := mustLoad(t, string(text)+"\n[plugins.my-Plugin]\ndeadline = \"9s\"\nmemory = \"1MiB\"\norder = 9\n")
			checkSamples(t, l, left, envName)
			if len(l.warnings) > 0 {
				t.Error(l.warnings)
			}
			if len(l.Plugins.Named) != 1 {
				t.Errorf("there are sections for %d plugins, want 1", len(l.Plugins.Named))
			}
		})
	}
}

func TestEnvironmentNames(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"listen":                    "MESH_LISTEN",
		"admin.listen":              "MESH_ADMIN_LISTEN",
		"limits.message_size":       "MESH_LIMITS_MESSAGE_SIZE",
		"redis.tls.ca_file":         "MESH_REDIS_TLS_CA_FILE",
		"channels":                  "MESH_CHANNELS",
		"plugins.cache_dir":         "MESH_PLUGINS_CACHE_DIR",
		"plugins.defaults.log_rate": "MESH_PLUGINS_DEFAULTS_LOG_RATE",
		"plugins.my-plugin.kv_size": "MESH_PLUGINS_MY_PLUGIN_KV_SIZE",
	} {
		if got := envName(key); got != want {
			t.Errorf("envName(%s) = %s, want %s", key, got, want)
		}
	}
}

func TestPrecedence(t *testing.T) {
	file := "listen = \":1\"\nadmin.listen = \"[::1]:2\"\nplugins.dir = \"file\"\nstore.path = \"kept\"\n"
	flags := []string{"--listen", ":5", "--admin", "[::1]:6", "--plugins", "flag", "--store", "flag"}
	addresses := func(l *loaded) string {
		return l.Listen + " " + l.Admin.Listen + " " + l.Plugins.Dir + " " + l.Store.Path
	}

	if got := addresses(mustLoad(t, "")); got != ":8080 127.0.0.1:8081 ./plugins " {
		t.Errorf("defaults: %s", got)
	}
	if got := addresses(mustLoad(t, file)); got != ":1 [::1]:2 file kept" {
		t.Errorf("file over defaults: %s", got)
	}
	t.Setenv("MESH_LISTEN", ":3")
	t.Setenv("MESH_ADMIN_LISTEN", "[::1]:4")
	t.Setenv("MESH_PLUGINS_DIR", "variable")
	t.Setenv("MESH_STORE_PATH", "stored")
	if got := addresses(mustLoad(t, file)); got != ":3 [::1]:4 variable stored" {
		t.Errorf("variables over file: %s", got)
	}
	l := mustLoad(t, file, flags...)
	if got := addresses(l); got != ":5 [::1]:6 flag flag" {
		t.Errorf("flags over variables: %s", got)
	}
	if got := l.sources["admin.listen"]; got != "--admin" {
		t.Errorf("admin.listen is said to be from %q", got)
	}
	// A flag that says the default still wins.
	if got := mustLoad(t, file, "--listen", ":8080").Listen; got != ":8080" {
		t.Errorf("--listen :8080 gives %s", got)
	}
	if got := mustLoad(t, file, "--store", "").Store.Path; got != "" {
		t.Errorf("--store \"\" gives %s", got)
	}
	t.Setenv("MESH_LISTEN", "")
	if got := mustLoad(t, file).Listen; got != ":1" {
		t.Errorf("with an empty variable listen is %s, want the file's", got)
	}
}

func TestPluginPrecedence(t *testing.T) {
	t.Setenv("MESH_PLUGINS_DEFAULTS_INSTANCES", "3")
	t.Setenv("MESH_PLUGINS_B_INSTANCES", "4")
	l := mustLoad(t, `
		[plugins.defaults]
		instances = 2
		deadline = "7s"
		[plugins.a]
		[plugins.b]
		instances = 5
		[plugins.c]
		instances = 6
		deadline = "1s"`)
	got := map[string]string{}
	for name := range l.Plugins.Named {
		p := l.Plugins.For(name)
		got[name] = fmt.Sprint(p.Instances, p.Deadline)
	}
	want := map[string]string{"a": "3 7s", "b": "4 7s", "c": "6 1s"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the plugins have %v, want %v", got, want)
	}
}

func TestDefaultFileMayBeMissing(t *testing.T) {
	t.Chdir(t.TempDir())
	l, err := loadFile(t, "", "--listen", ":1")
	if err != nil || l.file != "" {
		t.Errorf("no file: %v, %q", err, l.file)
	}
}

func TestZeroNeedsNoUnit(t *testing.T) {
	t.Parallel()
	l := mustLoad(t, "liveness.ping_interval = 0\nliveness.latency_interval = \"0\"\nlimits.outbox = 4096\n")
	if l.Liveness.PingInterval != 0 || l.Liveness.LatencyInterval != 0 || l.Limits.Outbox != 4*host.KiB {
		t.Errorf("%+v %+v", l.Liveness, l.Limits)
	}
}
