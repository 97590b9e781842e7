package host_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host"
)

func TestValidateRedis(t *testing.T) {
	t.Parallel()
	url := func(u host.URL) func(*host.Config) { return func(c *host.Config) { c.Redis.URL = u } }
	addresses := func(a ...string) func(*host.Config) { return func(c *host.Config) { c.Redis.Addresses = a } }
	redis := func(change func(*host.RedisConfig)) func(*host.Config) {
		return func(c *host.Config) {
			c.Redis.Addresses = []string{"a:1"}
			change(&c.Redis)
		}
	}
	for name, tt := range map[string]struct {
		change func(*host.Config)
		want   string // "" is valid
	}{
		"a URL":                    {url("redis://cache"), ""},
		"with all":                 {url("rediss://:p%40ss@[::1]:6380/15"), ""},
		"an address":               {addresses("[::1]:65535"), ""},
		"addresses":                {func(c *host.Config) { c.Redis.Addresses, c.Redis.Mode = []string{"a:1", "[::1]:65535"}, "cluster" }, ""},
		"several that stand alone": {addresses("a:1", "b:1"), `redis.addresses: there are 2, and one server stands alone: set redis.mode`},
		"a path":                   {url("/run/redis.sock"), `redis.url: it is no URL of a Redis: write redis://user:password@host:6379/0`},
		"http":                     {url("http://cache:80"), `redis.url: "http://cache:80" is no URL of a Redis`},
		"only host and port":       {url("cache:6379"), "redis.url: it is no URL of a Redis"},
		"no scheme":                {url("u:hidden@cache:6379"), "redis.url: it is no URL of a Redis"},
		"no host":                  {url("redis://:6379"), `redis.url: "redis://:6379" names no host`},
		"opaque":                   {url("redis:cache"), "redis.url: it names no host"},
		"port 0":                   {url("redis://cache:0"), `redis.url: "redis://cache:0" has no valid port`},
		"large port":               {url("redis://cache:65536"), `redis.url: "redis://cache:65536" has no valid port`},
		"port in words":            {url("redis://u:hidden@cache:x"), `redis.url: "redis://***@cache:x" is no URL`},
		"database in words":        {url("redis://u:hidden@cache/cats"), `redis.url: "redis://***@cache/cats" names no database`},
		"options":                  {url("redis://cache?pool_size=3"), `redis.url: "redis://cache?***" has more than`},
		"a password as option":     {url("redis://cache?password=hidden"), `redis.url: "redis://cache?***" has more than`},
		"unescaped password":       {url("redis://u:hid/den@cache"), `redis.url: "redis://***@cache" is no URL`},
		"unescaped percent":        {url("redis://u:hidden%zz@cache"), `redis.url: "redis://***@cache" is no URL`},
		"two users":                {func(c *host.Config) { c.Redis.URL, c.Redis.User = "redis://u@cache", "v" }, "redis.user: redis.url has one already"},
		"two passwords":            {func(c *host.Config) { c.Redis.URL, c.Redis.Password = "redis://u:hidden@cache", "hidden" }, "redis.password: redis.url has one already"},
		"password beside it":       {func(c *host.Config) { c.Redis.URL, c.Redis.Password = "redis://u@cache", "hidden" }, ""},
		"two databases":            {func(c *host.Config) { c.Redis.URL, c.Redis.Database = "redis://cache/1", 2 }, "redis.database: redis.url has one already"},
		"both":                     {func(c *host.Config) { c.Redis.URL, c.Redis.Addresses = "redis://a", []string{"b:1"} }, "redis.addresses: redis.url says where Redis is already: keep one of the two"},
		"and a store":              {func(c *host.Config) { c.Redis.URL, c.Store.Path = "redis://a", "data" }, "store.path: redis.url is set too, and what is kept is then kept by Redis"},
		"addresses and a store":    {func(c *host.Config) { c.Redis.Addresses, c.Store.Path = []string{"a:1"}, "data" }, "store.path: redis.addresses is set too"},
		"no port":                  {addresses("b"), `redis.addresses[0]: "b" is no address: write "host:port"`},
		"no host but a port":       {addresses(":6379"), `redis.addresses[0]: ":6379" is no address`},
		"a named port":             {addresses("a:redis"), `redis.addresses[0]: "a:redis" has no valid port: 1 to 65535`},
		"a URL in the list":        {addresses("redis://u:hidden@a:1"), `redis.addresses[0]: it is a URL and must be "host:port"`},
		"no mode":                  {redis(func(r *host.RedisConfig) { r.Mode = "" }), ""},
		"mode":                     {redis(func(r *host.RedisConfig) { r.Mode = "Cluster" }), `redis.mode: "Cluster" is not known: one of "standalone", "sentinel", "cluster"`},
		"cluster of nothing":       {func(c *host.Config) { c.Redis.Mode = "cluster" }, `redis.mode: "cluster" needs redis.addresses`},
		"cluster":                  {redis(func(r *host.RedisConfig) { r.Mode = "cluster" }), ""},
		"cluster's database":       {redis(func(r *host.RedisConfig) { r.Mode, r.Database = "cluster", 1 }), "redis.database: 1 is not there: a Cluster has only 0"},
		"cluster's, in the URL":    {func(c *host.Config) { c.Redis.URL, c.Redis.Mode = "redis://a/3", "cluster" }, "redis.url: it names database 3: a Cluster has only 0"},
		"sentinel":                 {redis(func(r *host.RedisConfig) { r.Mode, r.Master = "sentinel", "m" }), ""},
		"sentinel without master":  {redis(func(r *host.RedisConfig) { r.Mode = "sentinel" }), "redis.master: it is missing"},
		"master without sentinel":  {redis(func(r *host.RedisConfig) { r.Master = "m" }), `redis.master: it is for redis.mode = "sentinel"`},
		"database":                 {redis(func(r *host.RedisConfig) { r.Database = -1 }), "redis.database: -1 is too small"},
		"no prefix":                {redis(func(r *host.RedisConfig) { r.Prefix = "" }), `redis.prefix: "" is no prefix: 1 to 64 printable ASCII characters`},
		"longest prefix":           {redis(func(r *host.RedisConfig) { r.Prefix = strings.Repeat("~", 64) }), ""},
		"long prefix":              {redis(func(r *host.RedisConfig) { r.Prefix = strings.Repeat("~", 65) }), "redis.prefix: "},
		"prefix with a tag":        {redis(func(r *host.RedisConfig) { r.Prefix = "{a}" }), `redis.prefix: "{a}" is no prefix`},
		"prefix with a space":      {redis(func(r *host.RedisConfig) { r.Prefix = "a b" }), "redis.prefix: "},
		"prefix beyond ASCII":      {redis(func(r *host.RedisConfig) { r.Prefix = "ä:" }), "redis.prefix: "},
		"no pool":                  {redis(func(r *host.RedisConfig) { r.Pool = 0 }), "redis.pool: 0 is too small"},
		"large pool":               {redis(func(r *host.RedisConfig) { r.Pool = 1001 }), "redis.pool: 1001 is too large"},
		"connecting for ever":      {redis(func(r *host.RedisConfig) { r.ConnectTimeout = 2 * time.Minute }), "redis.connect_timeout: 2m0s is too long: at most 1m0s"},
		"no time":                  {redis(func(r *host.RedisConfig) { r.Timeout = 0 }), "redis.timeout: 0s is too short: at least 10ms"},
		"slow flush":               {redis(func(r *host.RedisConfig) { r.Flush = 11 * time.Millisecond }), "redis.flush: 11ms is too long: at most 10ms"},
		"negative flush":           {redis(func(r *host.RedisConfig) { r.Flush = -1 }), "redis.flush: -1ns is too short"},
		"replicas":                 {redis(func(r *host.RedisConfig) { r.WaitReplicas = 17 }), "redis.wait_replicas: 17 is too large"},
		"TLS that is not used":     {redis(func(r *host.RedisConfig) { r.TLS.CAFile = "c" }), "redis.tls.enabled: it is not set, and other keys of redis.tls are"},
		"TLS by the URL":           {func(c *host.Config) { c.Redis.URL, c.Redis.TLS.CAFile = "rediss://a", "c" }, ""},
		"a certificate alone":      {redis(func(r *host.RedisConfig) { r.TLS.Enabled, r.TLS.CertFile = true, "c" }), "redis.tls.key_file: it is missing"},
		"a key alone":              {redis(func(r *host.RedisConfig) { r.TLS.Enabled, r.TLS.KeyFile = true, "k" }), "redis.tls.cert_file: it is missing"},
		"short lease":              {func(c *host.Config) { c.Node.Lease = 999 * time.Millisecond }, "node.lease: 999ms is too short: at least 1s"},
		"long lease":               {func(c *host.Config) { c.Node.Lease = 301 * time.Second }, "node.lease: 5m1s is too long: at most 5m0s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := host.Default()
			tt.change(&c)
			got := strings.Join(problemsOf(t, c), "\n")
			if !strings.HasPrefix(got, tt.want) || (tt.want == "") != (got == "") || strings.Contains(got, "\n") {
				t.Errorf("the problems are %q, want %q", got, tt.want)
			}
			if strings.Contains(got, "hid") {
				t.Errorf("a secret shows: %s", got)
			}
		})
	}
}

func TestURLDoesNotShowSecrets(t *testing.T) {
	t.Parallel()
	for u, want := range map[host.URL]string{
		"":                                "",
		"redis://cache:1/2":               "redis://cache:1/2",
		"redis://u:p@cache:1/2":           "redis://***@cache:1/2",
		"redis://:p@ss@/w@cache":          "redis://***@cache",
		"cache":                           "cache",
		"no scheme u:p@cache":             "no scheme u:p@cache",
		"redis://u:p@first,u:p@second:26": "redis://***@second:26",
	} {
		encoded, err := json.Marshal(u)
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range []string{u.String(), fmt.Sprint(u), u.LogValue().String()} {
			if got != want {
				t.Errorf("%q shows as %q, want %q", string(u), got, want)
			}
		}
		if quoted := `"` + want + `"`; fmt.Sprintf("%#v", u) != quoted || string(encoded) != quoted {
			t.Errorf("%q shows as %#v and %s", string(u), u, encoded)
		}
	}
}
