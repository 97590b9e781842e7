package hub

import (
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mesh-host/mesh-host/host/protocol"
)

// Wire is a session's socket. Neither Write nor TryWrite is called while one of
// them runs; they may change the slice, and must not change or keep the bytes.
// Close may be called at any time, any number of times, and ends a blocked
// Write.
type Wire interface {
	// Write writes everything, in order. It may block.
	Write(frames [][]byte) error
	// TryWrite writes what the socket takes without waiting and returns the
	// rest, which may be everything.
	TryWrite(frames [][]byte) (rest [][]byte, err error)
	Close() error
}

// Info is what a handshake has settled about a session.
type Info struct {
	// RemoteAddress is the peer's host:port.
	RemoteAddress string
	// Subprotocol is the one agreed on, "" where none was offered.
	Subprotocol string
	// User is the authenticated user, "" for an anonymous session.
	User string
	// Metadata is JSON text, nil for none.
	Metadata json.RawMessage
}

// Session is one client's connection as the server sees it: identity,
// metadata, outbox, liveness, subscriptions, close cause. It is safe for
// concurrent use.
type Session struct {
	// What a fan-out touches comes first: a line of the cache.
	dialect atomic.Uint32
	outbox  outbox
	next    *Session       // in a chain for the flusher
	tasks   sync.WaitGroup // turns with the flusher, and what they have started
	hub     *Hub
	wire    Wire

	id          string
	info        Info
	connectedAt int64 // ns since 1970
	metadata    atomic.Pointer[json.RawMessage]
	closing     atomic.Pointer[Cause]
	// heartbeat drives liveness while the session is open; deadline ends the
	// wait for the peer's close frame.
	heartbeat, deadline Timer
	liveness            liveness
	subscriptions       subscriptions
}

// ID returns the connection's id: opaque, unguessable, new for every
// connection.
func (s *Session) ID() string { return s.id }

// User returns the authenticated user, "" for an anonymous session.
func (s *Session) User() string { return s.info.User }

// RemoteAddress returns the peer's host:port.
func (s *Session) RemoteAddress() string { return s.info.RemoteAddress }

// Subprotocol returns the subprotocol agreed on, "" for none.
func (s *Session) Subprotocol() string { return s.info.Subprotocol }

// ConnectedAt returns when the session was registered.
func (s *Session) ConnectedAt() time.Time { return time.Unix(0, s.connectedAt) }

// Metadata returns the connection's metadata as JSON text, nil where none was
// set. It must not be changed.
func (s *Session) Metadata() json.RawMessage {
	if m := s.metadata.Load(); m != nil {
		return *m
	}
	return nil
}

// SetMetadata replaces what Metadata returns; nil is none. It is not copied.
func (s *Session) SetMetadata(metadata json.RawMessage) { s.metadata.Store(&metadata) }

// Dialect returns the spelling of the server's own names for this session.
func (s *Session) Dialect() protocol.Dialect { return protocol.Dialect(s.dialect.Load()) }

// SetDialect settles the dialect with the session's first built-in call; later
// calls change nothing.
func (s *Session) SetDialect(d protocol.Dialect) {
	if d != protocol.DialectUnknown && s.dialect.Load() == uint32(protocol.DialectUnknown) {
		s.dialect.CompareAndSwap(uint32(protocol.DialectUnknown), uint32(d))
	}
}

// nowMillis is a monotonic clock in milliseconds.
func nowMillis() int64 { return int64(time.Since(epoch) / time.Millisecond) }

var epoch = time.Now()
