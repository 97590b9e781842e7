package hub

import "github.com/mesh-host/mesh-host/host/protocol"

// Kind says what a topic's name names.
type Kind uint8

// The kinds of topics.
const (
	// ChannelTopic is a channel's messages.
	ChannelTopic Kind = iota + 1
	// PresenceTopic is a room's presence.
	PresenceTopic
	// RoomTopic is a room's members.
	RoomTopic
	// UserTopic is a user's connections.
	UserTopic
	// RecordTopic is a record's versions: the values of one thing, of which a
	// newer one makes the older ones pointless.
	RecordTopic
	// CollectionTopic is a collection's subscribers; what they get is sent to
	// each, and the records are topics of their own.
	CollectionTopic
	kinds
)

var kindNames = [kinds]string{
	ChannelTopic: "channel", PresenceTopic: "presence", RoomTopic: "room", UserTopic: "user",
	RecordTopic: "record", CollectionTopic: "collection",
}

// String returns the word for a kind that clients see: "channel", "presence",
// "room", "user", "record", "collection"; "" for what is no kind.
func (k Kind) String() string {
	if k >= kinds {
		return ""
	}
	return kindNames[k]
}

// Topic is what sessions of this node subscribe to.
type Topic struct {
	Kind Kind
	Name string
}

// Policy says what becomes of a topic's pushes for a session whose outbox is
// full.
type Policy uint8

// The policies.
const (
	// Disconnect closes the session as a slow consumer.
	Disconnect Policy = iota
	// Drop skips the topic's pushes until there is room; then a gap push tells
	// the client what it has missed.
	Drop
	// Conflate keeps the newest delivery of each key until there is room, as a
	// whole. A session for which more than limits.outbox waits is closed as a
	// slow consumer, unless that is one delivery.
	Conflate
)

// String returns the policy as configuration writes it.
func (p Policy) String() string {
	switch p {
	case Drop:
		return "drop"
	case Conflate:
		return "conflate"
	}
	return "disconnect"
}

// Terms are what a session subscribes on. The zero value is right for most.
type Terms struct {
	// Policy is Disconnect by default.
	Policy Policy
	// Patches asks for the Push of a delivery that has a Whole, wherever the
	// client has what came just before it. Without it, and while the topic is
	// covered, the session gets the Whole.
	Patches bool
}

// Position is a delivery's place in its topic's history. The zero value is
// that of one without a number, and the place before the first.
type Position struct {
	Epoch  string
	Offset int64
}

// numbered reports whether there is a position.
func (p Position) numbered() bool { return p != Position{} }

// covers reports whether whoever has everything up to p has q.
func (p Position) covers(q Position) bool {
	return q.numbered() && p.Epoch == q.Epoch && q.Offset <= p.Offset
}

// precedes reports whether q comes directly after p: in the same epoch, or as
// the first of any where p is before the first.
func (p Position) precedes(q Position) bool {
	return q.Offset == p.Offset+1 && (p.Epoch == q.Epoch || p == Position{})
}

// Delivery is a push on its way to a topic's subscribers.
type Delivery struct {
	Push *protocol.Push
	// Whole, unless nil, is the same news for those who cannot use Push, since
	// it builds on what came just before: a record's value where Push is a
	// patch. Such a delivery has a Position.
	Whole    *protocol.Push
	Position Position
	// Key is what Conflate keeps the newest of, within the topic.
	Key string
}
