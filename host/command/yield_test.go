package command_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/command"
	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/hub"
)

// yielding runs a built-in as a client's frame would, and returns how often its
// session was told to read on elsewhere, and the error's code.
func (b bound) yielding(t *testing.T, s *hub.Session, name, payload string, y *yields) (code string) {
	t.Helper()
	table := b.Acquire()
	defer table.Release()
	found, _ := b.Resolve(table, []byte(name))
	run := command.NewCall(s, found.Name, []byte(payload), y)
	defer run.Release()
	if err := b.Run(ctx, table, found, run); err != nil {
		return err.Code
	}
	run.Replied()
	return ""
}

// asking is a resolver and a guard that take note of whether the session reads on
// while they are asked.
type asking struct {
	yields *yields
	held   []string // by whom the session was held up
}

// Resolve implements command.Resolver.
func (a *asking) Resolve(_ context.Context, _ *command.Call, collection string) ([]string, error) {
	a.note("the resolver of " + collection)
	return []string{"open:a"}, nil
}

// Ask implements command.Guard.
func (a *asking) Ask(_ context.Context, _ *command.Call, name string, _ abi.Access, _ []byte) error {
	a.note("the guard of " + name)
	return nil
}

func (a *asking) note(who string) {
	if a.yields.count == 0 {
		a.held = append(a.held, who)
	}
}

// A collection's plugins are asked about each of its records, one after the other:
// meanwhile the session goes on reading, or the client would seem to be gone.
func TestSubscribingToACollectionHoldsUpNothing(t *testing.T) {
	t.Parallel()
	a := &asking{yields: &yields{}}
	b := bind(refusing, command.Builtins{})
	var set exposure.Set
	set.Records = []exposure.Record{{Pattern: mustParse("open:a"), Guard: "p.asking"}}
	set.Collections = []exposure.Collection{{Pattern: mustParse("resolved"), Resolver: "p.0", Limit: 10}}
	b.Expose(set)
	b.Swap(command.NewTable(command.Entries{
		Guards: map[string]command.Guard{"p.asking": a}, Resolvers: map[string]command.Resolver{"p.0": a},
	}, nil))
	if _, err := b.engine.Write(ctx, engine.Write{Record: "open:a", Value: []byte("1")}); err != nil {
		t.Fatal(err)
	}
	s := b.session(t, hub.Info{})
	if code := b.yielding(t, s, "mesh/subscribe-collection", `{"collectionId":"resolved"}`, a.yields); code != "" {
		t.Fatal(code)
	}
	if len(a.held) > 0 {
		t.Errorf("the session is not read from while these are asked: %q", a.held)
	}
}

// hanging is a hook of records that waits.
type hanging struct{ gate chan struct{} }

// Observes implements command.RecordObserver.
func (hanging) Observes(string) bool { return true }

// RecordChanged implements command.RecordObserver.
func (h hanging) RecordChanged(context.Context, engine.RecordEvent) { <-h.gate }

// A write that has to wait for hooks does so beside the session's reading.
func TestWritesThatWaitForHooksHoldUpNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := bind(refusing, command.Builtins{})
		h := hanging{make(chan struct{})}
		b.Swap(command.NewTable(command.Entries{RecordObservers: []command.RecordObserver{h}}, nil))
		s := b.session(t, hub.Info{})
		y := &yields{}
		for i := range 65 { // one hook runs, 64 wait
			if code := b.yielding(t, s, "mesh/publish-record-update", fmt.Sprintf(`{"recordId":"open:a","newValue":%d}`, i), y); code != "" {
				t.Fatal(code)
			}
			synctest.Wait()
		}
		if y.count > 0 {
			t.Errorf("%d writes that need not wait yield", y.count)
		}
		for name, payload := range map[string]string{
			"mesh/publish-record-update": `{"recordId":"open:a","newValue":"x"}`,
			"mesh/transaction":           `{"operations":[{"op":"write","recordId":"open:b","value":1},{"op":"delete","recordId":"open:a"}]}`,
		} {
			y.count = 0
			if code := b.yielding(t, s, name, payload, y); code != abi.CodeRateLimit || y.count == 0 {
				t.Errorf("%s: %q, and yields %d times", name, code, y.count)
			}
		}
		close(h.gate)
		synctest.Wait()
	})
}
