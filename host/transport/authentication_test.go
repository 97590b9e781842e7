package transport_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/command"
	"github.com/mesh-host/mesh-host/host/transport/transporttest"
)

// authenticator is a function as a command.Authenticator.
type authenticator func(context.Context, *abi.Handshake) (*abi.Identity, error)

func (a authenticator) Authenticate(ctx context.Context, h *abi.Handshake) (*abi.Identity, error) {
	return a(ctx, h)
}

func authenticated(a authenticator) func(*setup) {
	return func(u *setup) { u.entries.Authenticators = append(u.entries.Authenticators, a) }
}

func TestAuthentication(t *testing.T) {
	t.Parallel()
	s := serve(t, authenticated(func(ctx context.Context, h *abi.Handshake) (*abi.Identity, error) {
		if _, ok := ctx.Deadline(); !ok {
			return nil, errors.New("the handshake's timeout does not bound its hooks")
		}
		switch h.Query {
		case "refuse":
			return nil, &command.Refusal{Status: 402, Message: "pay first"}
		case "fail":
			return nil, errors.New("the hook failed")
		case "abstain":
			return nil, nil
		}
		seen, err := json.Marshal(h)
		return &abi.Identity{User: "ada", Metadata: seen}, err
	}))
	for query, want := range map[string]struct {
		status int
		body   string
	}{"refuse": {402, "pay first"}, "fail": {503, ""}} {
		r := transporttest.Connect(t, s.address).Refused(transporttest.Request("/?" + query))
		if r.Status != want.status || !strings.HasPrefix(r.Body, want.body) {
			t.Errorf("%s: got %+v", query, r)
		}
	}
	for query, user := range map[string]string{"abstain": "", "welcome": "ada"} {
		c := transporttest.Connect(t, s.address)
		c.WriteString(transporttest.Request("/chat?"+query, "Cookie: a=b", "X-TWICE: 1", "x-twice: 2", "Sec-WebSocket-Protocol: chat"))
		if r := c.ReadResponse(); r.Status != http.StatusSwitchingProtocols {
			t.Fatalf("%s: got %+v", query, r)
		}
		session := s.guest(t)
		if session.User() != user {
			t.Errorf("%s: user %q", query, session.User())
		}
		if user != "" {
			checkSeen(t, session.Metadata(), c.LocalAddr().String())
		}
	}
}

// checkSeen checks what an authenticate hook was given.
func checkSeen(t *testing.T, metadata []byte, address string) {
	t.Helper()
	var h abi.Handshake
	if err := json.Unmarshal(metadata, &h); err != nil {
		t.Fatal(err)
	}
	if h.Method != http.MethodGet || h.Path != "/chat" || h.Query != "welcome" || h.RemoteAddress != address {
		t.Errorf("handshake %+v", h)
	}
	want := []string{"host", "server.example.com", "cookie", "a=b", "x-twice", "1", "x-twice", "2", "sec-websocket-protocol", "chat"}
	if !slices.Equal(h.Headers, want) {
		t.Errorf("headers %q, want %q", h.Headers, want)
	}
}

// TestHandshakeIsText: what hooks are given is UTF-8, whatever a client sends. A kit
// whose strings are UTF-8 would find none of the other headers.
func TestHandshakeIsText(t *testing.T) {
	t.Parallel()
	handshakes := make(chan abi.Handshake, 1)
	s := serve(t, authenticated(func(_ context.Context, h *abi.Handshake) (*abi.Identity, error) {
		handshakes <- *h
		return nil, nil
	}))
	c := transporttest.Connect(t, s.address)
	c.WriteString(transporttest.Request("/a\xff?b\xff", "X-Bad: a\xffb\xc3", "Cookie: ü"))
	if r := c.ReadResponse(); r.Status != http.StatusSwitchingProtocols {
		t.Fatalf("got %+v", r)
	}
	seen := <-handshakes
	want := []string{"host", "server.example.com", "x-bad", "a\uFFFDb\uFFFD", "cookie", "ü"}
	if seen.Path != "/a\uFFFD" || seen.Query != "b\uFFFD" || !slices.Equal(seen.Headers, want) {
		t.Errorf("the hook got %q", seen)
	}
}

// A hook that does not come to an end is cut off with the handshake's timeout,
// and the client is told.
func TestAuthenticationTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pipes := transporttest.NewPipes()
		serve(t, func(u *setup) { u.listener = pipes }, authenticated(func(ctx context.Context, _ *abi.Handshake) (*abi.Identity, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}))
		if r := pipes.Connect(t).Refused(transporttest.Request("/")); r.Status != http.StatusServiceUnavailable {
			t.Errorf("got %+v", r)
		}
	})
}

func TestRequiredAuthenticators(t *testing.T) {
	t.Parallel()
	require := func(u *setup) { u.RequiredAuth = []string{"auth"} }
	s := serve(t, require)
	if r := transporttest.Connect(t, s.address).Refused(transporttest.Request("/")); r.Status != http.StatusServiceUnavailable {
		t.Errorf("without it: %+v", r)
	}
	s.router.Swap(command.NewTable(command.Entries{Authenticating: map[string]bool{"auth": true}}, nil))
	s.dial(t).Hangup()
}
