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

// hostRole is mesh-host as a role of this program.
type hostRole struct {
	folder  string // that of the run
	plugins string // that of plugins below it
	metered bool   // plugins run metered
	redis   string // host and port, "" for none
	prefix  string // of what it has there
}

// serve runs mesh-host with its defaults, the channels, rooms and records of the
// scripts, and the native command.
func (h hostRole) serve(ctx context.Context, log *slog.Logger, ready func(net.Addr)) error {
	config := host.Default()
	config.Listen, config.Admin.Listen = "127.0.0.1:0", "127.0.0.1:0"
	config.Plugins.Dir = filepath.Join(h.folder, h.plugins)
	config.Plugins.CacheDir = filepath.Join(h.folder, cacheFolder)
	config.Plugins.Defaults.HTTP = []string{"http://127.0.0.1:1"} // the conformance plugin needs one
	if h.redis != "" {
		config.Redis.Addresses, config.Redis.Prefix = []string{h.redis}, h.prefix
	}
	config.Records = []host.RecordConfig{{Pattern: openRecords, Writable: true}}
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
	if !h.metered {
		options = append(options, host.WithoutMeter())
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
