package host

import (
	"context"

	"github.com/mesh-host/mesh-host/host/plugin"
)

// Plugins returns how the files of the plugin folder fare, sorted by file.
func (s *Server) Plugins() []plugin.Status { return s.plugins.Status() }

// ReloadPlugin reads a plugin's file and its settings again, given the plugin's
// name or the file's, even where nothing has changed. The error says why it
// does not serve; the version before then goes on serving. It needs Run.
func (s *Server) ReloadPlugin(ctx context.Context, name string) error {
	return s.plugins.Reload(ctx, name)
}
