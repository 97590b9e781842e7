package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/operation"
	"github.com/mesh-host/mesh-host/host/plugin/guest"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// defineOperations adds the operations that are about the plugin itself.
func (m *Manager) defineOperations(t operation.Table) {
	operation.Define(t, abi.OpLog, m.serveLog)
	operation.Define(t, abi.OpConfigGet, m.serveConfig)
	operation.Define(t, abi.OpPluginsList, m.serveList)
	operation.Define(t, abi.OpPluginsReload, m.serveReload)
}

// listed is an entry of plugins.list.
type listed struct {
	Name       string       `json:"name"`
	File       string       `json:"file"`
	Version    string       `json:"version,omitempty"`
	Format     string       `json:"format,omitempty"`
	Label      string       `json:"label,omitempty"`
	Loaded     bool         `json:"loaded"`
	Error      string       `json:"error,omitempty"`
	Commands   []string     `json:"commands,omitempty"`
	Guards     []string     `json:"guards,omitempty"`
	Granted    []string     `json:"granted,omitempty"`
	Origins    []string     `json:"http,omitempty"`
	Registered []string     `json:"capabilities,omitempty"`
	Suspended  []Suspension `json:"suspended,omitempty"`
	Instances  int          `json:"instances"`
	Running    int          `json:"running"`
	Memory     int64        `json:"memory"`
	Counts     guest.Counts `json:"counts"`
}

func (m *Manager) serveList(context.Context, operation.Caller, *abi.PluginsListRequest) (a abi.PluginsListResponse, err error) {
	all := []listed{}
	for _, s := range m.Status() {
		all = append(all, listed(s))
	}
	a.Plugins, err = json.Marshal(all)
	return a, err
}

func (m *Manager) serveReload(ctx context.Context, _ operation.Caller, q *abi.PluginsReloadRequest) (a abi.PluginsReloadResponse, err error) {
	switch err := m.Reload(ctx, q.Name); {
	case err == nil:
		a.Version = m.versionOf(q.Name)
		return a, nil
	case errors.Is(err, ErrNotFound):
		return a, protocol.NewError(abi.CodeNotFound, fmt.Sprintf("There is no plugin %q", protocol.CutText(q.Name, protocol.MaxName)))
	case errors.Is(err, ErrClosed):
		return a, protocol.NewError(abi.CodeUnavailable, "The server is shutting down")
	case ctx.Err() != nil:
		return a, protocol.NewError(abi.CodeTimeout, "The plugin was not loaded in time")
	default:
		return a, protocol.NewError(abi.CodePlugin, err.Error())
	}
}

// versionOf returns the version that serves of a plugin or a file, "" for none.
func (m *Manager) versionOf(name string) string {
	for _, s := range m.Status() {
		if s.Name == name || s.File == name {
			return s.Version
		}
	}
	return ""
}

func (m *Manager) serveLog(_ context.Context, c operation.Caller, q *abi.LogRequest) (abi.LogResponse, error) {
	if c.Plugin == "" {
		return abi.LogResponse{}, errNotAPlugin
	}
	m.profile(c.Plugin).output.line(levelOf(q.Level), q.Message, origin(c.Version, c.Call)...)
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
