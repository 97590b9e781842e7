package host

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mesh-host/mesh-host/host/admin"
	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// KeyError is one problem of a configuration.
type KeyError struct {
	// Key is the key as in config.toml: "limits.message_size",
	// "plugins.auth.memory", and "channels[2].guard" of a list's element,
	// counted from 0.
	Key string
	// Problem says what is wrong with its value and what is allowed.
	Problem string
}

// Error is the key, a colon and the problem.
func (e *KeyError) Error() string { return e.Key + ": " + e.Problem }

// Validate checks every field and returns all problems joined by errors.Join,
// each a *KeyError, in the order of the fields; nil if there is none. It
// touches neither files nor the network.
func (c *Config) Validate() error {
	var p problems
	p.listeners(c)
	p.token("admin.token", string(c.Admin.Token))
	p.oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	p.oneOf("log.format", c.Log.Format, "text", "json")
	p.duration("shutdown.grace", c.Shutdown.Grace, 0)
	p.store(c)
	p.redis(c)
	p.duration("handshake.timeout", c.Handshake.Timeout, 1)
	p.size("handshake.header_size", c.Handshake.HeaderSize, KiB, MiB)
	p.origins("handshake.origins", c.Handshake.Origins)
	for _, name := range c.Auth.Require {
		p.pluginName("auth.require", name)
	}
	p.limits(&c.Limits)
	p.liveness(&c.Liveness)
	p.dialects("protocol.assign_id", c.Protocol.AssignID)
	p.writable("metadata.client_writable", c.Metadata.ClientWritable)
	p.guard("metadata.guard", c.Metadata.Guard)
	p.exposures(c)
	p.plugins(&c.Plugins)
	return errors.Join(p.found...)
}

// problems collects what Validate finds.
type problems struct{ found []error }

func (p *problems) add(key, format string, args ...any) {
	p.found = append(p.found, &KeyError{Key: key, Problem: fmt.Sprintf(format, args...)})
}

var nodeName = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,128}$`)

func (p *problems) listeners(c *Config) {
	p.address("listen", c.Listen)
	if c.Node.Name != "" && !nodeName.MatchString(c.Node.Name) {
		p.add("node.name", "%q is no node name: 1 to 128 letters, digits, '-', '_', '.' and ':'", c.Node.Name)
	}
	p.span("node.lease", c.Node.Lease, time.Second, 5*time.Minute)
	host, ok := p.address("admin.listen", c.Admin.Listen)
	switch {
	case c.Listen == c.Admin.Listen && !strings.HasSuffix(c.Listen, ":0"):
		p.add("admin.listen", "%q is the address of listen too: the admin API needs its own", c.Listen)
	case ok && c.Admin.Token == "" && !admin.IsLoopback(host):
		p.add("admin.listen", "%q may be reached from other machines: set admin.token, or listen on loopback, such as 127.0.0.1:8081", c.Admin.Listen)
	}
}

// The bounds of a token, in bytes: what is shorter can be guessed, what is
// longer does not fit into every proxy's idea of a header.
const minToken, maxToken = 16, 1024

// token does not show what it refuses.
func (p *problems) token(key, token string) {
	switch {
	case token == "":
	case len(token) < minToken:
		p.add(key, "it is too short: at least %d characters", minToken)
	case len(token) > maxToken:
		p.add(key, "it is too long: at most %d characters", maxToken)
	case !protocol.IsASCII(token):
		p.add(key, "it has a space, a control character or one that is not ASCII: a header cannot carry it")
	}
}

func (p *problems) limits(l *LimitsConfig) {
	p.size("limits.message_size", l.MessageSize, 1, GiB)
	p.number("limits.bad_frames", l.BadFrames, 0, 0)
	p.number("limits.commands_in_flight", l.CommandsInFlight, 1, 65_536)
	p.size("limits.outbox", l.Outbox, 1, GiB)
	p.size("limits.reply_size", l.ReplySize, 1, GiB)
	p.size("limits.metadata_size", l.MetadataSize, 2, GiB)
	p.number("limits.connections", l.Connections, 1, 0)
	p.number("limits.subscriptions", l.Subscriptions, 1, 1_000_000)
	p.number("limits.rooms", l.Rooms, 1, 1_000_000)
	p.size("limits.presence_state", l.PresenceState, 2, MiB)
	p.size("limits.room_metadata", l.RoomMetadata, KiB, TiB)
	p.size("limits.history_size", l.HistorySize, KiB, TiB)
	p.recordLimits(l)
	p.number("limits.hooks", l.Hooks, 1, 1<<24)
}

// recordOverhead is what a reply has beside a record's value, at most, in
// bytes.
const recordOverhead = KiB

func (p *problems) recordLimits(l *LimitsConfig) {
	before := len(p.found)
	p.size("limits.record_size", l.RecordSize, 2, 64*MiB)
	if len(p.found) == before && l.ReplySize >= 1 && l.RecordSize > l.ReplySize-recordOverhead {
		p.add("limits.record_size", "%s does not fit into a reply: at most limits.reply_size (%s) less %s", l.RecordSize, l.ReplySize, recordOverhead)
	}
	p.size("limits.records_size", l.RecordsSize, KiB, TiB)
	p.number("limits.record_patches", l.RecordPatches, 0, 10_000)
	p.period("limits.record_tombstone", l.RecordTombstone, exposure.MinTTL, engine.MaxTTL)
	p.number("limits.collections", l.Collections, 1, 100_000)
	p.number("limits.collection_records", l.CollectionRecords, 1, 1_000_000)
	p.number("limits.transaction", l.Transaction, 1, 1000)
}

// store keeps the store's files from being served.
func (p *problems) store(c *Config) {
	if c.Store.Path == "" || c.Static.Dir == "" {
		return
	}
	if within(c.Static.Dir, c.Store.Path) {
		p.add("store.path", "%q lies in static.dir (%q), whose files everyone may read", c.Store.Path, c.Static.Dir)
	}
}

// within reports whether a path is a folder or lies in it, however the two are
// written.
func within(dir, path string) bool {
	dir, failed := filepath.Abs(dir)
	path, err := filepath.Abs(path)
	if err = errors.Join(failed, err); err == nil {
		path, err = filepath.Rel(dir, path)
	}
	return err == nil && filepath.IsLocal(path)
}

func (p *problems) liveness(l *LivenessConfig) {
	p.interval("liveness.ping_interval", l.PingInterval)
	p.interval("liveness.latency_interval", l.LatencyInterval)
	p.number("liveness.max_missed_pongs", l.MaxMissedPongs, 0, 1000)
	p.duration("liveness.close_timeout", l.CloseTimeout, 1)
}

func (p *problems) plugins(c *PluginsConfig) {
	if c.Dir == "" {
		p.add("plugins.dir", `it is empty: name the folder of the plugins, "." for the working directory`)
	}
	p.duration("plugins.settle", c.Settle, 0)
	if c.Settle > time.Minute {
		p.add("plugins.settle", "%s is too long: at most 1m", c.Settle)
	}
	defaults := pluginProblems("plugins.defaults", &c.Defaults)
	if len(c.Defaults.Config) > 0 {
		p.add("plugins.defaults.config", "settings belong to one plugin: write [plugins.<name>.config]")
	}
	p.found = append(p.found, defaults...)
	for _, name := range slices.Sorted(maps.Keys(c.Named)) {
		named, key := c.Named[name], "plugins."+name
		p.pluginName(key, name)
		for _, err := range pluginProblems(key, &named) {
			if !inherited(err, key, defaults) {
				p.found = append(p.found, err)
			}
		}
		p.settings(key+".config", named.Config)
	}
}

// inherited tells whether err, of the section key, is one of defaults: a bad
// default is reported once, not for every plugin that has it.
func inherited(err error, key string, defaults []error) bool {
	text := strings.TrimPrefix(err.Error(), key)
	return slices.ContainsFunc(defaults, func(d error) bool {
		return strings.TrimPrefix(d.Error(), "plugins.defaults") == text
	})
}

// pluginProblems returns the problems of one section's limits.
func pluginProblems(key string, c *PluginConfig) []error {
	var p problems
	p.duration(key+".deadline", c.Deadline, 1)
	if c.Fuel < 0 {
		p.add(key+".fuel", "%d is too small: at least 0", c.Fuel)
	}
	p.number(key+".call_depth", c.CallDepth, 1, 1_000_000)
	p.size(key+".memory", c.Memory, 64*KiB, 4*GiB)
	if c.Memory >= 64*KiB && c.Memory%(64*KiB) != 0 {
		p.add(key+".memory", "%s is not a multiple of 64KiB, the WebAssembly page", c.Memory)
	}
	p.number(key+".instances", c.Instances, 1, 10_000)
	p.number(key+".calls_in_flight", c.CallsInFlight, 1, 1_000_000)
	p.number(key+".host_calls", c.HostCalls, 1, 1_000_000_000)
	p.number(key+".breaker", c.Breaker, 0, 1_000_000)
	p.access(key, c)
	readEach(&p, key+".http_networks", c.HTTPNetworks, parseNetwork)
	p.duration(key+".http_timeout", c.HTTPTimeout, 1)
	p.size(key+".http_size", c.HTTPSize, 1, 64*MiB)
	p.oneOf(key+".mode", string(c.Mode), string(PluginPool), string(PluginSingle))
	p.size(key+".output", c.Output, 1, GiB)
	p.number(key+".log_rate", c.LogRate, 0, 0)
	p.size(key+".kv_size", c.KVSize, 0, TiB)
	return p.found
}

var pluginName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// reservedNames are the keys that share a table with the plugins' sections.
var reservedNames = []string{"dir", "cache_dir", "settle", "defaults"}

func (p *problems) pluginName(key, name string) {
	switch {
	case !pluginName.MatchString(name):
		p.add(key, "%q is no plugin name: 1 to 64 letters, digits, '-' and '_'", name)
	case slices.Contains(reservedNames, name):
		p.add(key, "%q cannot be a plugin's name: plugins.%s is a key of its own", name, name)
	}
}

func (p *problems) settings(key string, config json.RawMessage) {
	if len(config) == 0 {
		return
	}
	if !json.Valid(config) || !bytes.HasPrefix(bytes.TrimLeft(config, " \t\r\n"), []byte("{")) {
		p.add(key, "it is not a JSON object")
	}
}

func (p *problems) origins(key string, origins []string) {
	for _, origin := range origins {
		if problem := checkOrigin(origin); problem != "" {
			p.add(key, "%q is no origin: %s", origin, problem)
		}
	}
}

func (p *problems) dialects(key string, dialects []string) {
	for i, d := range dialects {
		p.oneOf(key, d, "mesh", "rt")
		if slices.Contains(dialects[:i], d) {
			p.add(key, "%q is listed twice", d)
		}
	}
}

// writable checks a list of metadata's keys.
func (p *problems) writable(key string, keys []string) {
	for i, k := range keys {
		switch err := protocol.CheckName(k); {
		case err != nil:
			p.add(key, "%q: %s", protocol.CutText(k, protocol.MaxName), err)
		case k == "*" && len(keys) > 1:
			p.add(key, `"*" is every key: it stands alone`)
		case slices.Contains(keys[:i], k):
			p.add(key, "%q is listed twice", k)
		}
	}
}

// address returns the host of an address, and whether it is one.
func (p *problems) address(key, address string) (host string, ok bool) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		p.add(key, `%q is no address: write "host:port", or ":port" for every interface`, address)
		return "", false
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		p.add(key, "%q has no valid port: 0 to 65535, where 0 is a free one", address)
		return "", false
	}
	return host, true
}

func (p *problems) oneOf(key, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		p.add(key, `%q is not known: one of "%s"`, value, strings.Join(allowed, `", "`))
	}
}

func (p *problems) duration(key string, d, least time.Duration) {
	switch {
	case d >= least:
	case d < 0:
		p.add(key, "%s is negative", d)
	default:
		p.add(key, `it must be above 0, such as "2s"`)
	}
}

// period checks a time that something is kept for.
func (p *problems) period(key string, d, least, most time.Duration) {
	switch {
	case d < least:
		p.add(key, "%s is too short: at least %s", d, least)
	case d > most:
		p.add(key, "%s is too long: at most %dh", d, most/time.Hour)
	}
}

// interval is a duration that is either off or long enough not to keep the
// server busy with nothing but timers.
func (p *problems) interval(key string, d time.Duration) {
	if d != 0 && d < 10*time.Millisecond {
		p.add(key, "%s is too short: at least 10ms, or 0 to turn it off", d)
	}
}

// number checks least <= n <= most; most 0 is no bound.
func (p *problems) number(key string, n, least, most int) {
	switch {
	case n < least:
		p.add(key, "%d is too small: at least %d", n, least)
	case most > 0 && n > most:
		p.add(key, "%d is too large: at most %d", n, most)
	}
}

func (p *problems) size(key string, s, least, most Size) {
	switch {
	case s < least:
		p.add(key, "%s is too small: at least %s", s, least)
	case s > most:
		p.add(key, "%s is too large: at most %s", s, most)
	}
}
