package plugin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mesh-host/mesh-host/host/command"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/plugin"
	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
	"github.com/mesh-host/mesh-host/host/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// folder is a plugin folder with its manager and a session that calls.
type folder struct {
	*plugin.Manager
	t       testing.TB
	dir     string
	router  *command.Router
	session *hub.Session
	log     *syncBuffer

	mu       sync.Mutex
	settings map[string]plugin.Settings
}

type option func(*plugin.Options)

// newFolder makes a folder with files, by name, and a manager that has not
// loaded them.
func newFolder(tb testing.TB, files map[string][]byte, settings map[string]plugin.Settings, change ...option) *folder {
	tb.Helper()
	f := &folder{t: tb, dir: filepath.Join(tb.TempDir(), "plugins"), log: new(syncBuffer), settings: settings}
	log := slog.New(slog.NewTextHandler(f.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	f.router = command.NewRouter(log)
	o := plugin.Options{
		Dir: f.dir, Settle: 20 * time.Millisecond, Settings: f.settingsOf,
		Router: f.router, Operations: plugintest.Operations(), Log: log,
	}
	for _, c := range change {
		c(&o)
	}
	var err error
	if f.Manager, err = plugin.New(o); err != nil {
		tb.Fatal(err)
	}
	for name, module := range files {
		f.put(name, module)
	}
	sessions := hub.New(hub.Limits{Outbox: 1 << 20})
	if f.session, err = sessions.Register(new(wire), hub.Info{User: "ada", Metadata: json.RawMessage(`{"m":1}`)}); err != nil {
		tb.Fatal(err)
	}
	return f
}

// load loads the files and closes the manager with the test.
func load(tb testing.TB, files map[string][]byte, settings map[string]plugin.Settings, change ...option) *folder {
	tb.Helper()
	f := newFolder(tb, files, settings, change...)
	tb.Cleanup(func() {
		if err := f.Close(); err != nil {
			tb.Error(err)
		}
	})
	if err := f.Load(); err != nil {
		tb.Fatal(err)
	}
	return f
}

// watch loads the files and follows the folder until the test ends.
func watch(tb testing.TB, files map[string][]byte, settings map[string]plugin.Settings, change ...option) *folder {
	tb.Helper()
	f := newFolder(tb, files, settings, change...)
	if err := f.Load(); err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	tb.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			tb.Error(err)
		}
	})
	return f
}

func (f *folder) settingsOf(name string) plugin.Settings {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s, ok := f.settings[name]; ok {
		return s
	}
	l := plugin.DefaultLimits()
	l.Deadline = 10 * time.Second // on a busy machine a good guest may take its time
	return plugin.Settings{Limits: l}
}

// quick are limits under which bad guests fail soon.
func quick() plugin.Limits {
	l := plugin.DefaultLimits()
	l.Deadline = 250 * time.Millisecond
	return l
}

// document makes settings that have a puppet register a document.
func document(text string) plugin.Settings {
	return plugin.Settings{Limits: quick(), Config: json.RawMessage(text)}
}

func (f *folder) path(name string) string { return filepath.Join(f.dir, name) }

// put makes a file of the folder, whole at once: what reads it sees no half.
func (f *folder) put(name string, module []byte) {
	f.t.Helper()
	whole := filepath.Join(f.t.TempDir(), name)
	if err := os.WriteFile(whole, module, 0o600); err != nil {
		f.t.Fatal(err)
	}
	f.rename(whole, f.path(name))
}

func (f *folder) remove(name string) {
	f.t.Helper()
	if err := os.Remove(f.path(name)); err != nil {
		f.t.Fatal(err)
	}
}

func (f *folder) rename(from, to string) {
	f.t.Helper()
	if err := os.Rename(from, to); err != nil {
		f.t.Fatal(err)
	}
}

// call runs a command as a session does; the reply "" is none.
func (f *folder) call(name, payload string) (string, *protocol.Error) {
	return f.callOn(f.router.Acquire(), name, payload)
}

// callOn runs a command on a table, and releases it.
func (f *folder) callOn(table *command.Table, name, payload string) (string, *protocol.Error) {
	defer table.Release()
	c, _ := f.router.Resolve(table, []byte(name))
	if c == nil {
		return "", protocol.NotFound(name)
	}
	var text []byte // nil for no payload
	if payload != "" {
		text = []byte(payload)
	}
	call := command.NewCall(f.session, c.Name, text, nil)
	defer call.Release()
	if err := f.router.Run(context.Background(), table, c, call); err != nil {
		return "", err
	}
	return string(call.Result()), nil
}

// answers waits until a command answers with a body.
func (f *folder) answers(name, want string) {
	f.t.Helper()
	f.until(name+" answers "+want, func() bool {
		got, err := f.call(name, `{}`)
		return err == nil && got == want
	})
}

// fails waits until a command fails with a code.
func (f *folder) fails(name, code string) {
	f.t.Helper()
	f.until(name+" fails with "+code, func() bool {
		_, err := f.call(name, `{}`)
		return err != nil && err.Code == code
	})
}

func (f *folder) until(what string, done func() bool) {
	f.t.Helper()
	deadline := time.After(10 * time.Second)
	for tick := time.NewTicker(time.Millisecond); !done(); {
		select {
		case <-tick.C:
		case <-deadline:
			f.t.Fatalf("%s: not within 10 s; log:\n%s", what, f.log)
		}
	}
}

// status returns that of a file.
func (f *folder) status(file string) plugin.Status {
	for _, s := range f.Status() {
		if s.File == file {
			return s
		}
	}
	return plugin.Status{}
}

func (f *folder) logs(parts ...string) {
	f.t.Helper()
	f.until("the log contains "+strings.Join(parts, ", "), func() bool {
		text := f.log.String()
		for _, part := range parts {
			if !strings.Contains(text, part) {
				return false
			}
		}
		return true
	})
}

// wire is a socket that takes everything.
type wire struct{}

func (*wire) Write([][]byte) error                { return nil }
func (*wire) TryWrite([][]byte) ([][]byte, error) { return nil, nil }
func (*wire) Close() error                        { return nil }

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
