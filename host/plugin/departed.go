package plugin

import "github.com/mesh-host/mesh-host/host/exposure"

// maxDeparted bounds the plugins whose guarded exposures are remembered.
const maxDeparted = 1000

// bid takes note of the plugins that go and of those that come back. What a
// plugin guarded stays shut without it: rooms are open, presence is not tracked,
// and a writable record can be read, where no exposure says otherwise, so that
// deleting a guard's file would open the door.
func (m *Manager) bid(before, after map[string]*version) {
	for _, v := range before {
		if shut := guarded(v.entries.exposures); len(shut.Presence)+len(shut.Rooms)+len(shut.Records) > 0 && len(m.departed) < maxDeparted {
			m.departed[v.name] = shut
		}
	}
	for _, v := range after {
		delete(m.departed, v.name)
	}
}

// guarded returns the exposures of rooms and records that have a guard; without
// its plugin it refuses everyone.
func guarded(set exposure.Set) (shut exposure.Set) {
	for _, p := range set.Presence {
		if p.Guard != "" {
			shut.Presence = append(shut.Presence, p)
		}
	}
	for _, r := range set.Rooms {
		if r.Guard != "" {
			shut.Rooms = append(shut.Rooms, r)
		}
	}
	for _, r := range set.Records {
		if r.Guard != "" {
			shut.Records = append(shut.Records, r)
		}
	}
	return shut
}
