package plugin

import (
	"fmt"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// exposuresOf turns what a plugin registers into exposures; plugin is its name.
// The error says what is wrong with them.
func exposuresOf(r *abi.Registration, plugin string) (exposure.Set, error) {
	x := exposing{plugin: plugin, guards: make(map[string]bool, len(r.Guards))}
	for _, g := range r.Guards {
		x.guards[g.Name] = true
	}
	x.of("the registration", r.MetadataGuard)
	var set exposure.Set
	for i, c := range r.Channels {
		set.Channels = append(set.Channels, x.channel(fmt.Sprintf("channels[%d]", i), c))
	}
	for i, p := range r.Presence {
		set.Presence = append(set.Presence, x.presence(fmt.Sprintf("presence[%d]", i), p))
	}
	for i, room := range r.Rooms {
		set.Rooms = append(set.Rooms, x.room(fmt.Sprintf("rooms[%d]", i), room))
	}
	for i, r := range r.Records {
		set.Records = append(set.Records, x.record(fmt.Sprintf("records[%d]", i), r))
	}
	for i, c := range r.Collections {
		set.Collections = append(set.Collections, x.collection(i, c))
	}
	return set, x.err
}

// exposing turns the exposures of one plugin; the first error stays.
type exposing struct {
	plugin string
	guards map[string]bool
	err    error
}

func (x *exposing) fail(where, problem string, args ...any) {
	if x.err == nil {
		x.err = fmt.Errorf("%s: "+problem, append([]any{where}, args...)...)
	}
}

func (x *exposing) channel(where string, c abi.ChannelExposure) exposure.Channel {
	made := exposure.Channel{
		Pattern: x.pattern(where, c.Pattern), Guard: x.of(where, c.Guard),
		Publish: c.Publish, PublishGuard: x.of(where, c.PublishGuard),
		History: c.History, HistoryTTL: x.duration(where, "historyTtl", c.HistoryTTL, exposure.DefaultHistoryTTL),
		SlowConsumer: x.policy(where, c.SlowConsumer), Source: x.plugin,
	}
	if c.History < 0 || c.History > exposure.MaxHistory {
		x.fail(where, "history is %d, not 0 to %d", c.History, exposure.MaxHistory)
	}
	if c.PublishGuard != "" && !c.Publish {
		x.fail(where, "publishGuard means nothing without publish")
	}
	return made
}

func (x *exposing) presence(where string, p abi.PresenceExposure) exposure.Presence {
	return exposure.Presence{
		Pattern: x.pattern(where, p.Pattern), TTL: x.duration(where, "ttl", p.TTL, 0), Guard: x.of(where, p.Guard),
		SlowConsumer: x.policy(where, p.SlowConsumer), Source: x.plugin,
	}
}

func (x *exposing) room(where string, r abi.RoomExposure) exposure.Room {
	return exposure.Room{
		Pattern: x.pattern(where, r.Pattern), Guard: x.of(where, r.Guard), MetadataGuard: x.of(where, r.MetadataGuard),
		Source: x.plugin,
	}
}

func (x *exposing) record(where string, r abi.RecordExposure) exposure.Record {
	if r.WriteGuard != "" && !r.Writable {
		x.fail(where, "writeGuard means nothing without writable")
	}
	return exposure.Record{
		Pattern: x.pattern(where, r.Pattern), Guard: x.of(where, r.Guard),
		Writable: r.Writable, WriteGuard: x.of(where, r.WriteGuard),
		TTL: x.duration(where, "ttl", r.TTL, 0), SlowConsumer: x.policy(where, r.SlowConsumer), Source: x.plugin,
	}
}

func (x *exposing) collection(i int, c abi.CollectionExposure) exposure.Collection {
	where := fmt.Sprintf("collections[%d]", i)
	made := exposure.Collection{
		Pattern: x.pattern(where, c.Pattern), Guard: x.of(where, c.Guard),
		Resolver: resolverName(x.plugin, i), Shared: c.Shared, Limit: c.Limit, Source: x.plugin,
	}
	for _, text := range c.Records {
		made.Records = append(made.Records, x.pattern(where, text))
	}
	if c.Limit < 0 || c.Limit > exposure.MaxCollection {
		x.fail(where, "limit is %d, not 0 to %d", c.Limit, exposure.MaxCollection)
	}
	if c.Limit == 0 {
		made.Limit = exposure.DefaultCollection
	}
	return made
}

// resolverName is what the resolver of a plugin's i-th collection is called.
func resolverName(plugin string, i int) string { return fmt.Sprintf("%s.%d", plugin, i) }

func (x *exposing) pattern(where, text string) exposure.Pattern {
	p, err := exposure.Parse(text)
	if err != nil {
		x.fail(where, "pattern %q: %w", protocol.CutText(text, protocol.MaxName), err)
	}
	return p
}

// of returns the full name of one of the plugin's own guards.
func (x *exposing) of(where, guard string) string {
	if guard == "" {
		return ""
	}
	if !x.guards[guard] {
		x.fail(where, "names guard %q, which the plugin does not register", protocol.CutText(guard, protocol.MaxName))
	}
	return guardName(x.plugin, guard)
}

func guardName(plugin, guard string) string { return plugin + "." + guard }

// duration reads a duration; an empty one and "0" are otherwise.
func (x *exposing) duration(where, field, text string, otherwise time.Duration) time.Duration {
	if text == "" {
		return otherwise
	}
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		x.fail(where, "%s: %w", field, err)
	case d == 0:
		return otherwise
	case d < exposure.MinTTL:
		x.fail(where, "%s is %s, less than %s", field, d, exposure.MinTTL)
	case d > engine.MaxTTL:
		x.fail(where, "%s is %s, more than %s", field, d, engine.MaxTTL)
	}
	return d
}

func (x *exposing) policy(where, text string) hub.Policy {
	p, ok := exposure.ParsePolicy(text)
	if !ok {
		x.fail(where, "slowConsumer is %q, not disconnect, drop or conflate", protocol.CutText(text, protocol.MaxName))
	}
	return p
}
