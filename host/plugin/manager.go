// Package plugin loads, watches and swaps the plugins in a folder and puts
// what they register to work: as commands and middleware of a command.Router,
// as hooks and as schedules. How guests run is the business of the packages
// below it.
package plugin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/mesh-host/mesh-host/host/command"
	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/operation"
	"github.com/mesh-host/mesh-host/host/plugin/extism"
	"github.com/mesh-host/mesh-host/host/plugin/wasm"
)

// Options are what a Manager is made with.
type Options struct {
	// Dir is the folder with the plugins. It is made where it is missing.
	Dir string
	// CacheDir keeps compiled plugins between starts; "" keeps them in memory
	// only.
	CacheDir string
	// Settle is how long a changed file must stay as it is before it is
	// loaded. 0 reads as DefaultSettle.
	Settle time.Duration
	// Settings returns what the operator has set for a plugin. It is asked
	// once for each name; nil gives every plugin DefaultLimits and no
	// configuration.
	Settings func(name string) Settings
	// Reread reads what the operator has set for a plugin anew, for Reload;
	// nil: as Settings says.
	Reread func(name string) (Settings, error)
	// Router gets a new table whenever plugins change.
	Router *command.Router
	// Claim decides which of several nodes runs a schedule of the whole cluster;
	// nil: this one.
	Claim Claim
	// Operations are what plugins can ask of the server. New adds log and
	// config.get.
	Operations operation.Table
	Log        *slog.Logger
	// Unmetered compiles plugins without the meter that lets a deadline end
	// them. For benchmarks: a plugin that loops then never ends.
	Unmetered bool
}

// DefaultSettle is the settle time of Options that set none.
const DefaultSettle = 100 * time.Millisecond

// Manager loads the plugins of a folder and follows its changes. Status and
// Reload are safe for concurrent use; Load comes before Run.
type Manager struct {
	dir      string
	settle   time.Duration
	settings func(name string) Settings
	reread   func(name string) (Settings, error)
	claim    Claim
	router   *command.Router
	runtime  *wasm.Runtime
	extism   *extism.Runtime
	log      *slog.Logger
	profiles sync.Map // of *profile, by plugin name
	reloads  chan reload
	closing  sync.Once
	closed   chan struct{}
	// work counts the versions that are not closed yet, and what else runs on
	// goroutines of its own.
	work sync.WaitGroup

	// scheduling is set while Run runs; scanFailed while the folder cannot be
	// read. Both belong to the goroutine that looks after the folder.
	// departed are the guarded exposures of plugins that have gone, by name.
	scheduling bool
	scanFailed bool
	departed   map[string]ranked[exposure.Set]

	mu    sync.Mutex
	files map[string]*file // by name; changed by that goroutine only
}

// New makes a manager. The caller must Run or Close it.
func New(o Options) (*Manager, error) {
	m := &Manager{
		dir: o.Dir, settle: o.Settle, settings: o.Settings, claim: o.Claim, router: o.Router, log: o.Log,
		files: make(map[string]*file), departed: make(map[string]ranked[exposure.Set]), reloads: make(chan reload), closed: make(chan struct{}),
	}
	if m.settle <= 0 {
		m.settle = DefaultSettle
	}
	if m.settings == nil {
		m.settings = func(string) Settings { return Settings{Limits: DefaultLimits()} }
	}
	if m.reread = o.Reread; m.reread == nil {
		m.reread = func(name string) (Settings, error) { return m.settings(name), nil }
	}
	if err := openFolder(m.dir, m.log); err != nil {
		return nil, err
	}
	m.defineOperations(o.Operations)
	runtime, err := wasm.New(wasm.Config{
		CacheDir: o.CacheDir, Operations: o.Operations, Unmetered: o.Unmetered, Log: o.Log,
	})
	if err != nil {
		return nil, fmt.Errorf("plugin: %w", err)
	}
	m.runtime = runtime
	m.extism = extism.New(extism.Config{
		CacheDir: o.CacheDir, Operations: o.Operations, Pools: runtime, Unmetered: o.Unmetered, Log: o.Log,
		Settings: func(plugin string) []byte { return m.profile(plugin).config },
	})
	return m, nil
}

// Load loads what is in the folder. A bad file is logged and no error; an
// error is a folder that cannot be read.
func (m *Manager) Load() error {
	now := time.Now()
	if err := m.scan(now); err != nil {
		return fmt.Errorf("plugin: %w", err)
	}
	files, _ := m.due(now, 0)
	m.process(context.Background(), files)
	return nil
}

// Run follows the changes of the folder and runs schedules until ctx is done.
// Then it gives the router an empty table, waits for the calls that run, and
// frees everything.
func (m *Manager) Run(ctx context.Context) error {
	m.scheduling = true
	for _, v := range m.serving() {
		m.schedule(v, nil)
	}
	m.watch(ctx)
	return m.Close()
}

// Abort ends the calls into plugins that run, so that Close, or the end of Run,
// need not wait for their deadlines. It does not wait itself.
func (m *Manager) Abort() { m.runtime.Abort() }

// Close does what the end of Run does, for a manager that does not Run.
func (m *Manager) Close() (err error) {
	m.closing.Do(func() {
		close(m.closed)
		m.scheduling = false
		for _, v := range m.serving() {
			v.stopSchedules()
		}
		m.router.Swap(command.NewTable(command.Entries{}, nil))
		m.work.Wait()
		err = m.runtime.Close()
	})
	return err
}

// ErrNotFound reports a plugin that is not there.
var ErrNotFound = errors.New("plugin: not found")

// ErrClosed reports a manager that has been closed.
var ErrClosed = errors.New("plugin: manager closed")

type reload struct {
	name string
	done chan error
}

// Reload reads a plugin's file and its settings again, given the plugin's name
// or the file's, even where nothing has changed. The error says why it does not serve; the
// version before then goes on serving. Reload needs Run, and fails with
// ErrNotFound, ErrClosed or the error of ctx.
func (m *Manager) Reload(ctx context.Context, name string) error {
	r := reload{name: name, done: make(chan error, 1)}
	select {
	case m.reloads <- r:
		return <-r.done
	case <-m.closed:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// reload serves a Reload.
func (m *Manager) reload(ctx context.Context, name string) error {
	now := time.Now()
	if err := m.scan(now); err != nil {
		return fmt.Errorf("plugin: %w", err)
	}
	var found *file
	for _, f := range m.files {
		if f.seen != nil && (f.name == name || f.pluginName() == name) {
			found = f
		}
	}
	if found == nil {
		return ErrNotFound
	}
	settings, err := m.reread(found.pluginName())
	if err != nil {
		return fmt.Errorf("plugin: reload %s: %w", name, err)
	}
	undo := m.renew(found.pluginName(), settings)
	found.forced = true
	files, _ := m.due(now, m.settle)
	if !slices.Contains(files, found) {
		files = append(files, found)
	}
	m.process(ctx, files)
	err = found.failure
	if found.forced { // it was not dealt with
		err = errChanging
	}
	if err != nil {
		undo()
	}
	return err
}
