package engine

import (
	"context"
	"encoding/json"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// Observer learns of what happens to rooms and records. Its failures are its
// own to log. Its methods that are told of an event return soon once ctx is
// done, and are never called within a call into a plugin.
type Observer interface {
	// ObservesRooms reports whether anyone wants to know.
	ObservesRooms() bool
	// RoomChanged is told of one event. Those of one connection come one after
	// the other, in the order of the changes.
	RoomChanged(ctx context.Context, e RoomEvent)
	// ObservesRecord reports whether anyone wants to know of a record. It does
	// not block.
	ObservesRecord(id string) bool
	// RecordChanged is told of one event. Those of one record come one after
	// the other, in the order of versions.
	RecordChanged(ctx context.Context, e RecordEvent)
}

// event is something that an observer is told.
type event interface {
	// about is what an event comes in order with others of.
	about() string
	// by is the connection that has caused it, "" for none.
	by() string
	// size is what it keeps while it waits, in bytes, roughly.
	size() int64
	tell(ctx context.Context, o Observer)
}

// RoomEvent is a connection that has joined or left a room.
type RoomEvent struct {
	// Joined tells the two apart.
	Joined bool
	Room   string
	// Reason says why a member has left, one of abi's; "" for a join.
	Reason string
	// Connection, User and Metadata are those of the member, as they were when
	// it happened.
	Connection, User string
	Metadata         json.RawMessage
}

func (e *RoomEvent) about() string { return e.Connection }

func (e *RoomEvent) by() string { return e.Connection }

func (e *RoomEvent) size() int64 { return int64(len(e.Metadata)) + eventSize }

func (e *RoomEvent) tell(ctx context.Context, o Observer) { o.RoomChanged(ctx, *e) }

// RecordEvent is a version of a record.
type RecordEvent struct {
	// RecordChange has no Patch, and Previous for a deletion only.
	backplane.RecordChange
	// Connection, User and Metadata are those of the client that wrote, as they
	// were then; "" and nil where none did.
	Connection, User string
	Metadata         json.RawMessage
}

func (e *RecordEvent) about() string { return recordKey(e.ID) }

func (e *RecordEvent) by() string { return e.By }

func (e *RecordEvent) size() int64 {
	return int64(len(e.Metadata)+len(e.Value)+len(e.Previous)) + eventSize
}

func (e *RecordEvent) tell(ctx context.Context, o Observer) { o.RecordChanged(ctx, *e) }

// recordKey is what the events of a record are about; no connection is called
// so.
func recordKey(id string) string { return "\x00" + id }

// eventSize is what an event takes beside its JSON, in bytes, roughly.
const eventSize = 256
