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
	"github.com/mesh-host/mesh-host/host/plugin/guest"
	"github.com/mesh-host/mesh-host/host/plugin/wasm"
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
	module       io.Closer
	schedules    schedules

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
func (m *Manager) load(file string, content []byte, hash string) (*version, error) {
	module, err := m.runtime.Compile(content)
	if err != nil {
		return nil, err
	}
	v, err := m.probe(module, file)
	if err != nil {
		return nil, errors.Join(err, module.Close())
	}
	v.file, v.hash, v.module = file, hash, module
	v.makeEntries()
	return v, nil
}

func (m *Manager) probe(module *wasm.Module, file string) (*version, error) {
	name := nameOfFile(file)
	v, err := m.start(module, name)
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
		if v, err = m.start(module, registered); err != nil {
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

func (m *Manager) start(module *wasm.Module, name string) (*version, error) {
	p := m.profile(name)
	g, err := module.Start(p.options(name))
	if err != nil {
		return nil, err
	}
	r, err := parseRegistration(g.Document())
	if err != nil {
		g.Close()
		return nil, brief(err)
	}
	return &version{profile: p, name: name, registration: r, guest: g}, nil
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
	case errors.Is(err, guest.ErrBusy):
		return false, protocol.NewError(abi.CodeRateLimit, fmt.Sprintf("Plugin %q is busy", v.name))
	case errors.Is(err, guest.ErrTimeout):
		v.fault("plugin passed its deadline", what, err)
		return true, protocol.TimedOut(subject)
	case errors.Is(err, guest.ErrClosed):
		return false, protocol.PluginFailed(v.name)
	}
	var fault *guest.Fault
	if errors.As(err, &fault) {
		v.fault("plugin failed", what, fault.Cause)
		return true, protocol.PluginFailed(v.name)
	}
	return false, err // the guest's own
}

func (v *version) fault(text, what string, err error) {
	v.faults.line(slog.LevelError, text, slog.String("version", v.hash), slog.String("handler", what), slog.Any("error", err))
}

// call is a handler of a version, with the words for it.
type call struct {
	version *version
	handler guest.Handler
	// what names the handler in the log: command "echo".
	what string
}

func (v *version) call(number uint32, kind, name string) call {
	return call{version: v, handler: v.guest.Handler(number), what: fmt.Sprintf("%s %q", kind, name)}
}

func (c *call) run(ctx context.Context, request abi.Request, to guest.Receiver, subject string) error {
	err := c.handler.Call(ctx, request, to)
	if err == nil {
		return nil
	}
	_, visible := c.version.explain(err, c.what, subject)
	return visible
}
