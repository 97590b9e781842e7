package host

import (
	"time"

	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/hub"
)

// fromConfig is the source of exposures that no plugin has registered.
const fromConfig = "config"

// exposed turns the configured exposures, which are valid, into those that the
// server uses.
func (c *Config) exposed() exposure.Set {
	var set exposure.Set
	for _, e := range c.Channels {
		set.Channels = append(set.Channels, exposure.Channel{
			Pattern: pattern(e.Pattern), Guard: e.Guard, Publish: e.Publish, PublishGuard: e.PublishGuard,
			History: e.History, HistoryTTL: historyTTL(e.HistoryTTL),
			SlowConsumer: policy(e.SlowConsumer), Source: fromConfig,
		})
	}
	for _, e := range c.Presence {
		set.Presence = append(set.Presence, exposure.Presence{
			Pattern: pattern(e.Pattern), TTL: e.TTL, Guard: e.Guard,
			SlowConsumer: policy(e.SlowConsumer), Source: fromConfig,
		})
	}
	for _, e := range c.Rooms {
		set.Rooms = append(set.Rooms, exposure.Room{
			Pattern: pattern(e.Pattern), Guard: e.Guard, MetadataGuard: e.MetadataGuard, Source: fromConfig,
		})
	}
	for _, e := range c.Records {
		set.Records = append(set.Records, exposure.Record{
			Pattern: pattern(e.Pattern), Guard: e.Guard, Writable: e.Writable, WriteGuard: e.WriteGuard,
			TTL: e.TTL, SlowConsumer: policy(e.SlowConsumer), Source: fromConfig,
		})
	}
	for _, e := range c.Collections {
		set.Collections = append(set.Collections, collection(&e))
	}
	return set
}

func collection(e *CollectionConfig) exposure.Collection {
	c := exposure.Collection{Pattern: pattern(e.Pattern), Guard: e.Guard, Limit: e.Limit, Source: fromConfig}
	if c.Limit == 0 {
		c.Limit = exposure.DefaultCollection
	}
	for _, text := range e.Records {
		c.Records = append(c.Records, pattern(text))
	}
	for _, path := range e.Filter.paths() {
		condition, _ := exposure.ParseCondition(path, e.Filter[path]) // Validate has read it
		c.Filter = append(c.Filter, condition)
	}
	c.Sort, _ = exposure.ParseSort(e.Sort)
	return c
}

func pattern(text string) exposure.Pattern {
	p, _ := exposure.Parse(text) // Validate has read it
	return p
}

func policy(s SlowConsumer) hub.Policy {
	p, _ := exposure.ParsePolicy(string(s))
	return p
}

func historyTTL(d time.Duration) time.Duration {
	if d == 0 {
		return exposure.DefaultHistoryTTL
	}
	return d
}
