package mesh

import "strconv"

// Exposures say what clients can reach. A pattern is a name, or a regular
// expression in RE2 syntax between slashes that must match the whole name,
// "/^chat:.+$/". Of all patterns, the operator's before those of plugins, the
// first that matches decides, and its guards alone are asked.

// Channel opens the channels that match a pattern to subscribers; all others
// are closed to clients. Without options everyone may subscribe, nobody but
// plugins and operators publishes, and no message is kept.
func (p *Plugin) Channel(pattern string, options ...ChannelOption) {
	o := Object().Text("pattern", pattern)
	for _, option := range options {
		option.channel(o)
	}
	p.document.channels = append(p.document.channels, o)
}

// Presence has the members of the rooms that match a pattern tracked: clients
// can see who is present and what state each is in. Without options everyone
// may, and a member is present as long as it is connected.
func (p *Plugin) Presence(pattern string, options ...PresenceOption) {
	o := Object().Text("pattern", pattern)
	for _, option := range options {
		option.presence(o)
	}
	p.document.presence = append(p.document.presence, o)
}

// Room puts guards on the rooms that match a pattern; all others can be joined
// by everyone, and their metadata be read by members.
func (p *Plugin) Room(pattern string, options ...RoomOption) {
	o := Object().Text("pattern", pattern)
	for _, option := range options {
		option.room(o)
	}
	p.document.rooms = append(p.document.rooms, o)
}

// Record opens the records that match a pattern; all others are closed to
// clients. Without options everyone may read them, nobody but plugins and
// operators writes, and they last until they are deleted.
//
// Who may read and who may write is decided apart: by the first pattern that is
// Writable for writing, by the first that is not, or is GuardedBy, for reading.
// Where none says who may read, everyone may read what is Writable.
func (p *Plugin) Record(pattern string, options ...RecordOption) {
	o := Object().Text("pattern", pattern)
	for _, option := range options {
		option.record(o)
	}
	p.document.records = append(p.document.records, o)
}

// ChannelOption is GuardedBy, Publishable, PublishableBy, History, HistoryTTL
// or SlowConsumer.
type ChannelOption interface{ channel(*ObjectBuilder) }

// PresenceOption is GuardedBy, TTL or SlowConsumer.
type PresenceOption interface{ presence(*ObjectBuilder) }

// RoomOption is GuardedBy or MetadataGuardedBy.
type RoomOption interface{ room(*ObjectBuilder) }

// RecordOption is GuardedBy, Writable, WritableBy, TTL or SlowConsumer.
type RecordOption interface{ record(*ObjectBuilder) }

// GuardedBy names the plugin's guard that is asked before a client subscribes
// to a channel or reads its history, is present and sees who is, joins a room,
// or subscribes to a record or a collection, as mesh.GuardedBy("members").
type GuardedBy string

func (v GuardedBy) channel(o *ObjectBuilder)  { o.Text("guard", string(v)) }
func (v GuardedBy) presence(o *ObjectBuilder) { o.Text("guard", string(v)) }
func (v GuardedBy) room(o *ObjectBuilder)     { o.Text("guard", string(v)) }
func (v GuardedBy) record(o *ObjectBuilder)   { o.Text("guard", string(v)) }

type publishable struct{}

func (publishable) channel(o *ObjectBuilder) { o.Bool("publish", true) }

// Publishable lets every client publish.
func Publishable() ChannelOption { return publishable{} }

// PublishableBy lets those clients publish whom the plugin's guard of that name
// allows it.
type PublishableBy string

func (v PublishableBy) channel(o *ObjectBuilder) {
	o.Bool("publish", true).Text("publishGuard", string(v))
}

// History is how many messages of a channel are kept, 0 (none) to 100000.
type History int

func (v History) channel(o *ObjectBuilder) { o.Int("history", int64(v)) }

// HistoryTTL is how long a message is kept, as mesh.HistoryTTL(mesh.Hour); 0:
// for a day.
type HistoryTTL Duration

func (v HistoryTTL) channel(o *ObjectBuilder) { duration(o, "historyTtl", Duration(v)) }

type writable struct{}

func (writable) record(o *ObjectBuilder) { o.Bool("writable", true) }

// Writable lets every client write.
func Writable() RecordOption { return writable{} }

// WritableBy lets those clients write whom the plugin's guard of that name allows
// it.
type WritableBy string

func (v WritableBy) record(o *ObjectBuilder) {
	o.Bool("writable", true).Text("writeGuard", string(v))
}

// TTL is how long a member of a room stays present without a sign of life, and a
// record without a write, at least a second; 0: as long as it is connected, and
// for good. As an option of a write it counts until the next one, in the place of
// the pattern's, and may be as short as a millisecond; 0: the pattern's.
type TTL Duration

func (v TTL) presence(o *ObjectBuilder) { duration(o, "ttl", Duration(v)) }
func (v TTL) record(o *ObjectBuilder)   { duration(o, "ttl", Duration(v)) }
func (v TTL) write(t *terms)            { t.ttl = int64(v) }

// SlowConsumer says what happens to a client that reads more slowly than it is
// sent to.
type SlowConsumer string

const (
	// SlowDisconnect closes the connection, with CloseSlowConsumer; the default.
	SlowDisconnect SlowConsumer = "disconnect"
	// SlowDrop leaves pushes of the topic out and tells the client of the gap.
	SlowDrop SlowConsumer = "drop"
	// SlowConflate keeps only the newest of those that replace each other, as
	// the states of presence and the versions of a record do.
	SlowConflate SlowConsumer = "conflate"
)

func (v SlowConsumer) channel(o *ObjectBuilder)  { o.Text("slowConsumer", string(v)) }
func (v SlowConsumer) presence(o *ObjectBuilder) { o.Text("slowConsumer", string(v)) }
func (v SlowConsumer) record(o *ObjectBuilder)   { o.Text("slowConsumer", string(v)) }

// MetadataGuardedBy names the plugin's guard that is asked before a client that
// is no member reads a room's metadata; without one it may not.
type MetadataGuardedBy string

func (v MetadataGuardedBy) room(o *ObjectBuilder) { o.Text("metadataGuard", string(v)) }

// duration adds a duration in its largest whole unit, such as "90s", and
// leaves 0 out.
func duration(o *ObjectBuilder, name string, d Duration) {
	unit, suffix := Millisecond, "ms"
	switch {
	case d == 0:
		return
	case d%Hour == 0:
		unit, suffix = Hour, "h"
	case d%Minute == 0:
		unit, suffix = Minute, "m"
	case d%Second == 0:
		unit, suffix = Second, "s"
	}
	o.Text(name, strconv.FormatInt(int64(d/unit), 10)+suffix)
}
