package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
	"github.com/mesh-host/mesh-host/pdk/go/meshtest"
)

func TestReplies(t *testing.T) {
	t.Parallel()
	host := newHost(t)
	tests := []struct{ command, payload, want string }{
		{"echo", `{"a":[1,"x"]}`, `{"a":[1,"x"]}`},
		{"echo", `null`, `null`},
		{"echo", ``, `null`},
		{"add", `{"a":1,"b":2}`, `{"sum":3}`},
		{"add", `{"b":-9223372036854775808,"a":9223372036854775807}`, `{"sum":-1}`},
		{"add", `{"a":0,"b":0}`, `{"sum":0}`},
		{"whoami", ``, `{"connectionId":"c1","locals":null,"metadata":{"user":"ann"}}`},
		{"count", `{}`, `{"n":1}`},
		{"count", `{}`, `{"n":2}`},
		{"send", `{"to":["c2","c9"],"command":"hi","payload":{"n":1}}`, `{"sent":1}`},
		{"send", `{"to":["c1","c2"],"command":"hi","payload":null,"exclude":["c1"]}`, `{"sent":1}`},
		{"send", `{"to":[],"command":"hi"}`, `{"sent":0}`},
		{"broadcast", `{"command":"all","payload":"x"}`, `{"sent":2}`},
		{"broadcast", `{"command":"all","exclude":["c1","c2"]}`, `{"sent":0}`},
		{"log", `{"message":"hello"}`, `null`},
		{"log", `{"message":"careful","level":"warn"}`, `null`},
	}
	for _, test := range tests {
		if reply, err := host.Call("c1", test.command, test.payload); err != nil || string(reply) != test.want {
			t.Errorf("%s %s: got %s, %v, want %s", test.command, test.payload, reply, err, test.want)
		}
	}
	if got, want := fmt.Sprint(host.Pushes("c2")), `[{hi {"n":1}} {hi null} {all "x"}]`; got != want {
		t.Errorf("pushes are %s, want %s", got, want)
	}
	if got, want := fmt.Sprint(host.Logs()), `[{info hello} {warn careful}]`; got != want {
		t.Errorf("logs are %s, want %s", got, want)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	host := newHost(t)
	const code, name = mesh.CodePayload, "PayloadError"
	tests := []struct{ command, payload, code, name, message string }{
		{"fail", `{"message":"oops","code":"EBEER","name":"BeerError"}`, "EBEER", "BeerError", "oops"},
		{"fail", `{"message":"oops"}`, mesh.CodeServer, "Error", "oops"},
		{"fail", `{"message":"oops","code":"EDENIED"}`, mesh.CodeDenied, "DeniedError", "oops"},
		{"fail", `{}`, code, name, `field "message" is missing`},
		{"fail", `{"message":"oops","code":1}`, code, name, `field "code" must be text`},
		{"add", ``, code, name, `payload must be an object`},
		{"add", `[1,2]`, code, name, `payload must be an object`},
		{"add", `{"a":1}`, code, name, `field "b" is missing`},
		{"add", `{"a":1,"b":"2"}`, code, name, `field "b" must be an integer`},
		{"add", `{"a":1.5,"b":2}`, code, name, `field "a" must be an integer`},
		{"add", `{"a":9223372036854775807,"b":1}`, code, name, `field "b" makes a sum that 64 bits cannot hold`},
		{"send", `{"to":"c1","command":"x"}`, code, name, `field "to" must be a list of text`},
		{"send", `{"to":["c1"]}`, code, name, `field "command" is missing`},
		{"send", `{"to":["c1"],"command":"x","exclude":[1]}`, code, name, `field "exclude" must be a list of text`},
		{"send", `{"to":["c1"],"command":"mesh/x"}`, code, name, `field "command" must be`},
		{"broadcast", `{"payload":1}`, code, name, `field "command" is missing`},
		{"log", `{"message":5}`, code, name, `field "message" must be text`},
	}
	for _, test := range tests {
		_, err := host.Call("c1", test.command, test.payload)
		var e *mesh.Error
		if !errors.As(err, &e) || e.Code != test.code || e.Name != test.name || !strings.HasPrefix(e.Message, test.message) {
			t.Errorf("%s %s: got %+v, want %s %q", test.command, test.payload, err, test.code, test.message)
		}
	}
}

func newHost(t *testing.T) *meshtest.Host {
	t.Helper()
	host := meshtest.New(t, setup)
	for _, c := range []meshtest.Connection{{ID: "c1", User: "ann", Metadata: mesh.JSON(`{"user":"ann"}`)}, {ID: "c2"}} {
		if err := host.Connect(c); err != nil {
			t.Fatal(err)
		}
	}
	return host
}
