package examples_test

import (
	"slices"
	"testing"

	"github.com/mesh-host/mesh-host/abi"
)

// configured is a host that has nothing but settings.
func configured(settings string) *host {
	return &host{operations: map[string]func([]byte) ([]byte, *abi.Error){
		abi.OpConfigGet: func([]byte) ([]byte, *abi.Error) {
			return (&abi.ConfigGetResponse{Config: []byte(settings)}).Append(nil), nil
		},
	}}
}

func TestAuthRegistration(t *testing.T) {
	t.Parallel()
	p := compile(t, "auth-go.wasm", true, configured(`{"tokens":{"t1":"ann"}}`))
	g := p.instantiate(t)
	const want = `{"name":"auth","version":"1.0.0","commands":[{"name":"secret.whoami","handler":2}],` +
		`"middleware":[{"name":"user","handler":1,"global":true}],"hooks":[{"event":"authenticate","handler":0}]}`
	if g.document != want {
		t.Errorf("got %s, want %s", g.document, want)
	}
	if got := p.needs(); !slices.Equal(got, []string{"config.get", "take"}) {
		t.Errorf("it imports %q", got)
	}
}

func TestAuthRefusesBadConfig(t *testing.T) {
	t.Parallel()
	g := compile(t, "auth-go.wasm", true, configured(`{"tokens":[]}`)).instantiate(t)
	if r := g.registration(t); r.Error != "config: tokens must be a table of users by token" {
		t.Errorf("got %s", g.document)
	}
}

func TestAuth(t *testing.T) {
	t.Parallel()
	g := compile(t, "auth-go.wasm", true, configured(`{"tokens":{"t1":"ann"}}`)).instantiate(t)
	g.registration(t)
	for query, want := range map[string]string{
		"token=t1": `{"user":"ann","metadata":{"user":"ann"}}`,
		"token=t2": "EDENIED: The token is not known.",
		"a=b":      "",
	} {
		h := abi.Handshake{Method: "GET", Path: "/", Query: query, RemoteAddress: "192.0.2.1:1"}
		response, err := g.send(t.Context(), g.handlers["authenticate"], &abi.Request{Kind: abi.KindAuthenticate, Name: "authenticate", Detail: h.Append(nil)})
		if err != nil {
			t.Fatal(err)
		}
		if got := outcome(t, response); got != want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
		var e abi.Error
		if response.Status == abi.StatusRefuse && (e.Decode(response.Body) != nil || e.HTTP != 401) {
			t.Errorf("%s: refused with %d", query, e.HTTP)
		}
	}
	for user, want := range map[string]string{"": "EDENIED: This command is for known users.", "ann": ""} {
		response, err := g.send(t.Context(), g.handlers["user"], &abi.Request{Kind: abi.KindMiddleware, Name: "secret.x", ConnectionID: "c1", User: user})
		if err != nil {
			t.Fatal(err)
		}
		if got := outcome(t, response); got != want {
			t.Errorf("%q: got %s, want %s", user, got, want)
		}
		if user != "" && string(response.Locals) != `{"user":"ann"}` {
			t.Errorf("%q: the locals are %s", user, response.Locals)
		}
	}
}
