package host

import (
	"os"
	"path/filepath"

	"github.com/mesh-host/mesh-host/host/command"
	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/operation"
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

func (c *Config) transportOptions() transport.Options {
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
	}
}

func (s *Server) pluginOptions(router *command.Router, extra extras) plugin.Options {
	c := &s.config
	engine := engine.New(s.hub, s.backplane, engine.Limits{
		MetadataSize: int(c.Limits.MetadataSize),
		ReplySize:    int(c.Limits.ReplySize),
		KVSize:       func(name string) int64 { return int64(c.Plugins.For(name).KVSize) },
	})
	operations := make(operation.Table)
	engine.Define(operations)
	return plugin.Options{
		Dir:        c.Plugins.Dir,
		CacheDir:   c.cacheDir(),
		Settle:     c.Plugins.Settle,
		Settings:   c.pluginSettings,
		Router:     router,
		Operations: operations,
		Log:        s.log.With("component", "plugin"),
		Unenforced: extra.noDeadlines,
	}
}

func (c *Config) pluginSettings(name string) plugin.Settings {
	p := c.Plugins.For(name)
	return plugin.Settings{
		Limits: plugin.Limits{
			Deadline:  p.Deadline,
			Memory:    int64(p.Memory),
			Instances: p.Instances,
			Mode:      string(p.Mode),
			Output:    int(p.Output),
			LogRate:   p.LogRate,
			Order:     p.Order,
		},
		Config: p.Config,
	}
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
