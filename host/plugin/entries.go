package plugin

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/mesh-host/mesh-host/host/command"
	"github.com/mesh-host/mesh-host/host/exposure"
)

// entries are what one version adds to a table. They are made once, so that
// every table that the version is in shares its handlers.
type entries struct {
	commands       []command.Command
	middleware     []ranked[command.Handler]
	authenticators []ranked[command.Authenticator]
	observer       *observer
	guards         map[string]command.Guard // by "<plugin>.<guard>"
	resolvers      map[string]command.Resolver
	exposures      exposure.Set
}

// ranked is an entry with its place among those of all plugins.
type ranked[T any] struct {
	order int
	entry T
}

func (v *version) makeEntries() {
	own := make(map[string]command.Handler, len(v.registration.Middleware))
	for _, m := range v.registration.Middleware {
		h := &middlewareHandler{v.call(m.Handler, "middleware", m.Name)}
		own[m.Name] = h
		if m.Global {
			v.entries.middleware = append(v.entries.middleware, ranked[command.Handler]{v.order(m.Order), h})
		}
	}
	for _, c := range v.registration.Commands {
		made := command.Command{
			Name: c.Name, Concurrent: c.Concurrent,
			Handler: &commandHandler{v.call(c.Handler, "command", c.Name)},
		}
		for _, name := range c.Middleware {
			made.Middleware = append(made.Middleware, own[name])
		}
		v.entries.commands = append(v.entries.commands, made)
	}
	v.entries.guards = make(map[string]command.Guard, len(v.registration.Guards))
	for _, g := range v.registration.Guards {
		v.entries.guards[guardName(v.name, g.Name)] = &guardHandler{v.call(g.Handler, "guard", g.Name)}
	}
	v.entries.resolvers = make(map[string]command.Resolver, len(v.registration.Collections))
	for i, c := range v.registration.Collections {
		v.entries.resolvers[resolverName(v.name, i)] = &resolver{v.call(c.Handler, "resolver", c.Pattern)}
	}
	v.entries.exposures, _ = exposuresOf(v.registration, v.name) // it was checked at load
	v.makeHooks()
}

func (v *version) makeHooks() {
	for _, h := range v.registration.Hooks {
		c := v.call(h.Handler, "hook", h.Event)
		if h.Event == eventAuthenticate {
			v.entries.authenticators = append(v.entries.authenticators,
				ranked[command.Authenticator]{v.order(h.Order), &authenticator{c}})
			continue
		}
		if v.entries.observer == nil {
			v.entries.observer = new(observer)
		}
		switch h.Event {
		case eventConnect:
			v.entries.observer.connect = &c
		case eventDisconnect:
			v.entries.observer.disconnect = &c
		case eventJoin:
			v.entries.observer.join = &c
		case eventLeave:
			v.entries.observer.leave = &c
		case eventUpdate:
			v.entries.observer.update = newRecordHook(c, h.Records)
		case eventRemoved:
			v.entries.observer.removed = newRecordHook(c, h.Records)
		}
	}
}

// order is the operator's, else the entry's own, else the plugin's.
func (v *version) order(own *int) int {
	switch {
	case v.limits.Order != nil:
		return *v.limits.Order
	case own != nil:
		return *own
	}
	return v.registration.Order
}

// compose makes a table's entries of all versions, which are sorted by file:
// what has the same order runs in the order of the files, exposures in that of
// the plugins' names, those that have departed among them, and within a plugin in
// that of its registration.
func compose(versions []*version, departed map[string]ranked[exposure.Set]) command.Entries {
	e := command.Entries{
		Authenticating: make(map[string]bool), Guards: make(map[string]command.Guard),
		Resolvers: make(map[string]command.Resolver),
	}
	var middleware []ranked[command.Handler]
	var authenticators []ranked[command.Authenticator]
	for _, v := range versions {
		e.Commands = append(e.Commands, v.entries.commands...)
		middleware = append(middleware, v.entries.middleware...)
		authenticators = append(authenticators, v.entries.authenticators...)
		if len(v.entries.authenticators) > 0 {
			e.Authenticating[v.name] = true
		}
		maps.Copy(e.Guards, v.entries.guards)
		maps.Copy(e.Resolvers, v.entries.resolvers)
		if guard := v.registration.MetadataGuard; guard != "" {
			e.MetadataGuards = append(e.MetadataGuards, guardName(v.name, guard))
		}
		if o := v.entries.observer; o != nil {
			e.Observers = append(e.Observers, o)
			if o.join != nil || o.leave != nil {
				e.RoomObservers = append(e.RoomObservers, o)
			}
			if o.update != nil || o.removed != nil {
				e.RecordObservers = append(e.RecordObservers, o)
			}
		}
	}
	e.Middleware = inOrder(middleware)
	e.Authenticators = inOrder(authenticators)
	for _, set := range inOrder(byName(versions, departed)) {
		e.Exposures = e.Exposures.With(set)
	}
	return e
}

// byName returns the exposures of all plugins in the order of their names.
func byName(versions []*version, departed map[string]ranked[exposure.Set]) []ranked[exposure.Set] {
	all := maps.Clone(departed)
	for _, v := range versions {
		all[v.name] = ranked[exposure.Set]{v.order(nil), v.entries.exposures}
	}
	sorted := make([]ranked[exposure.Set], 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		sorted = append(sorted, all[name])
	}
	return sorted
}

func inOrder[T any](all []ranked[T]) []T {
	slices.SortStableFunc(all, func(a, b ranked[T]) int { return cmp.Compare(a.order, b.order) })
	sorted := make([]T, len(all))
	for i, r := range all {
		sorted[i] = r.entry
	}
	return sorted
}

// collision is two plugins' claim on one thing.
type collision struct{ what string }

// Error implements error.
func (c *collision) Error() string { return c.what }

// claims are the names that a set of plugins has taken.
type claims struct{ plugins, commands map[string]*version }

// claimsOf returns the claims of versions, or the *collision between two of
// them.
func claimsOf(versions map[string]*version) (*claims, error) {
	c := &claims{make(map[string]*version), make(map[string]*version)}
	for _, v := range sorted(versions) {
		if err := c.add(v); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// add returns a *collision where something of v is taken.
func (c *claims) add(v *version) error {
	if o := c.plugins[v.name]; o != nil {
		return &collision{fmt.Sprintf("plugin %q is in %s and in %s", v.name, o.file, v.file)}
	}
	c.plugins[v.name] = v
	for _, r := range v.registration.Commands {
		if o := c.commands[r.Name]; o != nil {
			return &collision{fmt.Sprintf("command %q is registered by plugin %q (%s) and by plugin %q (%s)",
				r.Name, o.name, o.file, v.name, v.file)}
		}
		c.commands[r.Name] = v
	}
	return nil
}
