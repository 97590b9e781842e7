package plugintest

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/command"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/plugin"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// Option changes what Run expects of a plugin.
type Option func(*kit)

// WithConfig gives the plugin its configuration, a JSON object.
func WithConfig(config string) Option {
	return func(k *kit) { k.config = json.RawMessage(config) }
}

// Except names commands that are not called, because they are meant to fail.
func Except(commands ...string) Option {
	return func(k *kit) { k.except = append(k.except, commands...) }
}

// Run checks that a module is a plugin that a host can live with: it loads and
// registers the same in every instance, it answers any payload with a reply or
// an error of its own and never with a trap, it serves calls one after the
// other from one instance and many side by side from several, and its hooks
// stand odd handshakes and sessions.
func Run(t *testing.T, module []byte, options ...Option) {
	t.Helper()
	k := newKit(t, module, options)
	t.Run("payloads", k.payloads)
	t.Run("one after the other", k.sequence)
	t.Run("side by side", k.crowd)
	t.Run("authenticate", k.authenticate)
	t.Run("sessions", k.sessions)
}

// kit is a plugin under test with the host that runs it.
type kit struct {
	config  json.RawMessage
	except  []string
	manager *plugin.Manager
	router  *command.Router
	session *hub.Session
}

const fileName = "under-test.wasm"

func newKit(t *testing.T, module []byte, options []Option) *kit {
	t.Helper()
	k := new(kit)
	for _, o := range options {
		o(k)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, fileName), module, 0o600); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(logWriter{t}, nil))
	k.router = command.NewRouter(log)
	var err error
	k.manager, err = plugin.New(plugin.Options{
		Dir: dir, Router: k.router, Operations: Operations(), Log: log,
		Settings: func(string) plugin.Settings {
			return plugin.Settings{Limits: plugin.DefaultLimits(), Config: k.config}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.manager.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := k.manager.Load(); err != nil {
		t.Fatal(err)
	}
	if s := k.status(); !s.Loaded {
		t.Fatal(s.Error)
	}
	if k.session, err = hub.New(hub.Limits{Outbox: 1 << 20}).Register(discard{}, hub.Info{}); err != nil {
		t.Fatal(err)
	}
	return k
}

func (k *kit) status() plugin.Status { return k.manager.Status()[0] }

// commands are those to call.
func (k *kit) commands() []string {
	return slices.DeleteFunc(k.status().Commands, func(name string) bool { return slices.Contains(k.except, name) })
}

// payloads that a client may send, whatever the plugin expects.
func payloads() []string {
	return []string{
		"", "null", "true", "0", "-1.5e300", `""`, `"\u0000é🦀\""`, "[]", "{}", `[1,[2,[3]]]`,
		`{"a":1,"a":2,"":null}`, strings.Repeat("[", protocol.MaxDepth) + strings.Repeat("]", protocol.MaxDepth),
		`"` + strings.Repeat("x", 64<<10) + `"`, `{"message":5,"to":{},"token":[],"command":"` + strings.Repeat("y", 1000) + `"}`,
	}
}

func (k *kit) payloads(t *testing.T) {
	for _, name := range k.commands() {
		for _, payload := range payloads() {
			k.mustAnswer(t, name, payload)
		}
	}
}

// sequence proves that nothing is lost or left over from call to call.
func (k *kit) sequence(t *testing.T) {
	before := k.status()
	for range 200 {
		for _, name := range k.commands() {
			k.mustAnswer(t, name, `{}`)
		}
	}
	if after := k.status(); after.Counts.Discarded != before.Counts.Discarded || after.Instances != before.Instances {
		t.Errorf("from %d instances to %d, and %d discarded", before.Instances, after.Instances, after.Counts.Discarded-before.Counts.Discarded)
	}
}

func (k *kit) crowd(t *testing.T) {
	var calls sync.WaitGroup
	for range 8 {
		calls.Go(func() {
			for range 20 {
				for _, name := range k.commands() {
					k.mustAnswer(t, name, `{}`)
				}
			}
		})
	}
	calls.Wait()
}

// mustAnswer calls a command, and fails where the host had to answer for it.
func (k *kit) mustAnswer(t *testing.T, name, payload string) {
	t.Helper()
	table := k.router.Acquire()
	defer table.Release()
	c, _ := k.router.Resolve(table, []byte(name))
	if c == nil {
		t.Errorf("%s is not there", name)
		return
	}
	var text []byte
	if payload != "" {
		text = []byte(payload)
	}
	call := command.NewCall(k.session, name, text, nil)
	defer call.Release()
	err := k.router.Run(context.Background(), table, c, call)
	if err != nil && (err.Code == abi.CodePlugin || err.Code == abi.CodeTimeout || err.Code == abi.CodeRateLimit || err.Ref != "") {
		t.Errorf("%s with payload %s: %v", name, protocol.CutText(payload, 100), err)
	}
}

func (k *kit) authenticate(t *testing.T) {
	table := k.router.Acquire()
	defer table.Release()
	for _, h := range []abi.Handshake{
		{},
		{Method: "GET", Path: "/", Query: "token=%zz&&=&token", RemoteAddress: "[::1]:1"},
		{Method: "GET", Path: "/" + strings.Repeat("x", 8<<10), Headers: []string{"cookie", "", "authorization", "Bearer \xff"}},
	} {
		for _, a := range table.Authenticators {
			_, err := a.Authenticate(context.Background(), &h)
			if e := protocol.AsError(err); e != nil {
				t.Errorf("handshake %+v: %v", h, e)
			}
		}
	}
}

func (k *kit) sessions(t *testing.T) {
	before := k.status().Counts
	table := k.router.Acquire()
	defer table.Release()
	for _, o := range table.Observers {
		o.Connected(context.Background(), k.session)
		o.Disconnected(context.Background(), k.session, hub.Gone)
	}
	if after := k.status().Counts; after.Discarded != before.Discarded {
		t.Error("a hook failed")
	}
}

// discard is a socket that takes everything.
type discard struct{}

func (discard) Write([][]byte) error                { return nil }
func (discard) TryWrite([][]byte) ([][]byte, error) { return nil, nil }
func (discard) Close() error                        { return nil }

// logWriter shows the host's log with the test's.
type logWriter struct{ t *testing.T }

var _ io.Writer = logWriter{}

// Write implements io.Writer.
func (w logWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSuffix(string(p), "\n"))
	return len(p), nil
}
