package host

import "sync"

// sections are the plugins' sections of the configuration: those of the start,
// and what has been read anew since. It is safe for concurrent use.
type sections struct {
	start PluginsConfig

	mu     sync.RWMutex
	reread map[string]PluginConfig
}

func (s *sections) of(name string) PluginConfig {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if p, ok := s.reread[name]; ok {
		return p
	}
	return s.start.For(name)
}

func (s *sections) set(name string, p PluginConfig) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reread == nil {
		s.reread = make(map[string]PluginConfig)
	}
	s.reread[name] = p
}
