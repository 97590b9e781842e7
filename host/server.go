// Package host is the server: it wires the packages below it together. The
// command mesh-host is a thin shell around it, and another Go program can
// embed it:
//
//	server, err := host.New(host.Default(), slog.Default())
//	…
//	err = server.Run(ctx)
package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mesh-host/mesh-host/host/admin"
	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/journal"
	"github.com/mesh-host/mesh-host/host/backplane/memory"
	"github.com/mesh-host/mesh-host/host/backplane/redis"
	"github.com/mesh-host/mesh-host/host/command"
	"github.com/mesh-host/mesh-host/host/demo"
	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/operation"
	"github.com/mesh-host/mesh-host/host/outbound"
	"github.com/mesh-host/mesh-host/host/plugin"
	"github.com/mesh-host/mesh-host/host/static"
	"github.com/mesh-host/mesh-host/host/transport"
)

// Server is a mesh-host server. Its methods are safe for concurrent use.
type Server struct {
	config    Config
	log       *slog.Logger
	sections  sections
	reload    func() (Config, error)
	hub       *hub.Hub
	node      backplane.Node
	store     *memory.Store    // nil with redis
	journal   *journal.Journal // nil: the store is in memory only
	redis     *redis.Node      // nil: this node is alone
	router    *command.Router
	engine    *engine.Engine
	outbound  *outbound.Client
	plugins   *plugin.Manager
	transport *transport.Server
	admin     *http.Server
	// operations is what plugins and operators can ask for.
	operations operation.Table

	clients, operators net.Listener
	ready              chan struct{}
	serving            atomic.Bool
}

// Option is something that New can be told beside the configuration.
type Option func(*extras)

type extras struct {
	commands  []command.Command
	unmetered bool
	newEpochs bool
	reload    func() (Config, error)
}

// WithReload says how the configuration is read anew, when an operator asks
// for a plugin to be reloaded: its section then counts, and nothing else of it.
// Without one, the section stays as it was at the start.
func WithReload(read func() (Config, error)) Option {
	return func(e *extras) { e.reload = read }
}

// WithCommand adds a command that the embedding program handles itself. It
// hides a plugin's command of the same name.
func WithCommand(c command.Command) Option {
	return func(e *extras) { e.commands = append(e.commands, c) }
}

// WithoutMeter runs plugins without the meter that lets a deadline end
// them. It is for measuring what the meter costs: a plugin that loops then
// never ends.
func WithoutMeter() Option {
	return func(e *extras) { e.unmetered = true }
}

// WithNewEpochs gives every record and every channel of which messages are kept a
// new epoch, before anything of them is served. It is for the first start after
// store.path was put back to an earlier state: the versions and offsets that
// follow are those of another history. Clients that come back get values and
// histories instead of what they have missed. New fails without store.path.
func WithNewEpochs() Option {
	return func(e *extras) { e.newEpochs = true }
}

// New makes a server from a valid configuration; the error names every key
// that is not. Nothing is opened but the plugin folder, the cache of compiled
// plugins, and store.path or Redis, which is waited for up to five times
// redis.connect_timeout and redis.timeout; static.dir must be there. The caller
// must Run it, soon: the node's lease goes on only then.
func New(config Config, log *slog.Logger, options ...Option) (*Server, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	var extra extras
	for _, option := range options {
		option(&extra)
	}
	s := &Server{
		config: config, log: log, ready: make(chan struct{}), reload: extra.reload,
		sections:   sections{start: config.Plugins},
		hub:        hub.New(config.hubLimits()),
		operations: make(operation.Table),
	}
	if err := s.openStore(extra.newEpochs); err != nil {
		return nil, err
	}
	s.buildEngine(extra)
	plugins, err := plugin.New(s.pluginOptions(extra))
	if err != nil {
		return nil, errors.Join(err, s.closeBelow())
	}
	s.plugins = plugins
	public, err := s.publicHandler()
	if err != nil {
		return nil, errors.Join(err, plugins.Close(), s.closeBelow())
	}
	s.transport = transport.New(config.transportOptions(s.engine), s.hub, s.router, public, log.With("component", "transport"))
	s.admin = config.adminServer(s.adminHandler())
	return s, nil
}

// buildEngine makes what commands are about.
func (s *Server) buildEngine(extra extras) {
	s.router = command.NewRouter(s.log.With("component", "command"), extra.commands...)
	s.router.Require(s.config.Auth.Require)
	s.router.Expose(s.config.exposed())
	s.engine = engine.New(engine.Options{
		Hub: s.hub, Node: s.node, Rules: s.router, Observer: s.router, Resolver: s.router.Resolver(),
		Log:    s.log.With("component", "engine"),
		Limits: s.config.engineLimits(func(name string) int64 { return int64(s.sections.of(name).KVSize) }),
	})
	s.router.Bind(s.engine, s.config.builtins())
	s.engine.Define(s.operations)
	s.outbound = outbound.New(func(name string) outbound.Policy {
		section := s.sections.of(name)
		return section.outboundPolicy()
	}, func(c operation.Caller, reason error) { s.plugins.Denied(c, reason) })
	s.outbound.Define(s.operations)
}

// reread reads a plugin's section of the configuration anew.
func (s *Server) reread(name string) (plugin.Settings, error) {
	if s.reload != nil {
		config, err := s.reload()
		if err == nil {
			err = config.Validate()
		}
		if err != nil {
			return plugin.Settings{}, fmt.Errorf("host: read the configuration: %w", err)
		}
		s.sections.set(name, config.Plugins.For(name))
	}
	return pluginSettings(s.sections.of(name)), nil
}

// Ready is closed once both listeners accept and the plugins are loaded.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Addr returns the address that clients connect to; nil before Ready.
func (s *Server) Addr() net.Addr { return s.addressOf(&s.clients) }

// AdminAddr returns the address of the operators' side; nil before Ready.
func (s *Server) AdminAddr() net.Addr { return s.addressOf(&s.operators) }

func (s *Server) addressOf(l *net.Listener) net.Addr {
	select {
	case <-s.ready:
		return (*l).Addr()
	default:
		return nil
	}
}

// Run listens, loads the plugins and serves until ctx is done. Then it stops
// accepting, lets the commands in flight finish, closes the sessions with
// 1001, stops the plugins, and returns nil; shutdown.grace bounds that. It may
// be called once.
func (s *Server) Run(ctx context.Context) error {
	if err := s.listen(); err != nil {
		return errors.Join(err, s.plugins.Close(), s.closeBelow())
	}
	// Loading plugins may take longer than the node's lease.
	below, stopBelow := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBelow()
	var leased sync.WaitGroup
	leased.Go(func() { s.node.Run(below) })
	err := s.plugins.Load()
	if err != nil {
		err = errors.Join(err, s.clients.Close(), s.operators.Close(), s.plugins.Close())
	} else {
		err = s.serve(ctx)
	}
	stopBelow()
	leased.Wait()
	return errors.Join(err, s.closeBelow())
}

// serve is Run once everything is open; the store stays so, and the node's lease.
func (s *Server) serve(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	below, stopBelow := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBelow()

	var backs, fronts sync.WaitGroup
	backs.Go(func() { s.hub.Run(below) })
	backs.Go(func() { s.engine.Run(below) })
	backs.Go(func() { s.end(cancel, s.plugins.Run(below)) })
	fronts.Go(func() { s.end(cancel, s.transport.Serve(s.clients)) })
	fronts.Go(func() { s.end(cancel, s.admin.Serve(s.operators)) })
	s.serving.Store(true)
	close(s.ready)

	select {
	case <-ctx.Done():
	case <-s.storeFailed():
		// What it cannot keep must not be shown: a restart reads what it has.
		cancel(fmt.Errorf("host: store.path: %w", s.journal.Err()))
	}
	// The grace is everyone's: the guests' deadlines may be longer.
	defer time.AfterFunc(s.config.Shutdown.Grace, s.plugins.Abort).Stop()
	s.shutdown()
	fronts.Wait()
	stopBelow()
	backs.Wait()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) && !errors.Is(cause, context.DeadlineExceeded) {
		return cause
	}
	return nil
}

// end lets the failure of one part end the whole server.
func (s *Server) end(cancel context.CancelCauseFunc, err error) {
	if err != nil && !errors.Is(err, http.ErrServerClosed) {
		cancel(fmt.Errorf("host: %w", err))
	}
}

func (s *Server) listen() (err error) {
	if s.clients, err = net.Listen("tcp", s.config.Listen); err != nil {
		return fmt.Errorf("host: listen: %w", err)
	}
	if s.operators, err = net.Listen("tcp", s.config.Admin.Listen); err != nil {
		return errors.Join(fmt.Errorf("host: admin.listen: %w", err), s.clients.Close())
	}
	return nil
}

// shutdown ends everything that faces outwards.
func (s *Server) shutdown() {
	s.serving.Store(false)
	s.log.Info("shutting down", "sessions", s.hub.Len(), "grace", s.config.Shutdown.Grace)
	grace, cancel := context.WithTimeout(context.Background(), s.config.Shutdown.Grace)
	defer cancel()
	_ = s.clients.Close()
	start := time.Now()
	s.transport.Shutdown(grace)
	if err := s.admin.Shutdown(grace); err != nil {
		_ = s.admin.Close()
	}
	s.log.Info("stopped", "after", time.Since(start).Round(time.Millisecond))
}

// readiness is the error of /readyz, nil while clients are welcome.
func (s *Server) readiness() error {
	if !s.serving.Load() {
		return errors.New("shutting down")
	}
	if err := s.redisReadiness(); err != nil {
		return err
	}
	table := s.router.Acquire()
	defer table.Release()
	if name := table.Missing(s.config.Auth.Require); name != "" {
		return fmt.Errorf("plugin %q, which auth.require names, is not loaded or does not authenticate", name)
	}
	return nil
}

// publicHandler serves what the clients' port serves beside WebSocket.
func (s *Server) publicHandler() (http.Handler, error) {
	mux := http.NewServeMux()
	health := admin.Health(s.readiness)
	mux.Handle("/healthz", health)
	mux.Handle("/readyz", health)
	dir, page := s.config.Static.Dir, http.NotFoundHandler()
	if s.config.Demo.Enabled {
		page = demo.Handler(s.commandNames, func() []string { return static.Pages(dir) })
	}
	if dir != "" || s.config.Demo.Enabled {
		page = static.Client(page)
	}
	if dir != "" {
		files, err := static.Handler(dir, page)
		if err != nil {
			return nil, &KeyError{Key: "static.dir", Problem: err.Error()}
		}
		page = files
	}
	mux.Handle("/", page)
	return mux, nil
}

func (s *Server) adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", admin.Health(s.operatorsReadiness))
	api := admin.API(s.operations, s.config.adminOptions(s.log.With("component", "admin")))
	mux.Handle("/api", api)
	mux.Handle("/api/", api)
	mux.Handle("GET /metrics", admin.Metrics(s.sources()))
	return mux
}

// sources are where the metrics are read.
func (s *Server) sources() admin.Sources {
	sources := admin.Sources{
		Sessions:    s.hub.Len,
		Traffic:     func() admin.Traffic { return admin.Traffic(s.transport.Metrics()) },
		Plugins:     s.plugins.Status,
		Topics:      s.engine.Topics,
		Hooks:       s.engine.WaitingHooks,
		Collections: s.engine.Collections,
		Slow:        func() admin.Slow { return admin.Slow(s.hub.Slow()) },
	}
	if s.redis != nil {
		sources.Redis = s.asked
	} else {
		sources.Held, sources.Store = s.held, s.kept
	}
	return sources
}

func (s *Server) held() admin.Held {
	held := s.store.Stats()
	return admin.Held{
		Rooms: held.Rooms, Members: held.Members, Present: held.Present,
		Streams: held.Streams,
		Records: held.Records, RecordBytes: held.RecordBytes,
		History: held.History, RoomMetadata: held.RoomMetadata,
	}
}

func (s *Server) commandNames() []string {
	var names []string
	for _, p := range s.plugins.Status() {
		names = append(names, p.Commands...)
	}
	return names
}
