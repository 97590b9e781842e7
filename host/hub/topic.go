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
	kinds
)

var kindNames = [kinds]string{ChannelTopic: "channel", PresenceTopic: "presence", RoomTopic: "room", UserTopic: "user"}

// String returns the word for a kind that clients see: "channel", "presence",
// "room", "user"; "" for what is no kind.
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
	// Conflate keeps the newest delivery of each key until there is room. A
	// session for which more than limits.outbox waits so is closed as a slow
	// consumer.
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

// Position is a delivery's place in its topic's history. The zero value is
// that of one without a number.
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

// Delivery is a push on its way to a topic's subscribers.
type Delivery struct {
	Push     *protocol.Push
	Position Position
	// Key is what Conflate keeps the newest of, within the topic.
	Key string
}
