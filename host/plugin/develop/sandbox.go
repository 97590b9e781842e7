package develop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/backplane/memory"
	"github.com/mesh-host/mesh-host/host/capability"
	"github.com/mesh-host/mesh-host/host/command"
	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/operation"
	"github.com/mesh-host/mesh-host/host/plugin"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// sandboxOptions are what a sandbox is made with.
type sandboxOptions struct {
	// file is the plugin's name in the folder; its settings may hang on it.
	file   string
	module []byte
	// config is the plugin's own, a JSON object; nil reads as {}.
	config json.RawMessage
	// limits are the plugin's; the zero value is that of plugin.DefaultLimits.
	limits plugin.Limits
	// answers are what http.fetch is answered; nil: that it is not there.
	answers []Answer
	// schedules run, as they would in a server.
	schedules bool
	// compiled is a folder that keeps compiled plugins; "" keeps none.
	compiled string
	log      *slog.Logger
}

// sandbox is a host in this process, with one plugin and without a network:
// what it keeps is in memory and ends with it.
type sandbox struct {
	dir        string
	file       string
	hub        *hub.Hub
	engine     *engine.Engine
	router     *command.Router
	manager    *plugin.Manager
	operations operation.Table
	stop       context.CancelFunc
	base       context.Context
	work       sync.WaitGroup
	running    sync.WaitGroup // the manager, where it has schedules to run
}

// sandboxOutbox is the most bytes of pushes that wait for a client.
const sandboxOutbox = 16 << 20

// openSandbox starts a host and loads the plugin, which may fail: see loaded.
// The caller must close it.
func openSandbox(o sandboxOptions) (s *sandbox, err error) {
	if o.log == nil {
		o.log = slog.New(slog.DiscardHandler)
	}
	if o.limits == (plugin.Limits{}) {
		o.limits = plugin.DefaultLimits()
	}
	if o.limits.Access == nil { // requests are not sent, so that they may go anywhere
		o.limits.Access = capability.Anywhere()
	}
	s = &sandbox{file: o.file, hub: hub.New(hub.Limits{Outbox: sandboxOutbox, CloseTimeout: time.Second}), operations: make(operation.Table)}
	if s.dir, err = os.MkdirTemp("", "mesh-host-plugin-"); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(s.dir, o.file), o.module, 0o600); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.dir))
	}
	node := memory.New(memory.Options{}).Node("sandbox")
	s.router = command.NewRouter(o.log)
	s.engine = engine.New(engine.Options{
		Hub: s.hub, Node: node, Rules: s.router, Observer: s.router, Resolver: s.router.Resolver(), Log: o.log,
	})
	s.router.Bind(s.engine, command.Builtins{})
	s.engine.Define(s.operations)
	if o.answers != nil {
		defineAnswers(s.operations, o.answers)
	}
	defineAway(s.operations)
	s.manager, err = plugin.New(plugin.Options{
		Dir: s.dir, CacheDir: o.compiled, Router: s.router, Operations: s.operations, Log: o.log,
		Settings: func(string) plugin.Settings { return plugin.Settings{Limits: o.limits, Config: o.config} },
	})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.dir))
	}
	s.base, s.stop = context.WithCancel(context.Background())
	s.work.Go(func() { node.Run(s.base) })
	s.work.Go(func() { s.hub.Run(s.base) })
	s.work.Go(func() { s.engine.Run(s.base) })
	if err := s.manager.Load(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	if o.schedules {
		s.running.Go(func() { _ = s.manager.Run(s.base) }) // close returns its error
	}
	return s, nil
}

// defineAway gives the operations that reach outside, or that are about other
// parts of a server, an answer: that they are not there.
func defineAway(t operation.Table) {
	for _, o := range abi.Operations {
		_, defined := t[o.Name]
		switch {
		case defined, o.Name == abi.OpLog, o.Name == abi.OpConfigGet, o.Door == abi.DoorOperator:
			continue
		}
		operation.Refuse(t, o.Name, protocol.NewError(abi.CodeUnavailable, o.Name+" is not there in a plugin's test"))
	}
}

// close ends everything and removes the folder.
func (s *sandbox) close() error {
	s.manager.Abort()
	s.stop()
	s.running.Wait() // a manager is closed by the end of its Run, or without one
	err := s.manager.Close()
	s.work.Wait()
	return errors.Join(err, os.RemoveAll(s.dir))
}

// status is how the plugin fares.
func (s *sandbox) status() plugin.Status {
	for _, status := range s.manager.Status() {
		if status.File == s.file {
			return status
		}
	}
	return plugin.Status{File: s.file, Error: "the file is not there"}
}

// loaded returns why the plugin does not serve, or nil.
func (s *sandbox) loaded() error {
	if status := s.status(); !status.Loaded {
		return errors.New(status.Error)
	}
	return nil
}

// ask calls an operation as the plugin would, and returns the response's field
// that is meant, a JSON text; nil where it is absent.
func (s *sandbox) ask(ctx context.Context, name string, request any, field string) (json.RawMessage, error) {
	text, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	answer, err := s.operations[name].JSON(ctx, operation.Caller{Plugin: s.status().Name}, text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(answer, &fields); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return fields[field], nil
}

// commandNames are those of the plugin, sorted.
func (s *sandbox) commandNames() []string { return slices.Clone(s.status().Commands) }

// sortedKeys are those of a map.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
