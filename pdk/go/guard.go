package mesh

import "github.com/mesh-host/mesh-host/pdk/go/internal/codec"

// GuardCall asks whether a connection may have something: its Name is that of
// the channel or room, or the id of the record, collection or other connection,
// that the client wants to reach.
type GuardCall struct{ *Call }

// What a guard is asked about, as GuardCall.Topic says.
const (
	TopicChannel    = "channel"
	TopicPresence   = "presence"
	TopicRoom       = "room"
	TopicConnection = "connection"
	TopicRecord     = "record"
	TopicCollection = "collection"
)

// What a client wants of it, as GuardCall.Action says.
const (
	// ActionSubscribe is to receive what is published on a channel; to be
	// present in a room and to see who is; to read a record, also as part of a
	// collection; to see a collection.
	ActionSubscribe = "subscribe"
	// ActionPublish is to publish on a channel.
	ActionPublish = "publish"
	// ActionHistory is to read a channel's history without a subscription.
	ActionHistory = "history"
	// ActionJoin is to become a member of a room.
	ActionJoin = "join"
	// ActionMetadata is to read the metadata of a room without being a member,
	// or of a connection without sharing a room.
	ActionMetadata = "metadata"
	// ActionWrite is to write a record: Value, by Strategy.
	ActionWrite = "write"
	// ActionDelete is to delete a record.
	ActionDelete = "delete"
)

// Topic returns one of the Topic constants.
func (c *GuardCall) Topic() string { return c.memory.text(codec.Skip(c.request.detail(), 0)) }

// Action returns one of the Action constants.
func (c *GuardCall) Action() string { return c.memory.text(codec.Skip(c.request.detail(), 1)) }

// Value returns what a client wants to write into a record, as it was sent: of a
// merge the part that will be laid over what is there. It is nil for all other
// actions.
func (c *GuardCall) Value() JSON { return c.Payload() }

// Strategy returns how Value would be written: Replace, also where the client
// names none, Merge or DeepMerge. It is "" for all actions but ActionWrite. A
// Value that is no object, or meets none, replaces by any strategy: a guard that
// is to keep what is there demands an object too.
func (c *GuardCall) Strategy() string { return c.memory.text(codec.Skip(c.request.detail(), 2)) }

// Guard registers a guard, which takes effect where an exposure names it: nil
// allows, an error refuses, and so does a panic or a deadline that passes.
func (p *Plugin) Guard(name string, fn func(*GuardCall) error) {
	call := new(GuardCall) // an instance runs one call at a time
	number := p.add("guard", name, fn == nil, handler{other: func(c *Call) []byte {
		call.Call = c
		return c.memory.outcome(statusRefuse, fn(call))
	}})
	p.document.guards = append(p.document.guards, Object().Text("name", name).Int("handler", number))
}

// MetadataGuard names the plugin's guard that is asked before a client reads
// the metadata of a connection with which it shares no room; without one that
// allows it, it may not.
func (p *Plugin) MetadataGuard(guard string) { p.document.metadataGuard = guard }
