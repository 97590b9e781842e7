package plugin

import "github.com/mesh-host/mesh-host/abi"

// Registration returns what the version that serves from a file registered,
// nil where none does. It must not be changed.
func (m *Manager) Registration(file string) *abi.Registration {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f := m.files[file]; f != nil && f.version != nil {
		return f.version.registration
	}
	return nil
}

// CheckName reports why a name is not one that a plugin may have, or nil.
func CheckName(name string) error { return checkPluginName(name) }
