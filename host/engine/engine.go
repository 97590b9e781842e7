// Package engine is what the server can do: rooms, presence, channels,
// records, collections, metadata, addressing, the plugins' key-value store. It stands between the
// node's sessions (package hub) and what all nodes share (package backplane),
// and gives the operations of abi/operations.json their meaning, save those
// that only the plugin manager knows. Whether a client may do something is
// asked before, in package command.
package engine

import (
	"context"
	"log/slog"
	"sync"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/hub"
)

// Rules say what names mean; they may change at any time.
type Rules interface {
	// Channel returns the exposure of a channel, nil where it is closed.
	Channel(name string) *exposure.Channel
	// Tracked returns the exposure of a room's presence, nil where it is not
	// tracked.
	Tracked(room string) *exposure.Presence
	// Record returns the first exposure of a record, nil where it is closed.
	Record(id string) *exposure.Record
	// Collection returns the exposure of a collection, nil where it is closed.
	Collection(id string) *exposure.Collection
	// Exposed returns all exposures, in the order in which they are tried.
	Exposed() exposure.Set
}

// Resolver answers what only plugins can: which records a collection has, and
// which of them a client may read. It calls into plugins, so it may take as long
// as their deadlines allow.
type Resolver interface {
	// Resolve returns the ids of a collection's records in its order, for a
	// session, or for all where s is nil. An error refuses: a collection that
	// is there stays as it is.
	Resolve(ctx context.Context, s *hub.Session, x *exposure.Collection, id string) ([]string, error)
	// MayRead reports whether a session may read a record.
	MayRead(ctx context.Context, s *hub.Session, record string) bool
}

// Options are what an Engine is made with. All but Limits must be set.
type Options struct {
	Hub      *hub.Hub
	Node     backplane.Node
	Rules    Rules
	Observer Observer
	Resolver Resolver
	Log      *slog.Logger
	Limits   Limits
}

// Engine is safe for concurrent use. The errors of its methods are
// *protocol.Error, with a code of the table and a message that says what to
// do, unless the backplane fails in a way it does not announce. What is passed
// in is not kept, and what is returned must not be changed.
type Engine struct {
	hub         *hub.Hub
	node        backplane.Node
	rules       Rules
	log         *slog.Logger
	limits      Limits
	clients     clients
	interest    interest
	events      events
	lapses      lapses
	departures  departures
	seldom      seldom
	turns       turns
	collections collections
	tasks       tasks
}

// New makes an engine and attaches it to its node's backplane. The caller must
// Run it.
func New(o Options) *Engine {
	e := &Engine{
		hub: o.Hub, node: o.Node, rules: o.Rules, log: o.Log, limits: o.Limits.withDefaults(),
	}
	e.clients.init()
	e.interest.init(o.Node.Bus())
	e.events.init(o.Observer, e.limits.Hooks, &e.tasks)
	e.lapses.init()
	e.departures.init()
	e.turns.init()
	e.collections.init(e, o.Resolver)
	o.Node.Attach(receiver{e})
	return e
}

// Run ends presence that has outlived its TTL, and what could not be ended while
// the store was away, until ctx is done; it returns once everything that the
// engine has started has ended.
func (e *Engine) Run(ctx context.Context) {
	var watching sync.WaitGroup
	watching.Go(func() { e.watchDepartures(ctx) })
	e.watchPresence(ctx)
	watching.Wait()
	e.tasks.end()
	e.collections.end()
	e.events.end()
	e.tasks.wait()
}
