package main

import (
	"errors"
	"strings"
	"testing"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
	"github.com/mesh-host/mesh-host/pdk/go/meshtest"
)

const tokens = `{"tokens":{"t1":"ann","t 2":"bob"}}`

// The tests are not parallel: the instances of a plugin do not share its
// variables, but the hosts of a test do.

func TestAuthenticate(t *testing.T) {
	host := meshtest.New(t, setup, meshtest.WithConfig(tokens))
	tests := []struct {
		query, user, metadata string
		status                int
	}{
		{"", "", "", 0},
		{"other=1", "", "", 0},
		{"token=t1", "ann", `{"user":"ann"}`, 0},
		{"a=1&token=t%202", "bob", `{"user":"bob"}`, 0},
		{"token=t1x", "", "", 401},
		{"token=T1", "", "", 401},
		{"token=", "", "", 401},
		{"token", "", "", 401},
		{"token=wrong&token=t1", "", "", 401},
	}
	for _, test := range tests {
		identity, err := host.Authenticate(mesh.Handshake{Method: "GET", Path: "/", Query: test.query})
		var e *mesh.Error
		if errors.As(err, &e) != (test.status != 0) || e != nil && e.HTTP != test.status {
			t.Errorf("%q: got %v, want %d", test.query, err, test.status)
		}
		if identity == nil {
			identity = &mesh.Identity{}
		}
		if identity.User != test.user || string(identity.Metadata) != test.metadata {
			t.Errorf("%q: got %+v", test.query, identity)
		}
	}
}

func TestMiddleware(t *testing.T) {
	host := meshtest.New(t, setup, meshtest.WithConfig(tokens))
	if err := host.Connect(meshtest.Connection{ID: "known", User: "ann"}); err != nil {
		t.Fatal(err)
	}
	reply, err := host.Call("known", "secret.whoami", `{}`)
	if err != nil || string(reply) != `{"user":"ann"}` {
		t.Errorf("got %s, %v", reply, err)
	}
	_, err = host.Call("anonymous", "secret.whoami", `{}`)
	var e *mesh.Error
	if !errors.As(err, &e) || e.Code != mesh.CodeDenied || e.Name != "DeniedError" {
		t.Errorf("anonymous: got %v", err)
	}
	for command, denied := range map[string]bool{
		"mesh/join-room": false, "secret": false, "secrets": false, "a.secret.b": false, "secret.": true, "secret.other": true,
	} {
		if _, err := host.Pass("anonymous", command, `{}`); (err != nil) != denied {
			t.Errorf("%s for an anonymous client: %v", command, err)
		}
		if _, err := host.Pass("known", command, `{}`); err != nil {
			t.Errorf("%s for a known client: %v", command, err)
		}
	}
}

func TestConfig(t *testing.T) {
	for config, want := range map[string]string{
		`{}`:                          "",
		`{"tokens":null}`:             "",
		`{"tokens":{}}`:               "",
		`{"tokens":["t1"]}`:           "tokens must be a table",
		`{"tokens":{"t1":1}}`:         "a user for every token",
		`{"tokens":{"t1":""}}`:        "a user for every token",
		`{"tokens":{"":"ann"}}`:       "a user for every token",
		`{"tokens":{"a":{"b":1}}}`:    "a user for every token",
		`{"tokens":{"a.b":"\u00e4"}}`: "",
	} {
		_, err := meshtest.Load(setup, meshtest.WithConfig(config))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", config, err, want)
		}
	}
}
