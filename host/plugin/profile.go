package plugin

import (
	"encoding/json"
	"log/slog"

	"github.com/mesh-host/mesh-host/host/operation"
	"github.com/mesh-host/mesh-host/host/plugin/guest"
)

// profile is what belongs to a plugin's name and outlives its versions.
type profile struct {
	limits   Limits
	rate     *guest.Rate
	config   json.RawMessage
	counters *guest.Counters
	log      *slog.Logger
	// output takes what the plugin says, faults what the host says about it.
	output, faults *logger
}

// faultRate bounds the faults logged a second for one plugin: a client that
// calls a broken command in a loop does not fill the disk.
const faultRate = 10

// profile returns the profile of a plugin's name, made when it is first asked
// for.
func (m *Manager) profile(name string) *profile {
	if p, ok := m.profiles.Load(name); ok {
		return p.(*profile)
	}
	actual, _ := m.profiles.LoadOrStore(name, m.newProfile(name, m.settings(name), new(guest.Counters)))
	return actual.(*profile)
}

// renew replaces the profile of a plugin's name by one with new settings, which
// goes on counting. What runs keeps the old one. The returned function undoes
// it.
func (m *Manager) renew(name string, settings Settings) (undo func()) {
	old := m.profile(name)
	m.profiles.Store(name, m.newProfile(name, settings, old.counters))
	return func() { m.profiles.Store(name, old) }
}

func (m *Manager) newProfile(name string, settings Settings, counters *guest.Counters) *profile {
	p := &profile{log: m.log.With("plugin", name), counters: counters}
	p.limits = settings.Limits.withDefaults()
	p.rate = guest.NewRate(p.limits.HostCalls)
	if p.config = settings.Config; p.config == nil {
		p.config = emptyObject
	}
	p.output = newLogger(p.log, p.limits.LogRate, &p.counters.DroppedLines)
	p.faults = newLogger(p.log, faultRate, &p.counters.DroppedLines)
	return p
}

// options are those that a version of the plugin of this name is started with.
func (p *profile) options(name, hash string) guest.Options {
	return guest.Options{
		Name:      name,
		Version:   hash,
		Deadline:  p.limits.Deadline,
		Fuel:      p.limits.Fuel,
		Memory:    p.limits.Memory,
		Instances: p.limits.Instances,
		Single:    p.limits.Mode == ModeSingle,
		Output:    p.limits.Output,
		InFlight:  p.limits.InFlight,
		HostCalls: p.rate,
		Access:    p.limits.Access,
		Print: func(call operation.CallID, stream string, line []byte) {
			p.output.line(slog.LevelInfo, string(line), origin(hash, call, slog.String("stream", stream))...)
		},
		Counters: p.counters,
	}
}
