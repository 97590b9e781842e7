// Package command takes a command from its name to its reply: existence,
// global middleware in order, the command's own middleware, the handler. It
// holds the built-in commands and, as an immutable table that is replaced
// whole, everything that plugins offer.
package command

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// Router finds and runs commands. It is safe for concurrent use.
type Router struct {
	table    atomic.Pointer[Table]
	native   map[string]*Command
	builtins map[string]*Command
	required []string
	exposed  exposure.Set
	hooks    chan struct{} // holds a value for each that runs
	log      *slog.Logger

	warning sync.Mutex
	warned  map[string]bool // guards that are known to be missing
}

var (
	_ engine.Rules    = (*Router)(nil)
	_ engine.Observer = (*Router)(nil)
	_ engine.Resolver = resolving{}
)

// NewRouter makes a router with an empty table; Bind gives it the built-in
// commands that need an engine. native are commands of the program that embeds the server; a plugin's
// command of the same name is hidden by one.
func NewRouter(log *slog.Logger, native ...Command) *Router {
	r := &Router{native: make(map[string]*Command), builtins: builtins(), hooks: make(chan struct{}, parallelHooks), log: log}
	for i := range native {
		r.native[native[i].Name] = &native[i]
	}
	r.table.Store(NewTable(Entries{}, nil))
	return r
}

// Require names the plugins without which nothing of a plugin's is done for
// anyone: while one of them is missing or does not authenticate, handshakes are
// refused and commands answer EPLUGIN, since its middleware is missing too, save
// the built-ins that only take something back. It must be called before the router is used.
func (r *Router) Require(plugins []string) {
	r.required = plugins
	current := r.table.Load()
	current.missing = current.Missing(plugins)
}

// Swap puts a new table in place and lets go of the old one, which lives on
// until its last run has ended.
func (r *Router) Swap(t *Table) {
	t.missing = t.Missing(r.required)
	t.exposed = exposure.NewIndex(r.exposed.With(t.Exposures))
	r.warn(t)
	r.table.Swap(t).Release()
}

// warn names the guards that refuse everyone because they are not loaded, each
// once until it is: a typing mistake looks like a refusal otherwise.
func (r *Router) warn(t *Table) {
	r.warning.Lock()
	defer r.warning.Unlock()
	missing := make(map[string]bool)
	for _, guard := range t.exposed.Guards() {
		if t.Guards[guard] != nil {
			continue
		}
		missing[guard] = true
		if !r.warned[guard] {
			r.log.Warn("a guard is not loaded and refuses everyone", "guard", guard)
		}
	}
	r.warned = missing
}

// Expose sets what the operator exposes, ahead of what plugins do. It must be
// called before the router is used.
func (r *Router) Expose(set exposure.Set) {
	r.exposed = set
	current := r.table.Load()
	current.exposed = exposure.NewIndex(set.With(current.Exposures))
}

// Channel implements engine.Rules.
func (r *Router) Channel(name string) *exposure.Channel { return r.table.Load().exposed.Channel(name) }

// Tracked implements engine.Rules.
func (r *Router) Tracked(room string) *exposure.Presence { return r.table.Load().exposed.Tracked(room) }

// Record implements engine.Rules.
func (r *Router) Record(id string) *exposure.Record { return r.table.Load().exposed.Record(id) }

// Collection implements engine.Rules.
func (r *Router) Collection(id string) *exposure.Collection {
	return r.table.Load().exposed.Collection(id)
}

// Exposed implements engine.Rules.
func (r *Router) Exposed() exposure.Set { return r.table.Load().exposed.Set }

// Acquire returns the current table; the caller must Release it.
func (r *Router) Acquire() *Table {
	for {
		if t := r.table.Load(); t.acquire() {
			return t
		}
	}
}

// Resolve finds a command by the name that a client sent: a built-in under
// mesh/, rt/ or, where no one else registered it, its bare name; else a native
// command or a plugin's. The dialect is that of the call to a built-in,
// DialectUnknown for others. It returns nil where there is no such command.
func (r *Router) Resolve(t *Table, name []byte) (*Command, protocol.Dialect) {
	if c := r.native[string(name)]; c != nil {
		return c, protocol.DialectUnknown
	}
	if c := t.commands[string(name)]; c != nil {
		return c, protocol.DialectUnknown
	}
	if len(name) > protocol.MaxName {
		return nil, protocol.DialectUnknown
	}
	short, dialect := protocol.SplitBuiltin(string(name))
	if c := r.builtins[short]; c != nil {
		return c, dialect
	}
	return nil, protocol.DialectUnknown
}

// Run takes a call through middleware and handler. The error is what the
// client gets to see.
func (r *Router) Run(ctx context.Context, t *Table, c *Command, call *Call) *protocol.Error {
	if t.missing != "" && !c.Always {
		return protocol.PluginFailed(t.missing)
	}
	call.table = t
	err := run(ctx, t.Middleware, call)
	if err == nil && !call.replied {
		err = run(ctx, c.Middleware, call)
	}
	if err == nil && !call.replied {
		err = c.Handler.Serve(ctx, call)
	}
	if err == nil {
		return nil
	}
	return r.visible(err, call)
}

func run(ctx context.Context, middleware []Handler, call *Call) error {
	for _, m := range middleware {
		if err := m.Serve(ctx, call); err != nil || call.replied {
			return err
		}
	}
	return nil
}

// visible turns any error into one for the client; what it may not see is
// logged under a reference that it gets.
func (r *Router) visible(err error, call *Call) *protocol.Error {
	if e := protocol.AsError(err); e != nil {
		return e
	}
	ref := rand.Text()[:12]
	r.log.Error("command failed", "command", call.Name, "connection", call.Session.ID(), "ref", ref, "error", err)
	return protocol.Internal(ref)
}
