package plugin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/operation"
	"github.com/mesh-host/mesh-host/host/plugin/guest"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// version is one loaded content of a plugin's file.
type version struct {
	*profile
	name         string
	file         string // its name in the folder
	hash         string // short, of the content
	registration *abi.Registration
	entries      entries
	guest        guest.Plugin
	module       module
	format       string
	schedules    schedules
	breakers     breakers

	// holders are the tables that this version is in, and its schedules while
	// they run. Guarded by the manager's lock.
	holders int
}

const (
	// maxFile bounds a plugin's file, in bytes.
	maxFile = 64 << 20
	// hashLength is how much of the content's SHA-256 names a version, in
	// characters.
	hashLength = 12
)

// errChanging reports a file that changed while it was read.
var errChanging = errors.New("the file changes while it is read")

// readFile reads a plugin's file; expected is what it was when it was found.
func (m *Manager) readFile(file string, expected os.FileInfo) (content []byte, hash string, err error) {
	if expected.Size() > maxFile {
		return nil, "", fmt.Errorf("the file has %d bytes, over the limit of %d", expected.Size(), maxFile)
	}
	path := filepath.Join(m.dir, file)
	f, err := os.Open(path)
	if err != nil {
		return nil, "", &unreadable{err}
	}
	content, err = io.ReadAll(io.LimitReader(f, maxFile+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, "", &unreadable{err}
	}
	if now, err := os.Stat(path); err != nil || !sameState(now, expected) || int64(len(content)) != expected.Size() {
		return nil, "", errChanging
	}
	sum := sha256.Sum256(content)
	return content, hex.EncodeToString(sum[:])[:hashLength], nil
}

// load compiles and probes the content of a file. What is probed first reads
// the configuration under the file's name; if it registers under another one,
// it is probed again as that.
func (m *Manager) load(ctx context.Context, file string, content []byte, hash string) (*version, error) {
	depth := m.profile(nameOfFile(file)).limits.CallDepth
	v, err := m.loadWith(ctx, file, content, hash, depth)
	if err != nil {
		return nil, err
	}
	if own := v.limits.CallDepth; own != depth { // it is compiled into the code
		v.close()
		if v, err = m.loadWith(ctx, file, content, hash, own); err != nil {
			return nil, err
		}
	}
	v.file = file
	v.makeEntries()
	return v, nil
}

// loadWith compiles and probes a content whose calls may nest depth deep.
func (m *Manager) loadWith(ctx context.Context, file string, content []byte, hash string, depth int) (*version, error) {
	module, format, err := m.compile(ctx, content, depth)
	if err != nil {
		return nil, err
	}
	v, err := m.probe(module, file, hash)
	if err != nil {
		return nil, errors.Join(err, module.Close())
	}
	v.module, v.format = module, format
	return v, nil
}

func (m *Manager) probe(code module, file, hash string) (*version, error) {
	name := nameOfFile(file)
	v, err := m.start(code, name, hash)
	if err != nil {
		return nil, err
	}
	if registered := v.registration.Name; registered != "" && registered != name {
		v.guest.Close()
		// A name gives access to its settings and its store: it must be free
		// before anything runs under it.
		if other := m.claimant(registered, file); other != "" {
			return nil, &collision{fmt.Sprintf("plugin %q is in %s and in %s", registered, other, file)}
		}
		if v, err = m.start(code, registered, hash); err != nil {
			return nil, fmt.Errorf("started as %q: %w", registered, err)
		}
		if v.registration.Name != registered {
			v.guest.Close()
			return nil, fmt.Errorf("registers the name %q, and with the configuration of %q the name %q", registered, registered, v.registration.Name)
		}
	}
	if err := checkPluginName(v.name); err != nil {
		v.guest.Close()
		return nil, fmt.Errorf("the file's name would make it plugin %q: %w", v.name, err)
	}
	if err := v.narrow(); err != nil {
		v.guest.Close()
		return nil, brief(err)
	}
	return v, nil
}

// claimant returns another file of the folder that serves a plugin's name or
// is named after it, "" where there is none. The files do not change while
// versions are loaded.
func (m *Manager) claimant(name, file string) string {
	for other, f := range m.files {
		if other != file && f.seen != nil && (f.pluginName() == name || nameOfFile(other) == name) {
			return other
		}
	}
	return ""
}

func (m *Manager) start(code module, name, hash string) (*version, error) {
	p := m.profile(name)
	g, err := code.Start(p.options(name, hash))
	if err != nil {
		return nil, err
	}
	r, err := parseRegistration(g.Document())
	if err != nil {
		g.Close()
		return nil, brief(err)
	}
	return &version{profile: p, name: name, hash: hash, registration: r, guest: g}, nil
}

// close waits for what runs and frees everything.
func (v *version) close() {
	v.guest.Close()
	if err := v.module.Close(); err != nil {
		v.log.Error("plugin not closed cleanly", "version", v.hash, "error", err)
	}
}

// explain turns the outcome of a call into what may be shown, and logs what
// may not. what names the handler, subject the command that fails for it.
func (v *version) explain(err error, what, subject string) (logged bool, visible error) {
	switch {
	case errors.Is(err, errSuspended):
		return false, protocol.NewError(abi.CodePlugin, fmt.Sprintf("Plugin %q is suspended: it failed again and again", v.name))
	case errors.Is(err, guest.ErrBusy):
		return false, protocol.NewError(abi.CodeRateLimit, fmt.Sprintf("Plugin %q is busy", v.name))
	case errors.Is(err, guest.ErrTimeout):
		v.fault("plugin passed its deadline", what, err)
		return true, protocol.TimedOut(subject)
	case errors.Is(err, guest.ErrFuel):
		v.fault(fmt.Sprintf("plugin used up its fuel; plugins.%s.fuel bounds it", v.name), what, err)
		return true, protocol.PluginFailed(v.name)
	case errors.Is(err, guest.ErrClosed):
		return false, protocol.PluginFailed(v.name)
	}
	var fault *guest.Fault
	if errors.As(err, &fault) {
		v.fault("plugin failed", what, err)
		return true, protocol.PluginFailed(v.name)
	}
	var call *guest.CallError
	if errors.As(err, &call) {
		err = call.Err
	}
	return false, err // the guest's own
}

// fault logs what went wrong with a call.
func (v *version) fault(text, what string, err error) {
	var (
		call  *guest.CallError
		fault *guest.Fault
		id    operation.CallID
	)
	if errors.As(err, &call) {
		id = call.Call
	}
	attrs := origin(v.hash, id, slog.String("handler", what))
	if errors.As(err, &fault) {
		err = fault.Cause
	} else if e := protocol.AsError(err); e != nil && e.Ref != "" {
		attrs = append(attrs, slog.String("ref", e.Ref))
	}
	v.faults.line(slog.LevelError, text, append(attrs, slog.Any("error", err))...)
}

// call is a handler of a version, with the words for it.
type call struct {
	version *version
	handler guest.Handler
	// what names the handler in the log: command "echo".
	what    string
	breaker *breaker
}

func (v *version) call(number uint32, kind, name string) call {
	what := fmt.Sprintf("%s %q", kind, name)
	return call{version: v, handler: v.guest.Handler(number), what: what, breaker: v.breakers.add(newBreaker(v.limits.Breaker, what))}
}

// serve runs the handler unless it is suspended.
func (c *call) serve(ctx context.Context, request abi.Request, to guest.Receiver) error {
	if !c.breaker.admit() {
		c.version.counters.Suspended.Add(1)
		return errSuspended
	}
	err := c.handler.Call(ctx, request, to)
	if what := c.breaker.done(err); what != nothing {
		c.note(what)
	}
	return err
}

func (c *call) run(ctx context.Context, request abi.Request, to guest.Receiver, subject string) error {
	err := c.serve(ctx, request, to)
	if err == nil {
		return nil
	}
	_, visible := c.version.explain(err, c.what, subject)
	return visible
}
