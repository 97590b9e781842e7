package plugintest

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/capability"
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

// WithHTTP grants the plugin the capability "http" for origins such as
// "https://api.example.com". Without it there is one, where nothing is.
func WithHTTP(origins ...string) Option {
	return func(k *kit) { k.origins = origins }
}

// Except names commands that are not called with odd payloads, because they are
// meant to fail.
func Except(commands ...string) Option {
	return func(k *kit) { k.except = append(k.except, commands...) }
}

// Lacks names commands of the conformance plugin that this one does not have,
// for a format or a language that has no way to them. That they are missing is
// checked, too.
func Lacks(commands ...string) Option {
	return func(k *kit) { k.lacks = append(k.lacks, commands...) }
}

// Run checks that a module, native or of another format that the host loads, is
// a plugin that a host can live with: it loads and registers the same in every
// instance, it answers any payload with a reply or an error of its own and never
// with a trap, it serves calls one after the other from one instance and many
// side by side from several, its memory does not grow with the number of calls,
// and its hooks stand odd handshakes and sessions.
//
// A plugin that registers as "conformance" must besides do all that
// plugins/examples/conformance/go/README.md says: what every kit for a language
// is tested by.
func Run(t *testing.T, module []byte, options ...Option) {
	t.Helper()
	k := newKit(t, module, options)
	conforms := k.status().Name == conformance
	if conforms {
		k.except = append(k.except, misbehaving...)
	}
	t.Run("payloads", k.payloads)
	t.Run("one after the other", k.sequence)
	t.Run("side by side", k.crowd)
	t.Run("authenticate", k.authenticate)
	t.Run("sessions", k.sessions)
	if conforms {
		k.conform(t)
	}
}

// kit is a plugin under test with the host that runs it.
type kit struct {
	module        []byte
	config        json.RawMessage
	except, lacks []string
	origins       []string
	limits        plugin.Limits
	cache         string // compiled plugins
	manager       *plugin.Manager
	router        *command.Router
	server        *recorder
	lines         *lines
	hub           *hub.Hub
	session       *hub.Session
}

// fileName has a language's suffix, as builds of one plugin have.
const fileName = "under-test-go.wasm"

func newKit(t *testing.T, module []byte, options []Option) *kit {
	t.Helper()
	k := &kit{module: module, limits: plugin.DefaultLimits(), cache: t.TempDir(), origins: []string{"http://a.example"}}
	k.limits.Deadline = patience
	k.limits.LogRate = maxAsked
	for _, o := range options {
		o(k)
	}
	k.grant(t)
	k.start(t)
	return k
}

// grant gives the plugin everything, with its origins.
func (k *kit) grant(t *testing.T) {
	t.Helper()
	var origins []capability.Origin
	for _, text := range k.origins {
		o, err := capability.ParseOrigin(text)
		if err != nil {
			t.Fatalf("the origin %q: %v", text, err)
		}
		origins = append(origins, o)
	}
	k.limits.Access = capability.Everything(origins...)
}

// patience is the deadline of a plugin that is expected to answer, on a machine
// that may be busy.
const patience = 10 * time.Second

// again makes another host for the plugin, with another deadline.
func (k *kit) again(t *testing.T, deadline time.Duration) *kit {
	t.Helper()
	limits := k.limits
	limits.Deadline = deadline
	return k.within(t, limits)
}

// within makes another host for the plugin, with other limits.
func (k *kit) within(t *testing.T, limits plugin.Limits) *kit {
	t.Helper()
	other := &kit{module: k.module, config: k.config, except: k.except, lacks: k.lacks, limits: limits, cache: k.cache}
	other.start(t)
	return other
}

// start loads the plugin into a host of its own, which ends with the test.
func (k *kit) start(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, fileName), k.module, 0o600); err != nil {
		t.Fatal(err)
	}
	k.server, k.lines = new(recorder), &lines{t: t}
	log := slog.New(k.lines)
	k.router = command.NewRouter(log)
	var err error
	k.manager, err = plugin.New(plugin.Options{
		Dir: dir, CacheDir: k.cache, Router: k.router, Operations: k.server.table(), Log: log,
		Settings: func(string) plugin.Settings { return plugin.Settings{Limits: k.limits, Config: k.config} },
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
	k.hub = hub.New(hub.Limits{Outbox: 1 << 20})
	k.session = k.connect(t, "ann", `{"user":"ann"}`)
}

// connect makes a session; the empty metadata is none.
func (k *kit) connect(t *testing.T, user, metadata string) *hub.Session {
	t.Helper()
	info := hub.Info{User: user}
	if metadata != "" {
		info.Metadata = json.RawMessage(metadata)
	}
	s, err := k.hub.Register(discard{}, info)
	if err != nil {
		t.Fatal(err)
	}
	return s
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
	if after := k.status(); after.Counts.Discarded != before.Counts.Discarded || after.Instances > before.Instances {
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
	_, err := k.call(name, payload, "")
	if err != nil && (err.Code == abi.CodePlugin || err.Code == abi.CodeTimeout || err.Code == abi.CodeRateLimit || err.Ref != "") {
		t.Errorf("%s with payload %s: %v", name, protocol.CutText(payload, 100), err)
	}
}

// call runs a command as a session does; an empty payload, or locals, are none.
func (k *kit) call(name, payload, locals string) (reply string, err *protocol.Error) {
	table := k.router.Acquire()
	defer table.Release()
	c, _ := k.router.Resolve(table, []byte(name))
	if c == nil {
		return "", protocol.NotFound(name)
	}
	var text []byte
	if payload != "" {
		text = []byte(payload)
	}
	call := command.NewCall(k.session, name, text, nil)
	defer call.Release()
	if locals != "" {
		call.AddLocals([]byte(locals))
	}
	if err := k.router.Run(context.Background(), table, c, call); err != nil {
		return "", err
	}
	if result := call.Result(); result != nil {
		return string(result), nil
	}
	return "null", nil
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

// lines shows the host's log with the test's, and keeps the plugin's lines.
type lines struct {
	t     *testing.T
	mu    sync.Mutex
	heard []string // "warn hello"
}

var _ slog.Handler = (*lines)(nil)

// Enabled implements slog.Handler.
func (*lines) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler.
func (l *lines) Handle(_ context.Context, r slog.Record) error {
	text := strings.ToLower(r.Level.String()) + " " + r.Message
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.heard) < maxAsked {
		l.heard = append(l.heard, text)
	}
	var with strings.Builder
	r.Attrs(func(a slog.Attr) bool {
		with.WriteString(" " + protocol.CutText(a.String(), 300))
		return true
	})
	l.t.Log(protocol.CutText(text, 300) + with.String())
	return nil
}

// WithAttrs implements slog.Handler; what they are is of no interest here.
func (l *lines) WithAttrs([]slog.Attr) slog.Handler { return l }

// WithGroup implements slog.Handler.
func (l *lines) WithGroup(string) slog.Handler { return l }

// has tells whether a line was logged, and forgets all.
func (l *lines) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := slices.Contains(l.heard, text)
	l.heard = nil
	return found
}
