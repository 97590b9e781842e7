package command_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"go.uber.org/goleak"

	"github.com/mesh-host/mesh-host/host/command"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/hub/hubtest"
	"github.com/mesh-host/mesh-host/host/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	ctx       = context.Background()
	silent    = slog.New(slog.DiscardHandler)
	errBroken = errors.New("disk on fire")
)

// session adds a session to a hub of its own, until the end of the test.
func session(tb testing.TB, info hub.Info) *hub.Session {
	tb.Helper()
	s, err := hub.New(hub.Limits{Outbox: 1 << 20}).Register(hubtest.NewWire(tb), info)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.End() })
	return s
}

// router makes a router with a table.
func router(e command.Entries) *command.Router {
	r := command.NewRouter(silent)
	r.Swap(command.NewTable(e, nil))
	return r
}

// reply answers with a text.
func reply(text string) command.Handler {
	return command.HandlerFunc(func(_ context.Context, c *command.Call) error {
		c.Reply([]byte(text))
		return nil
	})
}

// call runs a command as a client's frame would.
func call(t *testing.T, r *command.Router, s *hub.Session, name, payload string) (string, *protocol.Error) {
	t.Helper()
	table := r.Acquire()
	defer table.Release()
	c, _ := r.Resolve(table, []byte(name))
	if c == nil {
		t.Fatalf("there is no command %q", name)
	}
	var body []byte
	if payload != "" {
		body = []byte(payload)
	}
	run := command.NewCall(s, c.Name, body, nil)
	defer run.Release()
	err := r.Run(ctx, table, c, run)
	return string(run.Result()), err
}
