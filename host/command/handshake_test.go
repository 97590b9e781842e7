package command_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/command"
	"github.com/mesh-host/mesh-host/host/hub"
)

// authenticator answers one way and takes note that it was asked.
type authenticator struct {
	name  string
	asked *[]string
	user  string
	err   error
}

func (a authenticator) Authenticate(_ context.Context, h *abi.Handshake) (*abi.Identity, error) {
	*a.asked = append(*a.asked, a.name+h.Path)
	if a.user == "" {
		return nil, a.err
	}
	return &abi.Identity{User: a.user}, a.err
}

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	refusal := &command.Refusal{Status: 401, Message: "wrong token"}
	for _, c := range []struct {
		name     string
		hooks    []authenticator
		required []string
		asked    string
		user     string
		status   int
	}{
		{"no hooks", nil, nil, "", "", 0},
		{"all abstain", []authenticator{{}, {}}, nil, "0 1", "", 0},
		{"the first identity stays", []authenticator{{}, {user: "ann"}, {user: "bob"}}, nil, "0 1 2", "ann", 0},
		{"a refusal after an identity", []authenticator{{user: "ann"}, {err: refusal}, {}}, nil, "0 1", "", 401},
		{"the first refusal wins", []authenticator{{err: refusal}, {err: &command.Refusal{Status: 403}}}, nil, "0", "", 401},
		{"a refusal that is wrapped", []authenticator{{err: fmt.Errorf("wrapped: %w", refusal)}}, nil, "0", "", 401},
		{"a hook fails", []authenticator{{err: errBroken}, {user: "ann"}}, nil, "0", "", 503},
		{"a hook fails after an identity", []authenticator{{user: "ann"}, {err: context.DeadlineExceeded}}, nil, "0 1", "", 503},
		{"an identity with a failure is none", []authenticator{{user: "ann", err: errBroken}}, nil, "0", "", 503},
		{"required and there", []authenticator{{user: "ann"}, {}}, []string{"plugin0", "plugin1"}, "0 1", "ann", 0},
		{"required and missing", []authenticator{{user: "ann"}}, []string{"plugin0", "plugin1"}, "", "", 503},
		{"required, and nothing is there", nil, []string{"plugin0"}, "", "", 503},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var asked []string
			e := command.Entries{Authenticating: make(map[string]bool)}
			for i, hook := range c.hooks {
				hook.name, hook.asked = fmt.Sprint(i), &asked
				e.Authenticators = append(e.Authenticators, hook)
				e.Authenticating[fmt.Sprint("plugin", i)] = true
			}
			identity, refused := router(e).Authenticate(ctx, c.required, &abi.Handshake{Path: "/p"})
			var want []string
			for _, name := range strings.Fields(c.asked) {
				want = append(want, name+"/p")
			}
			if !slices.Equal(asked, want) {
				t.Errorf("asked %q, want %q", asked, want)
			}
			if (identity == nil) != (c.user == "") || identity != nil && identity.User != c.user {
				t.Errorf("identity %+v, want %q", identity, c.user)
			}
			if (refused == nil) != (c.status == 0) || refused != nil && refused.Status != c.status {
				t.Errorf("refusal %v, want %d", refused, c.status)
			}
		})
	}
}

// What an authenticate hook fails with is not for the client.
func TestFailureIsNotShown(t *testing.T) {
	t.Parallel()
	var asked []string
	_, refused := router(command.Entries{Authenticators: []command.Authenticator{authenticator{asked: &asked, err: errBroken}}}).
		Authenticate(ctx, nil, &abi.Handshake{})
	if refused == nil || strings.Contains(refused.Message, errBroken.Error()) {
		t.Errorf("the client gets %v", refused)
	}
	if text := (&command.Refusal{Status: 401, Message: "no"}).Error(); text != "refused with 401: no" {
		t.Error(text)
	}
}

// A handshake holds its table: a plugin is not closed under its hook.
func TestAuthenticateHoldsTheTable(t *testing.T) {
	t.Parallel()
	r := command.NewRouter(silent)
	released := false
	r.Swap(command.NewTable(command.Entries{Authenticators: []command.Authenticator{
		hookFunc(func() {
			r.Swap(command.NewTable(command.Entries{}, nil))
			if released {
				t.Error("released during the handshake")
			}
		}),
	}}, func() { released = true }))
	if _, refused := r.Authenticate(ctx, nil, &abi.Handshake{}); refused != nil || !released {
		t.Errorf("refused %v, released %v", refused, released)
	}
}

type hookFunc func()

func (f hookFunc) Authenticate(context.Context, *abi.Handshake) (*abi.Identity, error) {
	f()
	return nil, nil
}

// While a required plugin is missing its middleware is, too: the other
// plugins' commands are not to be had without it.
func TestCommandsNeedTheRequiredPlugins(t *testing.T) {
	t.Parallel()
	entries := command.Entries{Commands: []command.Command{{Name: "open", Handler: reply("1")}}}
	r := router(entries)
	r.Require([]string{"guard"})
	s := session(t, hub.Info{})
	if _, err := call(t, r, s, "open", ""); err == nil || err.Code != abi.CodePlugin {
		t.Errorf("before the guard is loaded: %v", err)
	}
	if got, err := call(t, r, s, "mesh/noop", ""); err != nil || got != "true" {
		t.Errorf("noop: %s, %v", got, err)
	}
	entries.Authenticating = map[string]bool{"guard": true}
	r.Swap(command.NewTable(entries, nil))
	if got, err := call(t, r, s, "open", ""); err != nil || got != "1" {
		t.Errorf("with the guard: %s, %v", got, err)
	}
	entries.Authenticating = nil
	r.Swap(command.NewTable(entries, nil))
	if _, err := call(t, r, s, "open", ""); err == nil || err.Code != abi.CodePlugin {
		t.Errorf("after the guard has gone: %v", err)
	}
}
