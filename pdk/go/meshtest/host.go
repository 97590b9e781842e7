// Package meshtest runs a plugin natively, against a host that lives in
// memory, so that go test reaches its handlers as fast as any function:
//
//	func TestAdd(t *testing.T) {
//		host := meshtest.New(t, setup)
//		host.Connect(meshtest.Connection{ID: "c1"})
//		reply, err := host.Call("c1", "add", `{"a":1,"b":2}`)
//		...
//	}
//
// The plugin is called through the same bytes as in wasm. What is valid only
// until a handler returns is overwritten afterwards, so that a plugin which
// keeps it fails here and not in service. The host is strict where the real
// one is: a reply that is no JSON is an EPLUGIN error.
//
// The host keeps rooms, presence, channels, records, collections and the store,
// and asks the plugin's guards as its exposures say. Hooks run, and collections
// see what has changed, before the method returns that has set it off.
package meshtest

import (
	"encoding/json"
	"errors"
	"sync"
	"testing"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
	"github.com/mesh-host/mesh-host/pdk/go/internal/env"
)

// Host is one instance of a plugin with a host of its own. Its methods may be
// called from parallel tests; calls into plugins run one at a time.
type Host struct {
	guest        env.Guest
	config       mesh.JSON
	http         func(mesh.HTTPRequest) (mesh.HTTPResponse, error)
	document     mesh.JSON
	registration registration

	mu          sync.Mutex
	kv          map[string]entry
	connections map[string]*Connection
	pushes      map[string][]Push
	logs        []Line
	closed      []Closure
	rooms       map[string]*room
	channels    map[string]*channel
	records     map[string]*record
	collections map[string]*collection
	changed     map[string]bool // records, since the collections have seen them
	events      []event
	failures    []error
}

// Option changes a host before the plugin is set up.
type Option func(*Host)

// WithConfig gives the plugin its settings, a JSON object. Default: {}.
func WithConfig(object string) Option {
	return func(h *Host) { h.config = mesh.JSON(object) }
}

// New sets a plugin up and fails the test where that fails.
func New(tb testing.TB, setup func(*mesh.Plugin) error, options ...Option) *Host {
	tb.Helper()
	h, err := Load(setup, options...)
	if err != nil {
		tb.Fatalf("meshtest: set the plugin up: %v", err)
	}
	return h
}

// Load sets a plugin up. The error is the set-up function's, or says what is
// wrong with what it registered.
func Load(setup func(*mesh.Plugin) error, options ...Option) (*Host, error) {
	if env.NewGuest == nil {
		return nil, errors.New("a plugin built for wasm cannot be tested in itself")
	}
	h := &Host{
		guest:       env.NewGuest(setup),
		config:      mesh.JSON("{}"),
		kv:          map[string]entry{},
		connections: map[string]*Connection{},
		pushes:      map[string][]Push{},
		rooms:       map[string]*room{},
		channels:    map[string]*channel{},
		records:     map[string]*record{},
		collections: map[string]*collection{},
		changed:     map[string]bool{},
	}
	for _, option := range options {
		option(h)
	}
	if !json.Valid(h.config) || !h.config.IsObject() {
		return nil, errors.New("the settings are not a JSON object")
	}
	h.enter(func() { h.document = h.guest.Register() })
	registration, err := parseRegistration(h.document)
	if err != nil {
		return nil, err
	}
	h.registration = registration
	return h, nil
}

// Document returns the registration document.
func (h *Host) Document() mesh.JSON { return h.document }

// running lets one plugin run at a time: host calls find their host in a
// variable, as a wasm instance finds it in its imports.
var running sync.Mutex

func (h *Host) enter(run func()) {
	running.Lock()
	defer running.Unlock()
	env.Host = h.answer
	defer func() { env.Host = nil }()
	run()
}
