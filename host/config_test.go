package host_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host"
)

func TestDefaultIsValid(t *testing.T) {
	t.Parallel()
	c := host.Default()
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

func TestDefaultSharesNothing(t *testing.T) {
	t.Parallel()
	a, b := host.Default(), host.Default()
	a.Handshake.Origins[0], a.Protocol.AssignID[0] = "https://changed.example", "rt"
	if b.Handshake.Origins[0] != "*" || b.Protocol.AssignID[0] != "mesh" {
		t.Error("a change in one default configuration shows in another")
	}
}

// problemsOf returns the texts of Validate's errors, which must all be
// *KeyError.
func problemsOf(t *testing.T, c host.Config) []string {
	t.Helper()
	err := c.Validate()
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("%v is not joined", err)
	}
	var texts []string
	for _, err := range joined.Unwrap() {
		var k *host.KeyError
		if !errors.As(err, &k) || k.Key == "" || k.Problem == "" {
			t.Errorf("%v names no key", err)
		}
		texts = append(texts, err.Error())
	}
	return texts
}

func TestValidateRefuses(t *testing.T) {
	t.Parallel()
	plugin := func(name string, change func(*host.PluginConfig)) func(*host.Config) {
		return func(c *host.Config) {
			p := c.Plugins.Defaults
			change(&p)
			c.Plugins.Named = map[string]host.PluginConfig{name: p}
		}
	}
	unchanged := func(*host.PluginConfig) {}
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		change func(*host.Config)
		want   string
	}{
		{"listen without port", func(c *host.Config) { c.Listen = "localhost" }, `listen: "localhost" is no address`},
		{"listen empty", func(c *host.Config) { c.Listen = "" }, `listen: "" is no address`},
		{"listen port too large", func(c *host.Config) { c.Listen = ":65536" }, `listen: ":65536" has no valid port`},
		{"listen named port", func(c *host.Config) { c.Listen = ":http" }, `listen: ":http" has no valid port`},
		{"admin port negative", func(c *host.Config) { c.Admin.Listen = "[::1]:-1" }, "admin.listen: "},
		{"one address for both", func(c *host.Config) { c.Admin.Listen = c.Listen }, "admin.listen: \":8080\" is the address of listen too"},
		{"log level", func(c *host.Config) { c.Log.Level = "INFO" }, `log.level: "INFO" is not known: one of "debug", "info", "warn", "error"`},
		{"log format", func(c *host.Config) { c.Log.Format = "xml" }, `log.format: "xml" is not known: one of "text", "json"`},
		{"grace negative", func(c *host.Config) { c.Shutdown.Grace = -time.Second }, "shutdown.grace: -1s is negative"},
		{"handshake timeout 0", func(c *host.Config) { c.Handshake.Timeout = 0 }, "handshake.timeout: it must be above 0"},
		{"handshake timeout negative", func(c *host.Config) { c.Handshake.Timeout = -1 }, "handshake.timeout: -1ns is negative"},
		{"header size small", func(c *host.Config) { c.Handshake.HeaderSize = 100 }, "handshake.header_size: 100 is too small: at least 1KiB"},
		{"header size large", func(c *host.Config) { c.Handshake.HeaderSize = host.GiB }, "handshake.header_size: 1GiB is too large: at most 1MiB"},
		{"required plugin's name", func(c *host.Config) { c.Auth.Require = []string{"a b"} }, `auth.require: "a b" is no plugin name`},
		{"required plugin reserved", func(c *host.Config) { c.Auth.Require = []string{"dir"} }, `auth.require: "dir" cannot be a plugin's name`},
		{"message size 0", func(c *host.Config) { c.Limits.MessageSize = 0 }, "limits.message_size: 0 is too small: at least 1"},
		{"message size negative", func(c *host.Config) { c.Limits.MessageSize = -host.KiB }, "limits.message_size: -1KiB is too small"},
		{"message size large", func(c *host.Config) { c.Limits.MessageSize = 2 * host.GiB }, "limits.message_size: 2GiB is too large: at most 1GiB"},
		{"bad frames negative", func(c *host.Config) { c.Limits.BadFrames = -1 }, "limits.bad_frames: -1 is too small: at least 0"},
		{"no commands", func(c *host.Config) { c.Limits.CommandsInFlight = 0 }, "limits.commands_in_flight: 0 is too small: at least 1"},
		{"too many commands", func(c *host.Config) { c.Limits.CommandsInFlight = 65_537 }, "limits.commands_in_flight: 65537 is too large: at most 65536"},
		{"outbox 0", func(c *host.Config) { c.Limits.Outbox = 0 }, "limits.outbox: "},
		{"reply size 0", func(c *host.Config) { c.Limits.ReplySize = 0 }, "limits.reply_size: "},
		{"metadata size 1", func(c *host.Config) { c.Limits.MetadataSize = 1 }, "limits.metadata_size: "},
		{"no connections", func(c *host.Config) { c.Limits.Connections = 0 }, "limits.connections: "},
		{"no subscriptions", func(c *host.Config) { c.Limits.Subscriptions = 0 }, "limits.subscriptions: 0 is too small: at least 1"},
		{"many subscriptions", func(c *host.Config) { c.Limits.Subscriptions = 1_000_001 }, "limits.subscriptions: 1000001 is too large"},
		{"no rooms", func(c *host.Config) { c.Limits.Rooms = 0 }, "limits.rooms: "},
		{"many rooms", func(c *host.Config) { c.Limits.Rooms = 1_000_001 }, "limits.rooms: "},
		{"presence state small", func(c *host.Config) { c.Limits.PresenceState = 1 }, "limits.presence_state: 1 is too small: at least 2"},
		{"presence state large", func(c *host.Config) { c.Limits.PresenceState = host.MiB + 1 }, "limits.presence_state: "},
		{"room metadata small", func(c *host.Config) { c.Limits.RoomMetadata = 0 }, "limits.room_metadata: 0 is too small: at least 1KiB"},
		{"record size small", func(c *host.Config) { c.Limits.RecordSize = 1 }, "limits.record_size: 1 is too small: at least 2"},
		{"record size large", func(c *host.Config) {
			c.Limits.RecordSize, c.Limits.ReplySize = 64*host.MiB+1, host.GiB
		}, "limits.record_size: 67108865 is too large: at most 64MiB"},
		{"record larger than a reply", func(c *host.Config) { c.Limits.RecordSize = 4 * host.MiB }, "limits.record_size: 4MiB does not fit into a reply: at most limits.reply_size (4MiB) less 1KiB"},
		{"reply smaller than a record", func(c *host.Config) { c.Limits.ReplySize = 512 }, "limits.record_size: 1MiB does not fit into a reply: at most limits.reply_size (512) less 1KiB"},
		{"records size small", func(c *host.Config) { c.Limits.RecordsSize = 1023 }, "limits.records_size: 1023 is too small: at least 1KiB"},
		{"records size large", func(c *host.Config) { c.Limits.RecordsSize = host.TiB + 1 }, "limits.records_size: 1099511627777 is too large: at most 1TiB"},
		{"record patches negative", func(c *host.Config) { c.Limits.RecordPatches = -1 }, "limits.record_patches: -1 is too small: at least 0"},
		{"many record patches", func(c *host.Config) { c.Limits.RecordPatches = 10_001 }, "limits.record_patches: 10001 is too large: at most 10000"},
		{"no tombstone", func(c *host.Config) { c.Limits.RecordTombstone = 0 }, "limits.record_tombstone: 0s is too short: at least 1s"},
		{"tombstone negative", func(c *host.Config) { c.Limits.RecordTombstone = -time.Second }, "limits.record_tombstone: -1s is too short: at least 1s"},
		{"tombstone long", func(c *host.Config) { c.Limits.RecordTombstone = 87_601 * time.Hour }, "limits.record_tombstone: 87601h0m0s is too long: at most 87600h"},
		{"no collections", func(c *host.Config) { c.Limits.Collections = 0 }, "limits.collections: 0 is too small: at least 1"},
		{"many collections", func(c *host.Config) { c.Limits.Collections = 100_001 }, "limits.collections: 100001 is too large: at most 100000"},
		{"no collection records", func(c *host.Config) { c.Limits.CollectionRecords = 0 }, "limits.collection_records: 0 is too small: at least 1"},
		{"many collection records", func(c *host.Config) { c.Limits.CollectionRecords = 1_000_001 }, "limits.collection_records: 1000001 is too large: at most 1000000"},
		{"no transaction", func(c *host.Config) { c.Limits.Transaction = 0 }, "limits.transaction: 0 is too small: at least 1"},
		{"long transaction", func(c *host.Config) { c.Limits.Transaction = 1001 }, "limits.transaction: 1001 is too large: at most 1000"},
		{"store is served", func(c *host.Config) { c.Store.Path, c.Static.Dir = "./page", "page/" }, `store.path: "./page" lies in static.dir ("page/"), whose files everyone may read`},
		{"store among the served", func(c *host.Config) { c.Store.Path, c.Static.Dir = "/srv/page/.data", "/srv/page" }, `store.path: "/srv/page/.data" lies in static.dir ("/srv/page")`},
		{"store among the served, the one absolute", func(c *host.Config) { c.Store.Path, c.Static.Dir = filepath.Join(here, "page/data"), "page" }, `lies in static.dir ("page")`},
		{"store among the served, the other absolute", func(c *host.Config) { c.Store.Path, c.Static.Dir = "page/data", here }, `store.path: "page/data" lies in static.dir (`},
		{"history size small", func(c *host.Config) { c.Limits.HistorySize = 0 }, "limits.history_size: 0 is too small: at least 1KiB"},
		{"no hooks", func(c *host.Config) { c.Limits.Hooks = 0 }, "limits.hooks: "},
		{"many hooks", func(c *host.Config) { c.Limits.Hooks = 1<<24 + 1 }, "limits.hooks: "},
		{"ping interval tiny", func(c *host.Config) { c.Liveness.PingInterval = time.Millisecond }, "liveness.ping_interval: 1ms is too short: at least 10ms, or 0"},
		{"latency interval negative", func(c *host.Config) { c.Liveness.LatencyInterval = -1 }, "liveness.latency_interval: "},
		{"missed pongs negative", func(c *host.Config) { c.Liveness.MaxMissedPongs = -1 }, "liveness.max_missed_pongs: "},
		{"close timeout 0", func(c *host.Config) { c.Liveness.CloseTimeout = 0 }, "liveness.close_timeout: "},
		{"unknown dialect", func(c *host.Config) { c.Protocol.AssignID = []string{"mesh", "rx"} }, `protocol.assign_id: "rx" is not known: one of "mesh", "rt"`},
		{"dialect twice", func(c *host.Config) { c.Protocol.AssignID = []string{"rt", "rt"} }, `protocol.assign_id: "rt" is listed twice`},
		{"no plugin folder", func(c *host.Config) { c.Plugins.Dir = "" }, "plugins.dir: it is empty"},
		{"settle negative", func(c *host.Config) { c.Plugins.Settle = -1 }, "plugins.settle: "},
		{"settle long", func(c *host.Config) { c.Plugins.Settle = time.Hour }, "plugins.settle: 1h0m0s is too long"},
		{"settings for all", func(c *host.Config) { c.Plugins.Defaults.Config = []byte("{}") }, "plugins.defaults.config: "},
		{"bad default", func(c *host.Config) { c.Plugins.Defaults.Mode = "" }, `plugins.defaults.mode: "" is not known: one of "pool", "single"`},
		{"plugin named with a dot", plugin("a.b", unchanged), `plugins.a.b: "a.b" is no plugin name`},
		{"plugin named with 65 bytes", plugin(strings.Repeat("x", 65), unchanged), "is no plugin name"},
		{"plugin named defaults", plugin("defaults", unchanged), `plugins.defaults: "defaults" cannot be a plugin's name: plugins.defaults is a key of its own`},
		{"plugin named settle", plugin("settle", unchanged), `plugins.settle: "settle" cannot be`},
		{"deadline 0", plugin("p", func(p *host.PluginConfig) { p.Deadline = 0 }), "plugins.p.deadline: it must be above 0"},
		{"fuel negative", plugin("p", func(p *host.PluginConfig) { p.Fuel = -1 }), "plugins.p.fuel: -1 is too small: at least 0"},
		{"no call depth", plugin("p", func(p *host.PluginConfig) { p.CallDepth = 0 }), "plugins.p.call_depth: 0 is too small: at least 1"},
		{"call depth large", plugin("p", func(p *host.PluginConfig) { p.CallDepth = 1_000_001 }), "plugins.p.call_depth: 1000001 is too large"},
		{"memory small", plugin("p", func(p *host.PluginConfig) { p.Memory = 1000 }), "plugins.p.memory: 1000 is too small: at least 64KiB"},
		{"memory in half pages", plugin("p", func(p *host.PluginConfig) { p.Memory = 96 * host.KiB }), "plugins.p.memory: 96KiB is not a multiple of 64KiB"},
		{"memory large", plugin("p", func(p *host.PluginConfig) { p.Memory = 5 * host.GiB }), "plugins.p.memory: 5GiB is too large: at most 4GiB"},
		{"no instances", plugin("p", func(p *host.PluginConfig) { p.Instances = 0 }), "plugins.p.instances: "},
		{"many instances", plugin("p", func(p *host.PluginConfig) { p.Instances = 10_001 }), "plugins.p.instances: 10001 is too large"},
		{"mode", plugin("p", func(p *host.PluginConfig) { p.Mode = "solo" }), `plugins.p.mode: "solo" is not known`},
		{"output 0", plugin("p", func(p *host.PluginConfig) { p.Output = 0 }), "plugins.p.output: "},
		{"log rate negative", plugin("p", func(p *host.PluginConfig) { p.LogRate = -1 }), "plugins.p.log_rate: "},
		{"kv size negative", plugin("p", func(p *host.PluginConfig) { p.KVSize = -1 }), "plugins.p.kv_size: "},
		{"nothing in flight", plugin("p", func(p *host.PluginConfig) { p.CallsInFlight = 0 }), "plugins.p.calls_in_flight: 0 is too small: at least 1"},
		{"no host calls", plugin("p", func(p *host.PluginConfig) { p.HostCalls = 0 }), "plugins.p.host_calls: 0 is too small: at least 1"},
		{"breaker negative", plugin("p", func(p *host.PluginConfig) { p.Breaker = -1 }), "plugins.p.breaker: -1 is too small"},
		{"unknown capability", plugin("p", func(p *host.PluginConfig) { p.Capabilities = []string{"kv", "record"} }), `plugins.p.capabilities: "record": "record" is no capability: one of channels.publish`},
		{"operation for a capability", plugin("p", func(p *host.PluginConfig) { p.Capabilities = []string{"records.set"} }), `"records.set" is an operation: its capability is "records.write"`},
		{"capability twice", plugin("p", func(p *host.PluginConfig) { p.Capabilities = []string{"kv", "kv"} }), `plugins.p.capabilities: "kv" is listed twice`},
		{"everything and more", plugin("p", func(p *host.PluginConfig) { p.Capabilities = []string{"*", "kv"} }), `plugins.p.capabilities: "*" is everything`},
		{"bad pattern", plugin("p", func(p *host.PluginConfig) { p.Capabilities = []string{"records.write:/(/"} }), "plugins.p.capabilities: \"records.write:/(/\": error parsing regexp: missing closing )"},
		{"http as a capability", plugin("p", func(p *host.PluginConfig) { p.Capabilities = []string{"http"} }), "plugins.p.capabilities: \"http\": it is granted by the key http"},
		{"10,000 grants", plugin("p", func(p *host.PluginConfig) { p.Capabilities = make([]string, 10_000) }), "plugins.p.capabilities: it has 10000 elements: at most 1024"},
		{"heavy expressions", plugin("p", func(p *host.PluginConfig) {
			p.Capabilities = nil
			for i := range 500 {
				p.Capabilities = append(p.Capabilities, fmt.Sprintf("records.write:/(%d.*x){50}/", i))
			}
		}), "plugins.p.capabilities: the expressions are too large together"},
		{"no origin", plugin("p", func(p *host.PluginConfig) { p.HTTP = []string{"example.com"} }), `plugins.p.http: "example.com": it is no origin: write "https://api.example.com"`},
		{"any origin", plugin("p", func(p *host.PluginConfig) { p.HTTP = []string{"*"} }), `plugins.p.http: "*": not every address can be allowed`},
		{"no network", plugin("p", func(p *host.PluginConfig) { p.HTTPNetworks = []string{"10.0.0.1"} }), `plugins.p.http_networks: "10.0.0.1": write a network as "10.0.0.0/8"`},
		{"network with bits", plugin("p", func(p *host.PluginConfig) { p.HTTPNetworks = []string{"10.0.0.1/8"} }), "write 10.0.0.0/8"},
		{"no HTTP timeout", plugin("p", func(p *host.PluginConfig) { p.HTTPTimeout = 0 }), "plugins.p.http_timeout: "},
		{"HTTP size", plugin("p", func(p *host.PluginConfig) { p.HTTPSize = host.GiB }), "plugins.p.http_size: "},
		{"origin with a path", plugin("p", func(p *host.PluginConfig) { p.HTTP = []string{"https://example.com/v1"} }), `plugins.p.http: "https://example.com/v1": an origin ends with its host or port`},
		{"settings no object", plugin("p", func(p *host.PluginConfig) { p.Config = []byte("[1]") }), "plugins.p.config: it is not a JSON object"},
		{"settings broken", plugin("p", func(p *host.PluginConfig) { p.Config = []byte(`{"a":`) }), "plugins.p.config: it is not a JSON object"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := host.Default()
			tt.change(&c)
			got := problemsOf(t, c)
			if len(got) != 1 || !strings.Contains(got[0], tt.want) {
				t.Errorf("Validate() = %q, want one problem with %q", got, tt.want)
			}
		})
	}
}

func TestValidateAllows(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*host.Config){
		"free ports":              func(c *host.Config) { c.Listen, c.Admin.Listen = ":0", "localhost:0" },
		"IPv6":                    func(c *host.Config) { c.Listen = "[::1]:80" },
		"no pings":                func(c *host.Config) { c.Liveness.PingInterval = 0 },
		"no latency measurements": func(c *host.Config) { c.Liveness.LatencyInterval = 0 },
		"no grace":                func(c *host.Config) { c.Shutdown.Grace = 0 },
		"no settling":             func(c *host.Config) { c.Plugins.Settle = 0 },
		"no bad frame":            func(c *host.Config) { c.Limits.BadFrames = 0 },
		"no origins":              func(c *host.Config) { c.Handshake.Origins = nil },
		"no dialects":             func(c *host.Config) { c.Protocol.AssignID = nil },
		"largest records": func(c *host.Config) {
			c.Limits.ReplySize, c.Limits.RecordSize = 64*host.MiB+host.KiB, 64*host.MiB
		},
		"smallest records": func(c *host.Config) {
			c.Limits.ReplySize, c.Limits.RecordSize = host.KiB+2, 2
		},
		"no patches":            func(c *host.Config) { c.Limits.RecordPatches = 0 },
		"most patches":          func(c *host.Config) { c.Limits.RecordPatches = 10_000 },
		"shortest tombstone":    func(c *host.Config) { c.Limits.RecordTombstone = time.Second },
		"longest tombstone":     func(c *host.Config) { c.Limits.RecordTombstone = 87_600 * time.Hour },
		"store beside the page": func(c *host.Config) { c.Store.Path, c.Static.Dir = "page-data", "page" },
		"store above the page":  func(c *host.Config) { c.Store.Path, c.Static.Dir = "/srv", "/srv/page" },
		"store elsewhere":       func(c *host.Config) { c.Store.Path, c.Static.Dir = "/var/lib/mesh", "page" },
		"no cache":              func(c *host.Config) { c.Plugins.CacheDir = host.CacheOff },
		"no logs, no kv":        func(c *host.Config) { c.Plugins.Defaults.LogRate, c.Plugins.Defaults.KVSize = 0, 0 },
		"no fuel":               func(c *host.Config) { c.Plugins.Defaults.Fuel = 0 },
		"all of memory":         func(c *host.Config) { c.Plugins.Defaults.Memory = 4 * host.GiB },
		"a plugin": func(c *host.Config) {
			p := c.Plugins.Defaults
			p.Config = json.RawMessage(" {}")
			c.Plugins.Named = map[string]host.PluginConfig{"My-plugin_2": p}
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := host.Default()
			change(&c)
			if err := c.Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestValidateNamesAllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	got := problemsOf(t, host.Config{Protocol: host.ProtocolConfig{AssignID: []string{"x", "y"}}})
	var keys []string
	for _, text := range got {
		key, _, _ := strings.Cut(text, ":")
		keys = append(keys, key)
	}
	want := "listen node.lease admin.listen admin.listen log.level log.format redis.prefix redis.pool redis.connect_timeout redis.timeout handshake.timeout handshake.header_size " +
		"limits.message_size limits.commands_in_flight limits.outbox limits.reply_size limits.metadata_size limits.connections " +
		"limits.subscriptions limits.rooms limits.presence_state limits.room_metadata limits.history_size " +
		"limits.record_size limits.records_size limits.record_tombstone limits.collections limits.collection_records limits.transaction limits.hooks " +
		"liveness.close_timeout protocol.assign_id protocol.assign_id plugins.dir " +
		"plugins.defaults.deadline plugins.defaults.call_depth plugins.defaults.memory plugins.defaults.instances plugins.defaults.calls_in_flight plugins.defaults.host_calls plugins.defaults.http_timeout plugins.defaults.http_size plugins.defaults.mode plugins.defaults.output"
	if strings.Join(keys, " ") != want {
		t.Errorf("Validate() names\n%s, want\n%s", strings.Join(keys, " "), want)
	}
}

func TestBadDefaultIsReportedOnce(t *testing.T) {
	t.Parallel()
	c := host.Default()
	c.Plugins.Defaults.Memory = 1
	own := c.Plugins.Defaults
	own.Memory = 2
	c.Plugins.Named = map[string]host.PluginConfig{"heir": c.Plugins.Defaults, "own": own}
	got := problemsOf(t, c)
	want := []string{
		"plugins.defaults.memory: 1 is too small: at least 64KiB",
		"plugins.own.memory: 2 is too small: at least 64KiB",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("Validate() = %q, want %q", got, want)
	}
}

func TestValidateOrigins(t *testing.T) {
	t.Parallel()
	tests := []struct {
		origin string
		want   string // part of the problem, "" for none
	}{
		{"*", ""},
		{"https://app.example.com", ""},
		{"https://*.example.com", ""},
		{"http://localhost:3000", ""},
		{"http://127.0.0.1", ""},
		{"http://[::1]:8080", ""},
		{"https://*.example.com:8443", ""},
		{"capacitor://localhost", ""},
		{"", "write"},
		{"null", "write"},
		{"example.com", "write"},
		{"https://", "write"},
		{"://example.com", "write"},
		{"https://example.com/", "nothing behind it"},
		{"https://example.com/app", "nothing behind it"},
		{"https://example.com?x", "nothing behind it"},
		{"https://example.com?", "nothing behind it"},
		{"https://example.com#", "nothing behind it"},
		{"https://user@example.com", "nothing behind it"},
		{"https://Example.com", "lower case"},
		{"https://bücher.example", "punycode"},
		{"https://example.com ", "punycode"},
		{"https://*", "stands alone"},
		{"https://app.*.com", "stands alone"},
		{"https://*.*.com", "stands alone"},
		{"https://*example.com", "stands alone"},
		{"https://*.", "not scheme://host"},
		{"*://example.com", "not scheme://host"},
		{"https://example.com:", "port is missing"},
		{"https://example.com:0", "not a port"},
		{"https://example.com:65536", "not a port"},
		{"https://example.com:*", "not scheme://host"},
		{"https://example.com:443", "default port"},
		{"http://example.com:80", "default port"},
		{"http://example.com:443", ""},
	}
	for _, tt := range tests {
		t.Run(tt.origin, func(t *testing.T) {
			t.Parallel()
			c := host.Default()
			c.Handshake.Origins = []string{"*", tt.origin}
			got := strings.Join(problemsOf(t, c), "\n")
			switch {
			case tt.want == "" && got != "":
				t.Errorf("refused: %s", got)
			case tt.want != "" && (!strings.HasPrefix(got, "handshake.origins: ") || !strings.Contains(got, tt.want)):
				t.Errorf("Validate() = %q, want a problem with %q", got, tt.want)
			}
		})
	}
}

func TestPluginsFor(t *testing.T) {
	t.Parallel()
	c := host.Default().Plugins
	c.Named = map[string]host.PluginConfig{"auth": {Instances: 3}}
	if got := c.For("auth").Instances; got != 3 {
		t.Errorf("For(auth) has %d instances, want its own 3", got)
	}
	if got := c.For("Auth").Instances; got != 32 {
		t.Errorf("For(Auth) has %d instances, want the default 32", got)
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text    string
		size    host.Size
		written string // "" if as text
	}{
		{"0", 0, ""},
		{"1", 1, ""},
		{"1000", 1000, ""},
		{"1023", 1023, ""},
		{"1024", 1024, "1KiB"},
		{"64KiB", 65_536, ""},
		{"65KiB", 66_560, ""},
		{"1024KiB", host.MiB, "1MiB"},
		{"16MiB", 16 << 20, ""},
		{"4GiB", 4 << 30, ""},
		{"1TiB", host.TiB, ""},
		{"-1KiB", -1024, ""},
		{"-9223372036854775808", math.MinInt64, "-8388608TiB"},
		{"8388607TiB", 8_388_607 << 40, ""},
		{"0MiB", 0, "0"},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			t.Parallel()
			var s host.Size
			if err := s.UnmarshalText([]byte(tt.text)); err != nil || s != tt.size {
				t.Fatalf("UnmarshalText = %d, %v, want %d", s, err, tt.size)
			}
			want := tt.written
			if want == "" {
				want = tt.text
			}
			if got, err := s.MarshalText(); err != nil || string(got) != want {
				t.Errorf("MarshalText = %s, %v, want %s", got, err, want)
			}
		})
	}
}

func TestSizeRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", " ", "KiB", "1 KiB", "1KB", "1MB", "1M", "1kib", "1.5MiB", "0x10", "1e3", "1_000", "--1", "1KiBKiB",
		"9223372036854775808", "8388608TiB", "-8388609TiB",
	} {
		s := host.Size(7)
		if err := s.UnmarshalText([]byte(text)); err == nil || s != 7 {
			t.Errorf("UnmarshalText(%q) = %d, %v, want an error and nothing changed", text, s, err)
		}
	}
}

func FuzzSize(f *testing.F) {
	f.Add("64KiB")
	f.Add("-8388608TiB")
	f.Fuzz(func(t *testing.T, text string) {
		var s, again host.Size
		if s.UnmarshalText([]byte(text)) != nil {
			return
		}
		if err := again.UnmarshalText([]byte(s.String())); err != nil || again != s {
			t.Errorf("%q reads as %d, is written %q and reads as %d, %v", text, s, s, again, err)
		}
	})
}
