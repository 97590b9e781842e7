package plugin

import "github.com/mesh-host/mesh-host/host/exposure"

// maxDeparted bounds the plugins whose guarded exposures are remembered.
const maxDeparted = 1000

// bid takes note of the plugins that go and of those that come back. What a
// plugin guarded stays shut without it, in the place that it had among the
// patterns of all plugins: where it said who may not, a later pattern may say
// that everyone may, or rooms are open, so that deleting a guard's file would open
// the door.
func (m *Manager) bid(before, after map[string]*version) {
	for _, v := range before {
		if shut, some := guarded(v.entries.exposures); some && len(m.departed) < maxDeparted {
			m.departed[v.name] = ranked[exposure.Set]{v.order(nil), shut}
		}
	}
	for _, v := range after {
		delete(m.departed, v.name)
	}
}

// guarded returns the exposures that have a guard, and whether there are any. The
// guard refuses everyone without its plugin; it is put wherever there was none, so
// that nothing that the plugin opened stays open.
func guarded(set exposure.Set) (shut exposure.Set, some bool) {
	shut = exposure.Set{
		Channels:    only(set.Channels, func(c *exposure.Channel) bool { return shutBoth(&c.Guard, &c.PublishGuard) }),
		Presence:    only(set.Presence, func(p *exposure.Presence) bool { return p.Guard != "" }),
		Rooms:       only(set.Rooms, func(r *exposure.Room) bool { return r.Guard != "" }),
		Records:     only(set.Records, func(r *exposure.Record) bool { return shutBoth(&r.Guard, &r.WriteGuard) }),
		Collections: only(set.Collections, func(c *exposure.Collection) bool { return c.Guard != "" }),
	}
	return shut, len(shut.Channels)+len(shut.Presence)+len(shut.Rooms)+len(shut.Records)+len(shut.Collections) > 0
}

// shutBoth puts the one guard where the other is missing, and reports whether
// there is any.
func shutBoth(read, write *string) bool {
	if *read == "" {
		*read = *write
	}
	if *write == "" {
		*write = *read
	}
	return *read != ""
}

// only returns a copy of those that are to be kept, as keep leaves them.
func only[T any](all []T, keep func(*T) bool) (kept []T) {
	for _, x := range all {
		if keep(&x) {
			kept = append(kept, x)
		}
	}
	return kept
}
