package backplane

import "context"

// Kind says what a topic is about.
type Kind uint8

// The kinds of topics.
const (
	// Channel topics carry messages.
	Channel Kind = iota + 1
	// PresenceOf topics carry the changes of presence in a room.
	PresenceOf
	// RecordOf topics carry the changes of a record.
	RecordOf
	// AllRecords, which has no name, carries the changes of all records.
	AllRecords
	// CollectionOf names a collection in an Unsubscribe; no backplane carries
	// it.
	CollectionOf
)

// Topic is something that a node can subscribe to.
type Topic struct {
	Kind Kind
	Name string
}

// Scope says whom an Audience is made of.
type Scope uint8

// The scopes of audiences.
const (
	// Listed are the connections whose ids are in Names.
	Listed Scope = iota + 1
	// InRoom are the members of the rooms in Names.
	InRoom
	// OfUser are all connections of the users in Names.
	OfUser
	// Everyone are all connections.
	Everyone
)

// Audience is a set of connections, wherever they are. A connection that is in
// it several times is reached once.
type Audience struct {
	Scope Scope
	Names []string
	// Except are ids of connections that are left out.
	Except []string
}

// Instruction is what is done to each connection of an audience: exactly one
// of the fields is set.
type Instruction struct {
	Push        *Push
	Close       *Close
	Unsubscribe *Unsubscribe
}

// Push is a command pushed to clients. Payload is JSON text, nil for null.
type Push struct {
	Command string
	Payload []byte
}

// Close ends a connection.
type Close struct {
	Code   int
	Reason string
}

// Unsubscribe ends a connection's subscription to a topic; the client is told.
type Unsubscribe struct {
	Topic  Topic
	Reason string
}

// Bus carries what is not kept.
type Bus interface {
	// Subscribe has a topic's events delivered to this node from now on. A
	// backplane may deliver events of other topics too; the Receiver passes
	// over them. Subscribing twice is subscribing once.
	Subscribe(ctx context.Context, t Topic) error
	// Unsubscribe takes a Subscribe back.
	Unsubscribe(ctx context.Context, t Topic) error
	// Instruct has something done to every connection of an audience, on every
	// node. Instructions of one caller to one connection arrive in order. It
	// returns how many connections were reached, as far as that is known
	// without waiting for other nodes.
	Instruct(ctx context.Context, to Audience, what Instruction) (reached int, err error)
}
