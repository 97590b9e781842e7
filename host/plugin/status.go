package plugin

import (
	"slices"
	"strings"

	"github.com/mesh-host/mesh-host/host/plugin/guest"
)

// Status says how one plugin file fares.
type Status struct {
	// Name is the plugin's, or what the file's name makes it where nothing was
	// ever loaded from it.
	Name string
	// File is its name in the folder.
	File string
	// Version is the short hash of the content that serves, "" where none
	// does.
	Version string
	// Format is FormatNative or FormatExtism, "" where nothing serves.
	Format string
	// Label is the version that the plugin registers, for people.
	Label string
	// Loaded tells whether a version serves.
	Loaded bool
	// Error says why the file's present content does not serve, "" where it
	// does. The version before may be serving.
	Error string
	// Commands are the names of the commands that serve, sorted.
	Commands []string
	// Guards are the names of the guards that serve, sorted.
	Guards []string
	// Granted are the capabilities that the operator grants, Origins where the
	// plugin may send HTTP requests to; Registered are those that it says it
	// uses, none where it says nothing.
	Granted, Origins, Registered []string
	// Suspended are the handlers that failed again and again.
	Suspended []Suspension
	// Instances exist, of which Running run a call.
	Instances, Running int
	// Memory is what all instances have together, in bytes.
	Memory int64
	// Counts are those of all versions of the plugin since the start.
	Counts guest.Counts
}

// Status returns the state of all plugin files, sorted by file. It may be
// called from any goroutine.
func (m *Manager) Status() []Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]Status, 0, len(m.files))
	for _, f := range m.files {
		all = append(all, m.status(f))
	}
	slices.SortFunc(all, func(a, b Status) int { return strings.Compare(a.File, b.File) })
	return all
}

func (m *Manager) status(f *file) Status {
	s := Status{Name: f.pluginName(), File: f.name}
	if f.failure != nil {
		s.Error = f.failure.Error()
	}
	if v := f.version; v != nil {
		s.Version, s.Label, s.Loaded = v.hash, v.registration.Version, true
		s.Format = v.format
		for _, c := range v.registration.Commands {
			s.Commands = append(s.Commands, c.Name)
		}
		slices.Sort(s.Commands)
		for _, g := range v.registration.Guards {
			s.Guards = append(s.Guards, g.Name)
		}
		slices.Sort(s.Guards)
		for _, c := range v.registration.Capabilities {
			s.Registered = append(s.Registered, c.Name)
		}
		s.Granted, s.Origins = v.limits.Access.Grants(), originTexts(v.limits.Access)
		s.Suspended = v.breakers.suspensions()
		s.Instances, s.Running = v.guest.Instances()
		s.Memory = v.guest.Memory()
	}
	if p, ok := m.profiles.Load(s.Name); ok {
		s.Counts = p.(*profile).counters.Snapshot()
	}
	return s
}

// pluginName returns the name of the plugin that a file holds.
func (f *file) pluginName() string {
	if f.version != nil {
		return f.version.name
	}
	return nameOfFile(f.name)
}
