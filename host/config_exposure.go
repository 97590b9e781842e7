package host

import (
	"fmt"
	"strings"
	"time"

	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// A Pattern below is a name, 1 to 256 bytes without control characters, or a
// regular expression in RE2 syntax between slashes, "/^chat:.+$/", that must
// match the whole name. A guard is a plugin's, "<plugin>.<guard>"; "" lets
// everyone pass, and one that is not there refuses everyone. No two elements
// of a list may have one pattern; of records see RecordConfig.

// SlowConsumer says what becomes of pushes that do not fit into a slow
// client's outbox.
type SlowConsumer string

// The ways with slow consumers; "" is SlowDisconnect.
const (
	// SlowDisconnect closes the session with 4100.
	SlowDisconnect SlowConsumer = "disconnect"
	// SlowDrop skips the pushes, and tells the client with a gap push as soon
	// as there is room.
	SlowDrop SlowConsumer = "drop"
	// SlowConflate keeps only the newest push of what replaces the one before.
	SlowConflate SlowConsumer = "conflate"
)

// ChannelConfig opens the channels that Pattern matches to subscribers.
type ChannelConfig struct {
	Pattern string `toml:"pattern"`
	// Guard is asked for a subscription and for the history.
	Guard string `toml:"guard"`
	// Publish lets clients publish; PublishGuard, which needs it, says which.
	Publish      bool   `toml:"publish"`
	PublishGuard string `toml:"publish_guard"`
	// History is how many messages are kept, 0 (none) to 100000.
	History int `toml:"history"`
	// HistoryTTL is how long they are kept, 1s to 87600h (ten years); 0 is 24h.
	HistoryTTL   time.Duration `toml:"history_ttl"`
	SlowConsumer SlowConsumer  `toml:"slow_consumer"`
}

// PresenceConfig tracks the presence of the rooms that Pattern matches.
type PresenceConfig struct {
	Pattern string `toml:"pattern"`
	// TTL is how long a member stays present without a sign of life, 1s to
	// 87600h (ten years); 0 is as long as it is connected.
	TTL time.Duration `toml:"ttl"`
	// Guard is asked whether a connection may be present and see who is.
	Guard        string       `toml:"guard"`
	SlowConsumer SlowConsumer `toml:"slow_consumer"`
}

// RoomConfig puts guards on the rooms that Pattern matches. A room that no
// pattern matches can be joined by everyone.
type RoomConfig struct {
	Pattern string `toml:"pattern"`
	// Guard is asked for joining.
	Guard string `toml:"guard"`
	// MetadataGuard may let those read the room's metadata that are no members.
	MetadataGuard string `toml:"metadata_guard"`
}

func (p *problems) exposures(c *Config) {
	seen := patterns{}
	for i := range c.Channels {
		p.channel(element("channels", i), &c.Channels[i], seen)
	}
	seen = patterns{}
	for i := range c.Presence {
		e, key := &c.Presence[i], element("presence", i)
		p.pattern(key, e.Pattern, seen)
		p.ttl(key+".ttl", e.TTL)
		p.guard(key+".guard", e.Guard)
		p.slowConsumer(key, e.SlowConsumer)
	}
	seen = patterns{}
	for i := range c.Rooms {
		e, key := &c.Rooms[i], element("rooms", i)
		p.pattern(key, e.Pattern, seen)
		p.guard(key+".guard", e.Guard)
		p.guard(key+".metadata_guard", e.MetadataGuard)
	}
	p.records(c.Records)
	p.collections(c.Collections)
}

func (p *problems) channel(key string, c *ChannelConfig, seen patterns) {
	p.pattern(key, c.Pattern, seen)
	p.guard(key+".guard", c.Guard)
	p.guard(key+".publish_guard", c.PublishGuard)
	if c.PublishGuard != "" && !c.Publish {
		p.add(key+".publish_guard", "it has nothing to guard: publish is not true")
	}
	p.number(key+".history", c.History, 0, exposure.MaxHistory)
	p.ttl(key+".history_ttl", c.HistoryTTL)
	p.slowConsumer(key, c.SlowConsumer)
}

// element is the key of a list's element, counted from 0.
func element(list string, i int) string { return fmt.Sprintf("%s[%d]", list, i) }

// patterns holds the patterns of a list, with the key of the element that has
// each.
type patterns map[string]string

// pattern checks the pattern of an element, which those before must not have.
func (p *problems) pattern(key, pattern string, seen patterns) {
	if !p.patternText(key+".pattern", pattern) {
		return
	}
	if first, ok := seen[pattern]; ok {
		p.add(key+".pattern", "%q is the pattern of %s already, which decides", pattern, first)
		return
	}
	seen[pattern] = key
}

// patternText checks a pattern alone, and reports whether it is one.
func (p *problems) patternText(key, pattern string) bool {
	if pattern == "" {
		p.add(key, `it is missing: a name, or an expression between slashes such as "/^chat:.+$/"`)
		return false
	}
	if _, err := exposure.Parse(pattern); err != nil {
		p.add(key, "%q is no pattern: %s", protocol.CutText(pattern, protocol.MaxName), err)
		return false
	}
	return true
}

// guard checks a reference to a plugin's guard; "" is none.
func (p *problems) guard(key, guard string) {
	if guard == "" {
		return
	}
	plugin, name, ok := strings.Cut(guard, ".")
	if !ok || plugin == "" || name == "" {
		p.add(key, `%q is no guard: write "<plugin>.<guard>"`, guard)
		return
	}
	p.pluginName(key, plugin)
	if err := protocol.CheckName(name); err != nil {
		p.add(key, "%q is no guard: %s", protocol.CutText(guard, protocol.MaxName), err)
	}
}

// ttl checks how long something is kept; 0 is the default.
func (p *problems) ttl(key string, ttl time.Duration) {
	switch {
	case ttl == 0:
	case ttl < exposure.MinTTL:
		p.add(key, "%s is too short: at least %s, or 0", ttl, exposure.MinTTL)
	case ttl > engine.MaxTTL:
		p.add(key, "%s is too long: at most 87600h", ttl)
	}
}

func (p *problems) slowConsumer(key string, s SlowConsumer) {
	if s != "" {
		p.oneOf(key+".slow_consumer", string(s), string(SlowDisconnect), string(SlowDrop), string(SlowConflate))
	}
}
