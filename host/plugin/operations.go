package plugin

import (
	"context"
	"encoding/json"
	"log/slog"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/operation"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// defineOperations adds the operations that are about the plugin itself.
func (m *Manager) defineOperations(t operation.Table) {
	operation.Define(t, abi.OpLog, m.serveLog)
	operation.Define(t, abi.OpConfigGet, m.serveConfig)
}

func (m *Manager) serveLog(_ context.Context, c operation.Caller, q *abi.LogRequest) (abi.LogResponse, error) {
	if c.Plugin == "" {
		return abi.LogResponse{}, errNotAPlugin
	}
	m.profile(c.Plugin).output.line(levelOf(q.Level), q.Message)
	return abi.LogResponse{}, nil
}

func (m *Manager) serveConfig(_ context.Context, c operation.Caller, _ *abi.ConfigGetRequest) (abi.ConfigGetResponse, error) {
	if c.Plugin == "" {
		return abi.ConfigGetResponse{}, errNotAPlugin
	}
	return abi.ConfigGetResponse{Config: m.profile(c.Plugin).config}, nil
}

// errNotAPlugin answers other doors to the operations that only mean something
// to a plugin.
var errNotAPlugin = protocol.NewError(abi.CodeDenied, "only a plugin can call this")

func levelOf(name string) slog.Level {
	switch name {
	case "debug":
		return slog.LevelDebug
	case "warn":
		return slog.LevelWarn
	case "error":
		return slog.LevelError
	}
	return slog.LevelInfo
}

var emptyObject = json.RawMessage("{}")
