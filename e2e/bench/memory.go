//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// memoryCase is what idle connections cost the real binary, in bytes of
// resident memory each; what the kernel keeps for a socket is not in it.
type memoryCase struct {
	Connections int `json:"connections"`
	// Base is the host's memory before, with the plugin loaded and used by a
	// crowd that has left.
	Base int64 `json:"base"`
	// Connected is per connection right after the last handshake, Idle after a
	// time of nothing but liveness, Echoed when each has echoed once and
	// another such time has passed.
	Connected int64 `json:"connected"`
	Idle      int64 `json:"idle"`
	Echoed    int64 `json:"echoed"`
}

// memory measures the built binary with its defaults.
func (b *bench) memory(ctx context.Context) (m *memoryCase, err error) {
	// A first start fills the cache of compiled plugins: what compiling leaves
	// behind would be there for connections to take, and hide what they cost.
	s, err := b.startBinary(ctx, anyCore, pluginFolder)
	if err != nil {
		return nil, err
	}
	if err := s.stop(); err != nil {
		return nil, err
	}
	if s, err = b.startBinary(ctx, anyCore, pluginFolder); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	f, err := newFleet(s.address)
	if err != nil {
		return nil, err
	}
	defer f.close()
	m = &memoryCase{Connections: b.connections}
	return m, b.fill(m, f, s.pid())
}

// startBinary starts the built binary on a core, with the plugins of a folder
// below that of the run; args may say more than the usual flags.
func (b *bench) startBinary(ctx context.Context, core int, plugins string, args ...string) (*server, error) {
	args = append([]string{
		"serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--plugins", filepath.Join(b.folder, plugins),
	}, args...)
	cmd := exec.CommandContext(ctx, filepath.Join(b.build, "mesh-host"), args...)
	cmd.Env = append(os.Environ(), "MESH_LOG_LEVEL=error",
		"MESH_PLUGINS_CACHE_DIR="+filepath.Join(b.folder, cacheFolder))
	cmd.Stderr = os.Stderr
	return startServer(core, cmd)
}

// fill goes through the stages of a memoryCase.
func (b *bench) fill(m *memoryCase, f *fleet, pid int) (err error) {
	if err := errors.Join(crowd(f.address.String()), f.add(1, "echo", 1, false), f.once(), f.hold(time.Second)); err != nil {
		return err
	}
	if m.Base, err = resident(pid); err != nil {
		return err
	}
	each := func(stage string) (int64, error) {
		now, err := resident(pid)
		bytes := (now - m.Base) / int64(b.connections)
		b.progress("memory: %s: %.1f KiB for each of %d connections", stage, kib(bytes), b.connections)
		return bytes, err
	}
	if err := f.add(b.connections, "echo", 1, false); err != nil {
		return fmt.Errorf("connection %d: %w", len(f.clients), err)
	}
	if m.Connected, err = each("connected"); err != nil {
		return err
	}
	if err := f.hold(b.settle); err != nil {
		return err
	}
	if m.Idle, err = each("idle"); err != nil {
		return err
	}
	if err := errors.Join(f.once(), f.hold(b.settle)); err != nil {
		return err
	}
	m.Echoed, err = each("echoed once")
	return err
}

// crowd has many clients connect, echo and go: the hooks and commands of as many
// as come at a time have made the instances of the plugin that they need.
func crowd(address string) error {
	f, err := newFleet(address)
	if err != nil {
		return err
	}
	defer f.close()
	return errors.Join(f.add(crowdClients, "echo", 1, false), f.once())
}

const crowdClients = 500

func kib(bytes int64) float64 { return float64(bytes) / 1024 }
