//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// subscribedCase is what subscriptions cost the real binary, in bytes of
// resident memory each.
type subscribedCase struct {
	Connections int `json:"connections"`
	// Channels is to how many each connection subscribes.
	Channels int `json:"channels"`
	// Same is where all connections subscribe to the same channels, Own where
	// each subscribes to its own: then it is a channel and a subscription.
	Same int64 `json:"same"`
	Own  int64 `json:"own"`
}

const (
	subscribedConnections = 100
	subscribedChannels    = 1000
)

// subscribed measures the built binary with a config that opens channels.
func (b *bench) subscribed(ctx context.Context) (*subscribedCase, error) {
	c := &subscribedCase{Connections: subscribedConnections, Channels: subscribedChannels}
	for _, kind := range []struct {
		name    string
		channel func(connection, i int) string
		bytes   *int64
	}{
		{"the same channels", func(_, i int) string { return fmt.Sprintf("memory:%07d", i) }, &c.Same},
		{"channels of its own", func(n, i int) string { return fmt.Sprintf("memory:%07d", n*c.Channels+i) }, &c.Own},
	} {
		bytes, err := b.subscribedTo(ctx, c, kind.channel)
		if err != nil {
			return nil, fmt.Errorf("subscriptions to %s: %w", kind.name, err)
		}
		*kind.bytes = bytes
		b.progress("memory: %d B for a subscription to %s", bytes, kind.name)
	}
	return c, nil
}

// subscribedTo connects, subscribes, waits, and returns the bytes for each
// subscription.
func (b *bench) subscribedTo(ctx context.Context, c *subscribedCase, channel func(connection, i int) string) (bytes int64, err error) {
	config := filepath.Join(b.folder, "config.toml")
	if err := os.WriteFile(config, []byte("[[channels]]\npattern = '/^memory:.+$/'\n"), 0o600); err != nil {
		return 0, err
	}
	s, err := b.startBinary(ctx, anyCore, pluginFolder, "--config", config)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	f, err := newFleet(s.address)
	if err != nil {
		return 0, err
	}
	defer f.close()
	if err := errors.Join(f.add(c.Connections, "echo", 1, false), f.once(), f.hold(time.Second)); err != nil {
		return 0, err
	}
	before, err := resident(s.pid())
	if err != nil {
		return 0, err
	}
	for n, client := range f.clients {
		var requests []string
		for i := range c.Channels {
			requests = append(requests, subscribeTo(channel(n, i)))
		}
		if err := converse(client, requests...); err != nil {
			return 0, fmt.Errorf("connection %d: %w", n, err)
		}
	}
	if err := f.hold(b.settle); err != nil {
		return 0, err
	}
	after, err := resident(s.pid())
	return (after - before) / int64(c.Connections*c.Channels), err
}

func (r *report) subscribedTable() string {
	c := r.Subscribed
	if c == nil {
		return ""
	}
	return markdown([][]string{
		{"connections × channels", "each, to the same channels", "each, to channels of its own"},
		{fmt.Sprintf("%d × %d", c.Connections, c.Channels), fmt.Sprintf("%.2f KiB", kib(c.Same)), fmt.Sprintf("%.2f KiB", kib(c.Own))},
	})
}
