// Package backplane is what the engine needs of the store and the bus that all
// nodes share: one small interface per feature, each method one atomic change.
// The folders below hold the implementations and the contract that all of them
// pass.
//
// Every change that others learn of is published as part of the change itself:
// a node that subscribes to a topic gets each of its events once, in the order
// of the changes. Names are any bytes to a backplane; who may use which is the
// engine's business. What is passed in is not kept, and what is returned or
// delivered must not be changed. All methods are safe for concurrent use, fail
// without effect where ctx is done when they begin, and answer with
// ErrUnavailable where the store cannot be reached.
package backplane

import (
	"context"
	"errors"
)

// The errors that every feature may answer with, wrapped or not; errors.Is
// finds them. A context's own errors come back as they are.
var (
	// ErrUnavailable reports that the store cannot be reached.
	ErrUnavailable = errors.New("backplane: unavailable")
	// ErrNotFound reports a connection that is not, or no longer, there.
	ErrNotFound = errors.New("backplane: not found")
	// ErrExists reports a connection whose id is taken.
	ErrExists = errors.New("backplane: exists already")
	// ErrCursor reports a cursor that no list has given out.
	ErrCursor = errors.New("backplane: not a cursor")
)

// Node is a backplane as one node of the cluster sees it.
type Node interface {
	// ID is the node's name, unique in the cluster.
	ID() string
	// Attach says who gets what is delivered to this node. It must be called
	// once, before anything else.
	Attach(r Receiver)
	// Run keeps the node's lease, ends what has expired, and cleans up after
	// nodes whose lease has lapsed, until ctx is done; then it gives the lease
	// back, which removes the node's connections. Without it the node is dead
	// to the others once its first lease has run out. One that was taken for
	// dead and runs on is alive again, without the connections that it had.
	Run(ctx context.Context)

	KV() KV
	Channels() Channels
	Connections() Connections
	Rooms() Rooms
	Presence() Presence
	RoomMetadata() RoomMetadata
	Records() Records
	Bus() Bus
}

// Receiver is the node's side of a backplane. None of its methods may block or
// call back into the backplane: they are called within the changes they tell
// of. What they are given is good until they return; what is kept longer is
// copied, save what is in a RecordChange.
type Receiver interface {
	// Message tells of a message on a channel that the node has subscribed to,
	// in the order of offsets.
	Message(channel string, m Message)
	// Presence tells of a change of presence in a room that the node has
	// subscribed to, in the order of Seq.
	Presence(e PresenceEvent)
	// Member tells that one of the node's own connections has joined a room or
	// left it, whoever made it, in the order of the changes.
	Member(room, connection string, joined bool, reason string)
	// Metadata tells of new metadata of one of the node's own connections, in
	// the order of the changes; nil is none.
	Metadata(connection string, metadata []byte)
	// Record tells of a change of a record that the node has subscribed to, by
	// itself or with all others, in the order of versions; once each, save that
	// after an outage the newest one may stand for those before it. What it
	// holds never changes and may be kept.
	Record(c RecordChange)
	// Wrote tells of a change that this node has made: of each change exactly
	// one node is told so, by an expiry the one that has found it. Those of a
	// record come in the order of versions, as long as one node makes them.
	Wrote(c RecordChange)
	// Lost tells that events of a topic that the node has subscribed to may have
	// been lost, and cannot be made up for: who relies on them must read anew.
	Lost(t Topic)
	// Instruct does something to the node's own connections among an audience
	// and returns how many it reached.
	Instruct(to Audience, what Instruction) int
}
