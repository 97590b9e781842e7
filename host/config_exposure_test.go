package host_test

import (
	"strings"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host"
)

func TestValidateExposures(t *testing.T) {
	t.Parallel()
	channel := func(change func(*host.ChannelConfig)) func(*host.Config) {
		return func(c *host.Config) {
			e := host.ChannelConfig{Pattern: "news"}
			change(&e)
			c.Channels = []host.ChannelConfig{{Pattern: "other"}, e}
		}
	}
	pattern := func(p string) func(*host.Config) {
		return channel(func(c *host.ChannelConfig) { c.Pattern = p })
	}
	guard := func(g string) func(*host.Config) {
		return channel(func(c *host.ChannelConfig) { c.Guard = g })
	}
	presence := func(e host.PresenceConfig) func(*host.Config) {
		return func(c *host.Config) { c.Presence = []host.PresenceConfig{e} }
	}
	room := func(e ...host.RoomConfig) func(*host.Config) {
		return func(c *host.Config) { c.Rooms = e }
	}
	for _, tt := range []struct {
		name   string
		change func(*host.Config)
		want   string // "" allows
	}{
		{"a name", pattern("news"), ""},
		{"a name of 256 bytes", pattern(strings.Repeat("é", 128)), ""},
		{"a name with slashes", pattern("/news"), ""},
		{"an expression", pattern(`/^chat:(a|b)+$/`), ""},
		{"no pattern", pattern(""), `channels[1].pattern: it is missing: a name, or an expression between slashes`},
		{"a name of 257 bytes", pattern(strings.Repeat("x", 257)), `channels[1].pattern: "` + strings.Repeat("x", 256) + `" is no pattern: name is longer than 256 bytes`},
		{"control character", pattern("a\nb"), `channels[1].pattern: "a\nb" is no pattern: name has a control character`},
		{"broken UTF-8", pattern("\xff"), `channels[1].pattern: "\xff" is no pattern: `},
		{"broken expression", pattern("/a(/"), `channels[1].pattern: "/a(/" is no pattern: error parsing regexp`},
		{"no RE2", pattern("/(?=a)/"), `channels[1].pattern: "/(?=a)/" is no pattern: `},
		{"twice", pattern("other"), `channels[1].pattern: "other" is the pattern of channels[0] already, which decides`},

		{"a guard", guard("auth-2.is member."), ""},
		{"guard without plugin", guard("member"), `channels[1].guard: "member" is no guard: write "<plugin>.<guard>"`},
		{"guard of nobody", guard(".member"), `channels[1].guard: ".member" is no guard`},
		{"plugin without guard", guard("auth."), `channels[1].guard: "auth." is no guard`},
		{"guard's plugin", guard("a b.member"), `channels[1].guard: "a b" is no plugin name`},
		{"guard's plugin reserved", guard("defaults.member"), `channels[1].guard: "defaults" cannot be a plugin's name`},
		{"guard's name", guard("auth.a\tb"), `channels[1].guard: "auth.a\tb" is no guard: name has a control character`},

		{"publish", channel(func(c *host.ChannelConfig) { c.Publish, c.PublishGuard = true, "a.b" }), ""},
		{"guard of no publish", channel(func(c *host.ChannelConfig) { c.PublishGuard = "a.b" }), "channels[1].publish_guard: it has nothing to guard: publish is not true"},
		{"publish guard", channel(func(c *host.ChannelConfig) { c.Publish, c.PublishGuard = true, "b" }), `channels[1].publish_guard: "b" is no guard`},
		{"history", channel(func(c *host.ChannelConfig) { c.History, c.HistoryTTL = 100_000, 87_600*time.Hour }), ""},
		{"short history", channel(func(c *host.ChannelConfig) { c.History, c.HistoryTTL = 1, time.Second }), ""},
		{"history negative", channel(func(c *host.ChannelConfig) { c.History = -1 }), "channels[1].history: -1 is too small: at least 0"},
		{"history long", channel(func(c *host.ChannelConfig) { c.History = 100_001 }), "channels[1].history: 100001 is too large: at most 100000"},
		{"TTL short", channel(func(c *host.ChannelConfig) { c.HistoryTTL = time.Millisecond }), "channels[1].history_ttl: 1ms is too short: at least 1s, or 0"},
		{"TTL negative", channel(func(c *host.ChannelConfig) { c.HistoryTTL = -time.Second }), "channels[1].history_ttl: -1s is too short"},
		{"TTL long", channel(func(c *host.ChannelConfig) { c.HistoryTTL = 87_600*time.Hour + 1 }), "channels[1].history_ttl: 87600h0m0.000000001s is too long: at most 87600h"},
		{"drop", channel(func(c *host.ChannelConfig) { c.SlowConsumer = host.SlowDrop }), ""},
		{"slow consumer", channel(func(c *host.ChannelConfig) { c.SlowConsumer = "wait" }), `channels[1].slow_consumer: "wait" is not known: one of "disconnect", "drop", "conflate"`},

		{"presence", presence(host.PresenceConfig{Pattern: "/./", TTL: time.Second, Guard: "a.b", SlowConsumer: host.SlowConflate}), ""},
		{"presence without pattern", presence(host.PresenceConfig{}), "presence[0].pattern: it is missing"},
		{"presence TTL", presence(host.PresenceConfig{Pattern: "a", TTL: 1}), "presence[0].ttl: 1ns is too short"},
		{"presence guard", presence(host.PresenceConfig{Pattern: "a", Guard: "a"}), "presence[0].guard: "},
		{"presence slow consumer", presence(host.PresenceConfig{Pattern: "a", SlowConsumer: "x"}), "presence[0].slow_consumer: "},

		{"rooms", room(host.RoomConfig{Pattern: "news"}, host.RoomConfig{Pattern: "b", Guard: "a.b", MetadataGuard: "a.c"}), ""},
		{"room guard", room(host.RoomConfig{Pattern: "a", Guard: "a"}), "rooms[0].guard: "},
		{"room metadata guard", room(host.RoomConfig{Pattern: "a", MetadataGuard: "a"}), "rooms[0].metadata_guard: "},
		{"room twice", room(host.RoomConfig{Pattern: "a"}, host.RoomConfig{Pattern: "b"}, host.RoomConfig{Pattern: "a"}), `rooms[2].pattern: "a" is the pattern of rooms[0]`},

		{"metadata", func(c *host.Config) {
			c.Metadata = host.MetadataConfig{ClientWritable: []string{"name", "a b"}, Guard: "a.b"}
		}, ""},
		{"all metadata", func(c *host.Config) { c.Metadata.ClientWritable = []string{"*"} }, ""},
		{"all metadata and more", func(c *host.Config) { c.Metadata.ClientWritable = []string{"a", "*"} }, `metadata.client_writable: "*" is every key: it stands alone`},
		{"metadata twice", func(c *host.Config) { c.Metadata.ClientWritable = []string{"a", "a"} }, `metadata.client_writable: "a" is listed twice`},
		{"metadata of no name", func(c *host.Config) { c.Metadata.ClientWritable = []string{""} }, `metadata.client_writable: "": name is empty`},
		{"metadata guard", func(c *host.Config) { c.Metadata.Guard = "x" }, "metadata.guard: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := host.Default()
			tt.change(&c)
			switch got := problemsOf(t, c); {
			case tt.want == "" && len(got) > 0:
				t.Errorf("Validate() = %q", got)
			case tt.want != "" && (len(got) != 1 || !strings.HasPrefix(got[0], tt.want)):
				t.Errorf("Validate() = %q, want one problem that starts with %q", got, tt.want)
			}
		})
	}
}
