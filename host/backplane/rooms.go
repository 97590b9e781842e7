package backplane

import (
	"context"
	"time"
)

// Rooms keeps which connections are members of which rooms. A room is there
// as long as it has members or metadata.
type Rooms interface {
	// Join makes a connection a member, and, with present, present as well if
	// it is not yet. It reports whether it was no member before. It fails with
	// ErrNotFound where the connection is gone.
	Join(ctx context.Context, room, connection string, present bool) (joined bool, err error)
	// Leave ends a membership, and presence with it, and reports whether there
	// was one. The reason is the connection's node's to know, in any words.
	Leave(ctx context.Context, room, connection, reason string) (left bool, err error)
	// Clear ends all memberships of a room, with a reason as for Leave, and
	// removes its metadata. It returns those who were members, sorted. Those of
	// a room with very many may end part by part.
	Clear(ctx context.Context, room, reason string) (members []string, err error)
	Has(ctx context.Context, room, connection string) (bool, error)
	// Members returns the ids of a room's members, sorted.
	Members(ctx context.Context, room string) ([]string, error)
	// Of returns the rooms of a connection, sorted; none where it is gone.
	Of(ctx context.Context, connection string) ([]string, error)
	// List lists the rooms that have members, paged as Connections are.
	List(ctx context.Context, cursor string, limit int) (page []string, next string, err error)
}

// Presence keeps which members of a room are present, and what state each is
// in. Each real change is published once, as a PresenceEvent.
type Presence interface {
	// Enter makes a member present and reports whether it was not.
	Enter(ctx context.Context, room, connection string) (entered bool, err error)
	// Exit ends presence, and the state with it, but not the membership, and
	// reports whether the member was present.
	Exit(ctx context.Context, room, connection string) (exited bool, err error)
	// SetState sets the state of a present member, for as long as expireAfter
	// (0: until it is changed or the member goes), and reports whether there
	// is such a member. A nil state clears it, which is published where there
	// was one; an expired one is cleared by itself. With silent a set is not
	// published.
	SetState(ctx context.Context, room, connection string, state []byte, expireAfter time.Duration, silent bool) (bool, error)
	// Snapshot reads a room at one moment.
	Snapshot(ctx context.Context, room string) (Snapshot, error)
}

// Snapshot is who is present in a room.
type Snapshot struct {
	// Seq is that of the last event before the snapshot: events up to it are
	// contained in it.
	Seq int64
	// Present holds connection ids, sorted; States what those that have one
	// are in, by connection id.
	Present []string
	States  map[string][]byte
}

// Change says what a PresenceEvent tells of.
type Change uint8

// The changes of presence.
const (
	Joined Change = iota + 1
	Left
	// StateSet has the new State, nil for a cleared one.
	StateSet
)

// PresenceEvent is one change of presence in a room.
type PresenceEvent struct {
	Room       string
	Connection string
	Change     Change
	State      []byte
	// Seq grows with every event of a room, also over the room's end and
	// return.
	Seq int64
	// Time is in milliseconds since 1970.
	Time int64
}

// RoomMetadata keeps a value per room. It outlives the room's members, until
// it is taken away or the room is cleared.
type RoomMetadata interface {
	// Get returns nil where there is none.
	Get(ctx context.Context, room string) ([]byte, error)
	// Swap writes a room's metadata, or takes it away where value is nil, if it
	// is expected, byte for byte; nil expects none. It reports whether it did,
	// and the metadata found where it did not. It fails with ErrFull where the
	// metadata of all rooms (counted as a KV counts, see EntryOverhead) would
	// exceed limit bytes; 0 is no limit.
	Swap(ctx context.Context, room string, expected, value []byte, limit int64) (swapped bool, current []byte, err error)
	// List lists the rooms that have metadata, paged as Connections are.
	List(ctx context.Context, cursor string, limit int) (page []RoomValue, next string, err error)
}

// RoomValue is a room with its metadata.
type RoomValue struct {
	Room     string
	Metadata []byte
}
