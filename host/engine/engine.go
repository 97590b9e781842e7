// Package engine is what the server can do: rooms, presence, channels,
// metadata, addressing, the plugins' key-value store. It stands between the
// node's sessions (package hub) and what all nodes share (package backplane),
// and gives the operations of abi/operations.json their meaning, save those
// that only the plugin manager knows. Whether a client may do something is
// asked before, in package command.
package engine

import (
	"context"
	"log/slog"

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
	// Exposed returns all exposures, in the order in which they are tried.
	Exposed() exposure.Set
}

// Options are what an Engine is made with. All but Limits must be set.
type Options struct {
	Hub      *hub.Hub
	Node     backplane.Node
	Rules    Rules
	Observer Observer
	Log      *slog.Logger
	Limits   Limits
}

// Engine is safe for concurrent use. The errors of its methods are
// *protocol.Error, with a code of the table and a message that says what to
// do, unless the backplane fails in a way it does not announce. What is passed
// in is not kept, and what is returned must not be changed.
type Engine struct {
	hub      *hub.Hub
	node     backplane.Node
	rules    Rules
	log      *slog.Logger
	limits   Limits
	clients  clients
	interest interest
	events   events
	lapses   lapses
	tasks    tasks
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
	o.Node.Attach(receiver{e})
	return e
}

// Run ends presence that has outlived its TTL, until ctx is done, and returns
// once everything that the engine has started has ended.
func (e *Engine) Run(ctx context.Context) {
	e.watchPresence(ctx)
	e.tasks.end()
	e.events.end()
	e.tasks.wait()
}
