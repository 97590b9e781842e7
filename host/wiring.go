package host

import (
	"crypto/rand"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mesh-host/mesh-host/host/admin"
	"github.com/mesh-host/mesh-host/host/command"
	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/plugin"
	"github.com/mesh-host/mesh-host/host/transport"
)

// What each part needs to know of the configuration.

func (c *Config) hubLimits() hub.Limits {
	return hub.Limits{
		Connections:     c.Limits.Connections,
		Outbox:          int(c.Limits.Outbox),
		PingInterval:    c.Liveness.PingInterval,
		LatencyInterval: c.Liveness.LatencyInterval,
		MaxMissedPongs:  int32(c.Liveness.MaxMissedPongs),
		CloseTimeout:    c.Liveness.CloseTimeout,
	}
}

func (c *Config) transportOptions(sessions transport.Sessions) transport.Options {
	return transport.Options{
		HandshakeTimeout: c.Handshake.Timeout,
		HeaderSize:       int(c.Handshake.HeaderSize),
		AllowOrigin:      newOriginCheck(c.Handshake.Origins),
		RequiredAuth:     c.Auth.Require,
		MessageSize:      int(c.Limits.MessageSize),
		BadFrames:        c.Limits.BadFrames,
		CommandsInFlight: c.Limits.CommandsInFlight,
		MetadataSize:     int(c.Limits.MetadataSize),
		ReplySize:        int(c.Limits.ReplySize),
		AssignID:         c.Protocol.AssignID,
		Sessions:         sessions,
	}
}

func (c *Config) engineLimits(kvSize func(string) int64) engine.Limits {
	return engine.Limits{
		MetadataSize:  int(c.Limits.MetadataSize),
		ReplySize:     int(c.Limits.ReplySize),
		KVSize:        kvSize,
		Subscriptions: c.Limits.Subscriptions,
		Rooms:         c.Limits.Rooms,
		PresenceState: int(c.Limits.PresenceState),
		RoomMetadata:  int64(c.Limits.RoomMetadata),
		Hooks:         c.Limits.Hooks,

		RecordSize:        int(c.Limits.RecordSize),
		RecordsSize:       int64(c.Limits.RecordsSize),
		RecordPatches:     orNone(c.Limits.RecordPatches),
		RecordTombstone:   c.Limits.RecordTombstone,
		Collections:       c.Limits.Collections,
		CollectionRecords: c.Limits.CollectionRecords,
		Transaction:       c.Limits.Transaction,
	}
}

// orNone turns the 0 of a configuration, which is none, into what package engine
// reads as none.
func orNone(n int) int {
	if n == 0 {
		return -1
	}
	return n
}

func (c *Config) builtins() command.Builtins {
	return command.Builtins{Writable: c.Metadata.ClientWritable, MetadataGuard: c.Metadata.Guard}
}

// adminTimeout bounds an operator's operation: reloading a plugin compiles it.
const adminTimeout = 30 * time.Second

func (c *Config) adminOptions(log *slog.Logger) admin.Options {
	return admin.Options{Token: string(c.Admin.Token), MaxBody: int64(c.Limits.ReplySize), Timeout: adminTimeout, Log: log}
}

// adminServer bounds how long a request may take to arrive, save the bodies that
// the API waits for by itself, and its answer to be read: metrics and health need
// no token, and whoever asks for them must not hold anything for long.
func (c *Config) adminServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: c.Handshake.Timeout,
		ReadTimeout:       c.Handshake.Timeout,
		WriteTimeout:      2*adminTimeout + 2*time.Minute, // a body, an operation, a plugin that it compiles, the answer
		IdleTimeout:       time.Minute,
	}
}

func (s *Server) pluginOptions(extra extras) plugin.Options {
	c := &s.config
	var claim plugin.Claim
	if s.redis != nil { // else there is no other node
		claim = s.engine.Claim
	}
	return plugin.Options{
		Dir:        c.Plugins.Dir,
		CacheDir:   c.cacheDir(),
		Settle:     c.Plugins.Settle,
		Settings:   func(name string) plugin.Settings { return pluginSettings(s.sections.of(name)) },
		Reread:     s.reread,
		Router:     s.router,
		Claim:      claim,
		Operations: s.operations,
		Log:        s.log.With("component", "plugin"),
		Unmetered:  extra.unmetered,
	}
}

func pluginSettings(p PluginConfig) plugin.Settings {
	return plugin.Settings{
		Limits: plugin.Limits{
			Deadline:  p.Deadline,
			Fuel:      p.Fuel,
			CallDepth: p.CallDepth,
			Memory:    int64(p.Memory),
			Instances: p.Instances,
			InFlight:  p.CallsInFlight,
			HostCalls: p.HostCalls,
			Breaker:   p.Breaker,
			Access:    p.access(),
			Mode:      string(p.Mode),
			Output:    int(p.Output),
			LogRate:   p.LogRate,
			Order:     p.Order,
		},
		Config: p.Config,
	}
}

// nodeName is what this node is called: what the operator says, else the
// machine's name and something that no other process on it has.
func (c *Config) nodeName() string {
	if c.Node.Name != "" {
		return c.Node.Name
	}
	name, err := os.Hostname()
	if err != nil || name == "" {
		name = "node"
	}
	return name + "-" + strings.ToLower(rand.Text()[:6])
}

// cacheDir is where compiled plugins are kept, "" for nowhere: also where the
// user has no cache folder, as in a container without a home.
func (c *Config) cacheDir() string {
	switch c.Plugins.CacheDir {
	case CacheOff:
		return ""
	case "":
		dir, err := os.UserCacheDir()
		if err != nil {
			return ""
		}
		return filepath.Join(dir, "mesh-host")
	}
	return c.Plugins.CacheDir
}
