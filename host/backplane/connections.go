package backplane

import (
	"context"
	"time"
)

// Connection is a client's connection as all nodes see it.
type Connection struct {
	ID string
	// User is the authenticated user, "" for none.
	User string
	// Node is where it is connected.
	Node        string
	ConnectedAt time.Time
	// Metadata is nil where there is none.
	Metadata []byte
}

// Connections is the directory of who is connected. Its lists are paged: next
// is the cursor of the following page, "" after the last one; what is there
// during the whole reading is returned exactly once, what comes or goes
// meanwhile may be missed. A limit is at least 1; a page may be shorter than
// it. A cursor that is none fails with ErrCursor.
type Connections interface {
	// Add registers a connection of this node; c.Node is not read. It fails
	// with ErrExists where the id is taken, and with ErrUnavailable where the
	// node has no lease.
	Add(ctx context.Context, c Connection) error
	// Remove, with a reason as for Rooms.Leave, ends a connection everywhere, as one change: its memberships,
	// presence (each leave is published once), metadata, and its place among
	// its user's connections. It returns the rooms that it left thereby,
	// sorted, and false where it was gone already, so that of several callers
	// one cleans up, and of everything that can end a membership one tells.
	Remove(ctx context.Context, id, reason string) (rooms []string, removed bool, err error)
	// Get fails with ErrNotFound.
	Get(ctx context.Context, id string) (Connection, error)
	List(ctx context.Context, cursor string, limit int) (page []Connection, next string, err error)
	// OfUser returns the ids of a user's connections, sorted.
	OfUser(ctx context.Context, user string) ([]string, error)
	// Users lists the users that are connected.
	Users(ctx context.Context, cursor string, limit int) (page []string, next string, err error)
	// SwapMetadata writes a connection's metadata, or takes it away where
	// value is nil, if it is expected, byte for byte; nil expects none. It
	// reports whether it did, and the metadata found where it did not. It
	// fails with ErrNotFound.
	SwapMetadata(ctx context.Context, id string, expected, value []byte) (swapped bool, current []byte, err error)
}
