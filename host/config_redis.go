package host

import (
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/mesh-host/mesh-host/host/protocol"
)

// RedisConfig is the Redis that the nodes of a cluster share. Without a URL and
// without Addresses this node is alone.
type RedisConfig struct {
	// URL is one address with what goes with it, "redis://user:password@host:port/0";
	// rediss:// is with TLS. The port is 6379 and the database Database where it
	// has none. What it says must not be said by another key too. It excludes
	// Addresses and StoreConfig.Path. Default "".
	URL URL `toml:"url"`
	// Addresses are "host:port": the server, the Sentinels, or some nodes of the
	// Cluster; the rest is asked for. They exclude URL and StoreConfig.Path.
	// Default none.
	Addresses []string `toml:"addresses"`
	// Mode says what is there: "standalone", "sentinel" or "cluster"; "" is
	// standalone. Default "standalone".
	Mode string `toml:"mode"`
	// Master is what the Sentinels call the set; mode sentinel needs it, and no
	// other knows it. Default "".
	Master string `toml:"master"`
	// User and Password are for the servers. Default "".
	User     string `toml:"user"`
	Password Secret `toml:"password"`
	// SentinelUser and SentinelPassword are for the Sentinels. Default "".
	SentinelUser     string `toml:"sentinel_user"`
	SentinelPassword Secret `toml:"sentinel_password"`
	// Database is the number of one, 0 to 65535; a Cluster has only 0. Default 0.
	Database int `toml:"database"`
	// Prefix begins the names of all keys and channels, so that several clusters
	// share one Redis: 1 to 64 printable ASCII characters without spaces and
	// braces, the same on all nodes. Default "mesh:".
	Prefix string `toml:"prefix"`
	// Pool bounds the connections to each server for requests, which share
	// them, 1 to 1000; a few more are for what the server tells. Default 8.
	Pool int `toml:"pool"`
	// ConnectTimeout bounds making a connection, 10ms to 1m. Default 1s.
	ConnectTimeout time.Duration `toml:"connect_timeout"`
	// Timeout bounds one round trip, 10ms to 1m. Default 1s.
	Timeout time.Duration `toml:"timeout"`
	// Flush is how long a request may wait for others to share its round trip,
	// 0 to 10ms; 0 waits only while one is under way. Default 0.
	Flush time.Duration `toml:"flush"`
	// WaitReplicas is how many replicas must have a record's version before it is
	// acknowledged, 0 to 16. Default 0.
	WaitReplicas int `toml:"wait_replicas"`
	// TLS is last: its keys are a table of their own.
	TLS RedisTLSConfig `toml:"tls"`
}

// RedisTLSConfig is how to speak TLS with Redis.
type RedisTLSConfig struct {
	// Enabled has all connections use TLS, 1.2 or newer, as rediss:// does.
	// Default false.
	Enabled bool `toml:"enabled"`
	// CAFile holds the certificates, PEM, that the servers' are checked with; ""
	// is those of the system. Default "".
	CAFile string `toml:"ca_file"`
	// CertFile and KeyFile are this node's certificate and its key, PEM, for
	// servers that ask for one. Default "".
	CertFile string `toml:"cert_file"`
	KeyFile  string `toml:"key_file"`
	// ServerName is the name that the servers' certificates must be for; "" is
	// the host of each address. Default "".
	ServerName string `toml:"server_name"`
	// InsecureSkipVerify takes any certificate: whoever can come between reads
	// and changes everything. For tests. Default false.
	InsecureSkipVerify bool `toml:"insecure_skip_verify"`
}

// Used says whether there is a Redis.
func (c *RedisConfig) Used() bool { return c.URL != "" || len(c.Addresses) > 0 }

// URL is an address whose user and password do not show where a Config is
// printed, logged or encoded: "***" does. string(u) is the address itself.
type URL string

var (
	_ fmt.GoStringer = URL("")
	_ slog.LogValuer = URL("")
)

// String returns the address with "***" for user and password. It takes all up to
// the last "@" for them: passwords are often not escaped as they should be. So is
// what follows a "?", where other programs take passwords.
func (u URL) String() string {
	scheme, rest, ok := strings.Cut(string(u), "://")
	if !ok {
		return string(u)
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = "***" + rest[at:]
	}
	if address, _, has := strings.Cut(rest, "?"); has {
		rest = address + "?***"
	}
	return scheme + "://" + rest
}

// GoString is String in quotes, for %#v.
func (u URL) GoString() string { return strconv.Quote(u.String()) }

// LogValue is String for slog.
func (u URL) LogValue() slog.Value { return slog.StringValue(u.String()) }

// MarshalText is String for encoders, such as encoding/json.
func (u URL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// The kinds of Redis.
const (
	redisStandalone = "standalone"
	redisSentinel   = "sentinel"
	redisCluster    = "cluster"
)

// minRedisTimeout and maxRedisTimeout bound what a node waits for Redis.
const minRedisTimeout, maxRedisTimeout = 10 * time.Millisecond, time.Minute

func (p *problems) redis(c *Config) {
	r := &c.Redis
	p.redisAddress(c)
	if r.Mode != "" {
		p.oneOf("redis.mode", r.Mode, redisStandalone, redisSentinel, redisCluster)
	}
	p.redisMode(r)
	p.number("redis.database", r.Database, 0, 65_535)
	if !isPrefix(r.Prefix) {
		p.add("redis.prefix", "%q is no prefix: 1 to 64 printable ASCII characters without spaces, '{' and '}'", r.Prefix)
	}
	p.number("redis.pool", r.Pool, 1, 1000)
	p.span("redis.connect_timeout", r.ConnectTimeout, minRedisTimeout, maxRedisTimeout)
	p.span("redis.timeout", r.Timeout, minRedisTimeout, maxRedisTimeout)
	p.span("redis.flush", r.Flush, 0, 10*time.Millisecond)
	p.number("redis.wait_replicas", r.WaitReplicas, 0, 16)
	switch t := &r.TLS; {
	case *t != (RedisTLSConfig{}) && r.Used() && !r.encrypted():
		p.add("redis.tls.enabled", "it is not set, and other keys of redis.tls are: all would be said in the clear; set it, or write rediss:// in redis.url")
	case t.CertFile != "" && t.KeyFile == "":
		p.add("redis.tls.key_file", "it is missing: redis.tls.cert_file needs the key that belongs to it")
	case t.CertFile == "" && t.KeyFile != "":
		p.add("redis.tls.cert_file", "it is missing: redis.tls.key_file needs the certificate that belongs to it")
	}
}

// redisAddress checks where Redis is, and what cannot go with one.
func (p *problems) redisAddress(c *Config) {
	r := &c.Redis
	key := "redis.addresses"
	if r.URL != "" {
		key = "redis.url"
		p.redisURL(r)
	}
	if r.URL != "" && len(r.Addresses) > 0 {
		p.add("redis.addresses", "redis.url says where Redis is already: keep one of the two")
	}
	for i, address := range r.Addresses {
		p.redisHost(element("redis.addresses", i), address)
	}
	if r.Used() && c.Store.Path != "" {
		p.add("store.path", "%s is set too, and what is kept is then kept by Redis, for all nodes: a folder of this node would be another truth; keep one of the two", key)
	}
}

func (p *problems) redisHost(key, address string) {
	host, port, err := net.SplitHostPort(address)
	switch n, wrong := strconv.ParseUint(port, 10, 16); {
	case strings.Contains(address, "@") || strings.Contains(address, "://"):
		p.add(key, `it is a URL and must be "host:port": redis.url takes one, or redis.user and redis.password`)
	case err != nil || host == "":
		p.add(key, `%q is no address: write "host:port"`, address)
	case wrong != nil || n == 0:
		p.add(key, "%q has no valid port: 1 to 65535", address)
	}
}

// redisURL does not show what it refuses, save the parts that are no secret.
func (p *problems) redisURL(r *RedisConfig) {
	const key = "redis.url"
	parts, err := r.parts()
	switch {
	case err != nil && strings.Contains(string(r.URL), "://"):
		p.add(key, "%q %s", r.URL, err)
		return
	case err != nil: // what is no URL may hold a password anywhere
		p.add(key, "it %s", err)
		return
	}
	const twice = "redis.url has one already: keep one of the two"
	if parts.user != "" && r.User != "" {
		p.add("redis.user", twice)
	}
	if parts.password != "" && r.Password != "" {
		p.add("redis.password", twice)
	}
	if parts.database != 0 && r.Database != 0 {
		p.add("redis.database", twice)
	}
	if parts.database != 0 && r.Mode == redisCluster {
		p.add(key, "it names database %d: a Cluster has only 0", parts.database)
	}
}

// redisMode checks what depends on the mode.
func (p *problems) redisMode(r *RedisConfig) {
	sentinel, cluster := r.Mode == redisSentinel, r.Mode == redisCluster
	if (sentinel || cluster) && !r.Used() {
		p.add("redis.mode", "%q needs redis.addresses", r.Mode)
	}
	switch {
	case sentinel && r.Master == "":
		p.add("redis.master", "it is missing: what the Sentinels call the set, as in their sentinel monitor <name> …")
	case !sentinel && r.Master != "":
		p.add("redis.master", `it is for redis.mode = "sentinel"`)
	}
	if len(r.Addresses) > 1 && (r.Mode == "" || r.Mode == redisStandalone) {
		p.add("redis.addresses", `there are %d, and one server stands alone: set redis.mode to "sentinel" or "cluster", or keep one`, len(r.Addresses))
	}
	if cluster && r.Database != 0 {
		p.add("redis.database", "%d is not there: a Cluster has only 0", r.Database)
	}
}

// maxPrefix is the longest prefix, in bytes.
const maxPrefix = 64

// isPrefix tells whether keys can begin with a text: braces would decide on their
// hash slots.
func isPrefix(text string) bool {
	return text != "" && len(text) <= maxPrefix && protocol.IsASCII(text) && !strings.ContainsAny(text, "{}")
}

// redisParts is what a URL says.
type redisParts struct {
	address, user, password string
	database                int
	tls                     bool
}

// encrypted says whether connections use TLS.
func (c *RedisConfig) encrypted() bool {
	return c.TLS.Enabled || strings.HasPrefix(strings.ToLower(string(c.URL)), "rediss:")
}

// parts takes the URL apart. The error is the end of a sentence.
func (c *RedisConfig) parts() (redisParts, error) {
	const like = `write redis://user:password@host:6379/0, or rediss://… for TLS`
	u, err := url.Parse(string(c.URL))
	switch {
	case err != nil:
		return redisParts{}, fmt.Errorf("is no URL: %s; in passwords '%%', '/', '?' and '#' are written as %%25, %%2F, %%3F and %%23", like)
	case u.Scheme != "redis" && u.Scheme != "rediss":
		return redisParts{}, fmt.Errorf("is no URL of a Redis: %s", like)
	case u.Hostname() == "" || u.Opaque != "":
		return redisParts{}, fmt.Errorf("names no host: %s", like)
	case u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return redisParts{}, fmt.Errorf("has more than an address, user, password and database: the rest are keys of [redis]")
	}
	parts := redisParts{address: u.Host, user: u.User.Username(), tls: u.Scheme == "rediss"}
	parts.password, _ = u.User.Password()
	switch n, err := strconv.ParseUint(u.Port(), 10, 16); {
	case u.Port() == "":
		parts.address = net.JoinHostPort(u.Hostname(), "6379")
	case err != nil || n == 0:
		return redisParts{}, fmt.Errorf("has no valid port: 1 to 65535")
	}
	if path := strings.TrimPrefix(u.Path, "/"); path != "" {
		n, err := strconv.ParseUint(path, 10, 16)
		if err != nil {
			return redisParts{}, fmt.Errorf("names no database: a number after the address, as in redis://host:6379/0")
		}
		parts.database = int(n)
	}
	return parts, nil
}

// span checks a duration with two bounds.
func (p *problems) span(key string, d, least, most time.Duration) {
	switch {
	case d < least:
		p.add(key, "%s is too short: at least %s", d, least)
	case d > most:
		p.add(key, "%s is too long: at most %s", d, most)
	}
}
