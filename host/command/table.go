package command

import (
	"context"
	"sync/atomic"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/hub"
)

// Handler answers a command, or takes part as middleware: middleware that
// returns without error and without a reply lets the run go on. An error that
// is a *protocol.Error reaches the client; any other becomes an internal one.
// A handler is called from many goroutines at once.
type Handler interface {
	Serve(ctx context.Context, c *Call) error
}

// HandlerFunc is a function as a Handler.
type HandlerFunc func(ctx context.Context, c *Call) error

// Serve calls f.
func (f HandlerFunc) Serve(ctx context.Context, c *Call) error { return f(ctx, c) }

// Command is one entry of a table.
type Command struct {
	Name string
	// Concurrent lets the command start on arrival, beside others of its
	// session; a serial one waits for the earlier serial ones.
	Concurrent bool
	// Always lets the command run while a required plugin is missing, and with
	// it perhaps the middleware that would refuse it; see Router.Require.
	Always bool
	// Middleware runs before the handler, after the global middleware.
	Middleware []Handler
	Handler    Handler
}

// Authenticator decides on a handshake. It returns an identity, nil to
// abstain, a *Refusal, or any other error where it could not decide.
type Authenticator interface {
	Authenticate(ctx context.Context, h *abi.Handshake) (*abi.Identity, error)
}

// Observer learns of sessions that come and go. Its failures are its own to
// log; they never hold up the event.
type Observer interface {
	Connected(ctx context.Context, s *hub.Session)
	Disconnected(ctx context.Context, s *hub.Session, cause hub.Cause)
}

// RoomObserver learns of rooms that are joined and left, like an Observer.
type RoomObserver interface {
	RoomChanged(ctx context.Context, e engine.RoomEvent)
}

// RecordObserver learns of new versions of records, like an Observer.
type RecordObserver interface {
	// Observes reports whether it wants to know of a record; it does not block.
	Observes(id string) bool
	RecordChanged(ctx context.Context, e engine.RecordEvent)
}

// Resolver says which records a collection has. It is called from many
// goroutines at once.
type Resolver interface {
	// Resolve returns ids; the call's session is that of the subscriber, nil
	// where the collection is shared.
	Resolve(ctx context.Context, c *Call, collection string) ([]string, error)
}

// Entries is what a table is made of; the slices are in the order of running.
type Entries struct {
	Commands       []Command
	Middleware     []Handler
	Authenticators []Authenticator
	Observers      []Observer
	RoomObservers  []RoomObserver
	// RecordObservers are hooks of records.
	RecordObservers []RecordObserver
	// Resolvers are the plugins' resolvers, by exposure.Collection.Resolver.
	Resolvers map[string]Resolver
	// Authenticating names the plugins behind Authenticators.
	Authenticating map[string]bool
	// Guards are the plugins' guards, by "<plugin>.<guard>".
	Guards map[string]Guard
	// Exposures are those of the plugins.
	Exposures exposure.Set
	// MetadataGuards name the guards that may let a client read the metadata
	// of connections that it shares no room with; one that allows suffices.
	MetadataGuards []string
}

// Missing returns the first of the required plugins that is not loaded or does
// not authenticate, "" where all do.
func (e *Entries) Missing(required []string) string {
	for _, plugin := range required {
		if !e.Authenticating[plugin] {
			return plugin
		}
	}
	return ""
}

// Table is an immutable generation of everything that plugins offer. A run
// holds the table it started with, so that it sees one consistent set of
// plugins, and a plugin that was swapped out ends with the last run that
// holds it.
type Table struct {
	Entries
	commands map[string]*Command
	missing  string // a required plugin that is not in it; see Router.Require
	exposed  *exposure.Index
	refs     atomic.Int64
	release  func()
}

// NewTable makes a table; release is called once, when the table was replaced
// and the last run that holds it has ended.
func NewTable(e Entries, release func()) *Table {
	t := &Table{Entries: e, commands: make(map[string]*Command, len(e.Commands)), release: release}
	for i := range e.Commands {
		t.commands[e.Commands[i].Name] = &e.Commands[i]
	}
	t.exposed = exposure.NewIndex(e.Exposures)
	t.refs.Store(1)
	return t
}

// acquire adds a holder; it fails once the last one has gone.
func (t *Table) acquire() bool {
	for {
		n := t.refs.Load()
		if n == 0 {
			return false
		}
		if t.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Release ends a hold.
func (t *Table) Release() {
	if t.refs.Add(-1) == 0 && t.release != nil {
		t.release()
	}
}
