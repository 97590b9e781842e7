//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/pprof"

	"golang.org/x/sys/unix"
)

// The roles in which this program serves.
const (
	roleFloor     = "floor"
	roleHost      = "host"
	roleUnmetered = "unmetered" // the host with plugins that are not metered
	roleBare      = "bare"      // the host without plugins
	roleFanFloor  = "fan-floor" // a bare server that broadcasts
	roleLaneFloor = "lane-floor"
)

func (b *bench) roleArgs(profile, role string, more ...string) []string {
	args := append([]string{"serve", "-folder", b.folder}, more...)
	if b.profile != "" {
		args = append(args, "-profile", filepath.Join(b.profile, profile+role+".pprof"))
	}
	return append(args, role)
}

// The folders below that of a run.
const (
	pluginFolder = "plugins"
	emptyFolder  = "none"
	cacheFolder  = "cache" // of compiled plugins
)

// prepare makes the folder of a run, with the one plugin that its servers
// load.
func (b *bench) prepare() (err error) {
	if b.folder, err = os.MkdirTemp("", "bench-"); err != nil {
		return err
	}
	module, err := os.ReadFile(b.plugin("conformance-go"))
	if err != nil {
		return err
	}
	plugins := filepath.Join(b.folder, pluginFolder)
	return errors.Join(os.Mkdir(plugins, 0o700), os.Mkdir(filepath.Join(b.folder, emptyFolder), 0o700),
		os.WriteFile(filepath.Join(plugins, "conformance-go.wasm"), module, 0o600))
}

// plugin returns the path of a built plugin.
func (b *bench) plugin(name string) string { return filepath.Join(b.build, "plugins", name+".wasm") }

// serve is a server's process: it prints where it listens and serves until its
// standard input ends, as it does when its parent is gone.
func serve(args []string, in io.Reader, out, errs io.Writer) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	folder := flags.String("folder", "", "folder of the run")
	profile := flags.String("profile", "", "file for a CPU profile")
	redis := flags.String("redis", "", "host and port of a Redis, for mesh-host")
	prefix := flags.String("prefix", "", "of what it has there")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *profile != "" {
		stop, err := startProfile(*profile)
		if err != nil {
			return err
		}
		defer stop()
	}
	ctx, cancel := signal.NotifyContext(context.Background(), unix.SIGTERM)
	defer cancel()
	go func() { // ends with the process
		_, _ = io.Copy(io.Discard, in)
		cancel()
	}()
	ready := func(a net.Addr) { _, _ = fmt.Fprintf(out, "ready listen=%s\n", a) }
	log := slog.New(slog.NewTextHandler(errs, &slog.HandlerOptions{Level: slog.LevelError}))
	h := hostRole{folder: *folder, plugins: pluginFolder, metered: true, redis: *redis, prefix: *prefix}
	switch flags.Arg(0) {
	case roleFloor:
		return serveFloor(ctx, echo, ready)
	case roleFanFloor:
		return serveFanFloor(ctx, ready)
	case roleLaneFloor:
		return serveLaneFloor(ctx, ready)
	case roleHost:
		return h.serve(ctx, log, ready)
	case roleBare:
		h.plugins = emptyFolder
		return h.serve(ctx, log, ready)
	case roleUnmetered:
		h.metered = false
		return h.serve(ctx, log, ready)
	}
	return fmt.Errorf("unknown role %q", flags.Arg(0))
}

func startProfile(file string) (stop func(), err error) {
	f, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { pprof.StopCPUProfile(); _ = f.Close() }, nil
}

func serveFloor(ctx context.Context, handle func(net.Conn), ready func(net.Addr)) error {
	f, err := newFloor(handle)
	if err != nil {
		return err
	}
	stopped := context.AfterFunc(ctx, func() { _ = f.listener.Close() })
	defer stopped()
	ready(f.listener.Addr())
	return f.serve()
}
