package develop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/mesh-host/mesh-host/host"
)

// DevOptions say what to serve.
type DevOptions struct {
	// Dir is the project's folder, Language its language; empty: as
	// DetectLanguage says.
	Dir      string
	Language Language
	// Host is the server's configuration; its plugin folder is replaced.
	Host host.Config
	// Reload reads the configuration anew, as host.WithReload says; nil: it
	// stays as it is.
	Reload func() (host.Config, error)
	// Others is a folder whose plugins are served, too; "": none.
	Others string
	// Log is the server's and the plugins', Output takes what compilers say and
	// what becomes of a build.
	Log    *slog.Logger
	Output io.Writer
}

// Dev serves a project's plugin and builds it again whenever a source changes,
// until ctx is done. A build that fails, or that no server would load, leaves
// the one before in place.
func Dev(ctx context.Context, o DevOptions) (err error) {
	d := &dev{options: o}
	if err := d.prepare(); err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "mesh-host-dev-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	d.target = filepath.Join(folder, pluginFile(d.dir))
	if err := d.linkOthers(); err != nil {
		return err
	}
	watched, err := watchSources(d.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, watched.close()) }()

	defer d.stopWarm()

	d.options.Host.Plugins.Dir = folder
	if err := d.options.Host.Validate(); err != nil {
		return err
	}
	if err := d.first(ctx); err != nil {
		return err
	}
	return d.serve(ctx, watched)
}

// dev is a project that is served.
type dev struct {
	options  DevOptions
	dir      string // absolute
	target   string // the plugin's file
	server   *host.Server
	previous []byte        // the module that was copied last
	warm     *warmCompiler // nil while none runs
}

func (d *dev) prepare() (err error) {
	if d.dir, err = filepath.Abs(d.options.Dir); err != nil {
		return err
	}
	if target, err := filepath.EvalSymlinks(d.dir); err == nil { // else DetectLanguage says what is wrong
		d.dir = target
	}
	if d.options.Language == "" {
		d.options.Language, err = DetectLanguage(d.dir)
		return err
	}
	return checkProject(d.dir, d.options.Language)
}

// linkOthers puts links to the plugins of another folder beside the project's,
// where there are none yet.
func (d *dev) linkOthers() error {
	if d.options.Others == "" {
		return nil
	}
	absolute, err := filepath.Abs(d.options.Others)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(absolute)
	if err != nil {
		return refused(fmt.Errorf("the folder of other plugins: %w", err))
	}
	for _, e := range entries {
		if e.IsDir() || !strings.HasSuffix(e.Name(), ".wasm") || e.Name() == filepath.Base(d.target) {
			continue
		}
		link := filepath.Join(filepath.Dir(d.target), e.Name())
		if err := os.Symlink(filepath.Join(absolute, e.Name()), link); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// othersEvery is how often the folder of other plugins is read again. What has
// changed or gone there the server sees by itself, through the links.
const othersEvery = time.Second

// followOthers links what is new in the folder of other plugins, until ctx is
// done.
func (d *dev) followOthers(ctx context.Context) {
	tick := time.NewTicker(othersEvery)
	defer tick.Stop()
	for failed := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := d.linkOthers()
		if err != nil && !failed {
			d.options.Log.Warn("the folder of other plugins is not followed", "error", err)
		}
		failed = err != nil
	}
}

// say tells the author something.
func (d *dev) say(format string, args ...any) {
	_, _ = fmt.Fprintf(d.options.Output, format+"\n", args...) // nobody can be told that it is gone
}

// build compiles the project and copies the module into the plugin folder. It
// reports whether there is something new.
func (d *dev) build(ctx context.Context) (bool, error) {
	module, err := d.compile(ctx)
	if err != nil || bytes.Equal(module, d.previous) {
		return false, err
	}
	if err := writeWhole(d.target, module); err != nil {
		return false, err
	}
	d.previous = module
	return true, nil
}

func (d *dev) compile(ctx context.Context) ([]byte, error) {
	if d.options.Language == AssemblyScript {
		return d.compileWarm(ctx)
	}
	module, _, err := compile(ctx, &BuildOptions{Dir: d.dir, Language: d.options.Language, Output: d.options.Output, quick: true})
	return module, err
}

// first builds what the server starts with. An error is one that no change of
// a source mends.
func (d *dev) first(ctx context.Context) error {
	start := time.Now()
	_, err := d.build(ctx)
	switch {
	case err == nil:
		d.say("built in %s", since(start))
		return nil
	case ctx.Err() != nil, errors.Is(err, errNoToolchain):
		return err
	}
	d.say("NOT BUILT: %v; waiting for a change", err)
	return nil
}

// serve runs the server and follows the sources.
func (d *dev) serve(ctx context.Context, watched *sources) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var options []host.Option
	if d.options.Reload != nil {
		options = append(options, host.WithReload(d.reread))
	}
	server, err := host.New(d.options.Host, d.options.Log, options...)
	if err != nil {
		return err
	}
	d.server = server
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	var others sync.WaitGroup
	defer others.Wait()
	defer cancel()
	if d.options.Others != "" {
		others.Go(func() { d.followOthers(ctx) })
	}
	select {
	case err := <-done:
		return err
	case <-server.Ready():
	}
	d.sayReady()
	failed := d.follow(ctx, watched)
	cancel()
	if errors.Is(failed, context.Canceled) {
		failed = nil
	}
	return errors.Join(failed, <-done)
}

// reread is the configuration read anew, with the plugin folder of this
// server.
func (d *dev) reread() (host.Config, error) {
	config, err := d.options.Reload()
	config.Plugins.Dir = d.options.Host.Plugins.Dir
	return config, err
}

func (d *dev) sayReady() {
	d.say("mesh-host ready listen=%s admin=%s", d.server.Addr(), d.server.AdminAddr())
	if d.options.Host.Demo.Enabled {
		d.say("the page to try it: http://%s/", d.server.Addr())
	}
	for _, p := range d.server.Plugins() {
		if p.Error != "" {
			d.say("NOT LOADED: %s: %s", p.File, printable(p.Error))
		} else {
			d.say("plugin %s: %s", p.Name, strings.Join(p.Commands, ", "))
		}
	}
	d.say("watching %s", d.dir)
}

// since is how long ago something was, for people.
func since(t time.Time) time.Duration { return time.Since(t).Round(time.Millisecond) }

// follow builds and swaps with each change.
func (d *dev) follow(ctx context.Context, watched *sources) error {
	for {
		changed, err := watched.next(ctx)
		if err != nil {
			return err
		}
		begun := time.Now()
		fresh, err := d.build(ctx)
		built := time.Now()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			d.say("NOT BUILT: %v; what served goes on serving", err)
			continue
		case !fresh:
			d.say("built: the plugin is the same")
			continue
		}
		switch err := d.server.ReloadPlugin(ctx, filepath.Base(d.target)); {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			d.say("NOT LOADED: %s; what served goes on serving", printable(err.Error()))
		default:
			d.say("swapped %s after the change (building %s, loading %s)", since(changed), built.Sub(begun).Round(time.Millisecond), since(built))
		}
	}
}
