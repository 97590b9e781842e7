package host

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// RecordConfig opens the records that Pattern matches. An entry that is not
// Writable, or has a Guard, says who may read; a Writable one without a Guard
// lets everyone read the records that no other entry says it of. One that says
// who may read and one that says who may write may have the same pattern.
type RecordConfig struct {
	Pattern string `toml:"pattern"`
	// Guard is asked for a subscription, also to a collection that has the
	// record.
	Guard string `toml:"guard"`
	// Writable lets clients write; WriteGuard, which needs it, says which.
	Writable   bool   `toml:"writable"`
	WriteGuard string `toml:"write_guard"`
	// TTL is how long a record is kept after its last write, 1s to 87600h (ten
	// years); 0 is for good. The first pattern that matches decides on it and on
	// SlowConsumer.
	TTL          time.Duration `toml:"ttl"`
	SlowConsumer SlowConsumer  `toml:"slow_consumer"`
}

// CollectionConfig opens the collections that Pattern matches: each is the
// records of Records that pass Filter, in the order of Sort, the first Limit of
// them.
type CollectionConfig struct {
	Pattern string `toml:"pattern"`
	// Guard is asked for a subscription; each record's own is asked as well.
	Guard string `toml:"guard"`
	// Records is at least one pattern of records.
	Records PatternList `toml:"records"`
	// Filter is what values must have; none lets all pass.
	Filter Filter `toml:"filter"`
	// Sort is the path of a member, as in Filter, to order by; a "-" before it
	// turns the order round. "" and "-" are by id.
	Sort string `toml:"sort"`
	// Limit is the most records, 1 to 1000; 0 is 100.
	Limit int `toml:"limit"`
}

// PatternList is patterns of which any may match.
type PatternList []string

// Filter says by the path of a member what a value must have there: JSON text of
// a string, a number, a boolean or null, or of a list of 1 to 100 of those that
// pass. At most 16 paths of up to 256 bytes, values of up to 1024.
//
// A path is the names of members from the outside in with dots between them,
// "place.board"; a backslash before a dot, a minus or a backslash makes it a
// part of a name. A string may refer to what the groups of the pattern's
// expression have captured, $1 and ${name}; $$ is a dollar sign.
type Filter map[string]json.RawMessage

// paths are the filter's paths in a fixed order.
func (f Filter) paths() []string { return slices.Sorted(maps.Keys(f)) }

func (p *problems) records(all []RecordConfig) {
	read, write := recordRole{}, recordRole{}
	for i := range all {
		e, key := &all[i], element("records", i)
		if p.patternText(key+".pattern", e.Pattern) {
			p.recordRoles(all, i, read, write)
		}
		p.guard(key+".guard", e.Guard)
		p.guard(key+".write_guard", e.WriteGuard)
		if e.WriteGuard != "" && !e.Writable {
			p.add(key+".write_guard", "it has nothing to guard: writable is not true")
		}
		p.ttl(key+".ttl", e.TTL)
		p.slowConsumer(key, e.SlowConsumer)
	}
}

// recordRole holds, by pattern, the place of the entry that says who may read,
// or who may write.
type recordRole map[string]int

// recordRoles refuses what an entry says and an earlier one of the same pattern
// has said already.
func (p *problems) recordRoles(all []RecordConfig, i int, read, write recordRole) {
	e, key := &all[i], element("records", i)
	reader, isRead := read[e.Pattern]
	writer, isWritten := write[e.Pattern]
	reads := !e.Writable || e.Guard != ""
	switch {
	case isRead && reads:
		p.add(key+".pattern", "who may read %q is said by %s already", e.Pattern, element("records", reader))
	case isWritten && e.Writable:
		p.add(key+".pattern", "who may write %q is said by %s already", e.Pattern, element("records", writer))
	case isRead:
		p.asSaidBefore(key, e, reader, &all[reader])
	case isWritten:
		p.asSaidBefore(key, e, writer, &all[writer])
	}
	if reads && !isRead {
		read[e.Pattern] = i
	}
	if e.Writable && !isWritten {
		write[e.Pattern] = i
	}
}

// asSaidBefore refuses what a second entry says of all its records otherwise
// than the first one of the same pattern.
func (p *problems) asSaidBefore(key string, e *RecordConfig, place int, first *RecordConfig) {
	const problem = "%s has the same pattern and decides: say it there"
	if e.TTL != 0 && e.TTL != first.TTL {
		p.add(key+".ttl", problem, element("records", place))
	}
	if e.SlowConsumer != "" && policy(e.SlowConsumer) != policy(first.SlowConsumer) {
		p.add(key+".slow_consumer", problem, element("records", place))
	}
}

func (p *problems) collections(all []CollectionConfig) {
	seen := patterns{}
	for i := range all {
		e, key := &all[i], element("collections", i)
		p.pattern(key, e.Pattern, seen)
		p.guard(key+".guard", e.Guard)
		p.patternList(key+".records", e.Records)
		p.filter(key+".filter", e)
		if _, err := exposure.ParseSort(e.Sort); err != nil {
			p.add(key+".sort", "%q is no order: %s", protocol.CutText(e.Sort, exposure.MaxPath), err)
		}
		p.number(key+".limit", e.Limit, 0, exposure.MaxCollection)
	}
}

func (p *problems) filter(key string, c *CollectionConfig) {
	if n := len(c.Filter); n > exposure.MaxConditions {
		p.add(key, "it has %d conditions: at most %d", n, exposure.MaxConditions)
		return
	}
	of, unparsed := exposure.Parse(c.Pattern)
	for _, path := range c.Filter.paths() {
		condition, err := exposure.ParseCondition(path, c.Filter[path])
		if err == nil && unparsed == nil {
			err = condition.Check(of)
		}
		if err != nil {
			p.add(key, "%q: %s", protocol.CutText(path, exposure.MaxPath), err)
		}
	}
}

func (p *problems) patternList(key string, list PatternList) {
	if len(list) == 0 {
		p.add(key, "it is missing: a pattern of records, or a list of them")
	}
	for i, pattern := range list {
		if p.patternText(key, pattern) && slices.Contains(list[:i], pattern) {
			p.add(key, "%q is listed twice", pattern)
		}
	}
}
