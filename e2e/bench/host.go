//go:build linux

package main

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"

	"github.com/mesh-host/mesh-host/host"
	"github.com/mesh-host/mesh-host/host/command"
)

// nativeCommand echoes like the plugin's command, in Go. Its name is as long,
// so that the frames are, too.
const nativeCommand = "back"

// serveHost runs mesh-host with its defaults, the plugins of a folder below
// that of the run, the channels and rooms of the scripts and the native command;
// unless checked, plugins run without the deadline check.
func serveHost(ctx context.Context, folder, plugins string, checked bool, log *slog.Logger, ready func(net.Addr)) error {
	config := host.Default()
	config.Listen, config.Admin.Listen = "127.0.0.1:0", "127.0.0.1:0"
	config.Plugins.Dir = filepath.Join(folder, plugins)
	config.Plugins.CacheDir = filepath.Join(folder, cacheFolder)
	config.Channels = []host.ChannelConfig{
		{Pattern: plainChannel, Publish: true},
		{Pattern: keptChannel, Publish: true, History: 100},
	}
	config.Presence = []host.PresenceConfig{{Pattern: presenceRoom}}
	options := []host.Option{host.WithCommand(command.Command{
		Name: nativeCommand,
		Handler: command.HandlerFunc(func(_ context.Context, c *command.Call) error {
			c.Reply(c.Payload)
			return nil
		}),
	})}
	if !checked {
		options = append(options, host.WithoutDeadlines())
	}
	return serveConfig(ctx, config, log, ready, options...)
}

// serveConfig runs mesh-host until ctx is done.
func serveConfig(ctx context.Context, config host.Config, log *slog.Logger, ready func(net.Addr), options ...host.Option) error {
	server, err := host.New(config, log, options...)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	select {
	case <-server.Ready():
		ready(server.Addr())
		return <-ended
	case err := <-ended:
		return err
	}
}
