package command_test

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mesh-host/mesh-host/host/command"
	"github.com/mesh-host/mesh-host/host/hub"
)

func TestTableIsReleasedAfterItsLastRun(t *testing.T) {
	t.Parallel()
	released := 0
	r := command.NewRouter(silent)
	r.Swap(command.NewTable(command.Entries{}, func() { released++ }))
	first, second := r.Acquire(), r.Acquire()
	if first != second {
		t.Error("two tables are current")
	}
	first.Release()
	r.Swap(command.NewTable(command.Entries{}, nil))
	if released != 0 {
		t.Error("released under a run")
	}
	if current := r.Acquire(); current == second {
		t.Error("a table that was replaced is still handed out")
	} else {
		current.Release()
	}
	second.Release()
	if released != 1 {
		t.Errorf("released %d times", released)
	}
}

func TestTableWithoutRunsIsReleasedAtOnce(t *testing.T) {
	t.Parallel()
	released := 0
	r := command.NewRouter(silent)
	for range 3 {
		r.Swap(command.NewTable(command.Entries{}, func() { released++ }))
	}
	if released != 2 {
		t.Errorf("released %d times", released)
	}
}

// Runs and swaps at once: every table is released exactly once, never under a
// run, and no run sees a mixture of two.
func TestHammerSwap(t *testing.T) {
	t.Parallel()
	type generation struct{ running, released atomic.Int32 }
	var generations sync.Map // *command.Table → *generation
	r := command.NewRouter(silent)
	swap := func() {
		g := &generation{}
		table := command.NewTable(command.Entries{
			Commands: []command.Command{{Name: "cmd", Handler: reply("1")}},
		}, func() {
			if g.running.Load() != 0 || g.released.Add(1) != 1 {
				t.Error("released under a run, or twice")
			}
		})
		generations.Store(table, g)
		r.Swap(table)
	}
	swap()
	var stop atomic.Bool
	var runs, swaps sync.WaitGroup
	for range 4 {
		runs.Go(func() {
			for !stop.Load() {
				table := r.Acquire()
				found, _ := generations.Load(table)
				g := found.(*generation)
				g.running.Add(1)
				if c, _ := r.Resolve(table, []byte("cmd")); c == nil {
					t.Error("the command is gone")
				}
				runtime.Gosched()
				if g.released.Load() != 0 {
					t.Error("released under a run")
				}
				g.running.Add(-1)
				table.Release()
			}
		})
	}
	for range 2 {
		swaps.Go(func() {
			for range 1000 {
				swap()
			}
		})
	}
	swaps.Wait()
	stop.Store(true)
	runs.Wait()
	left := 0
	generations.Range(func(_, g any) bool {
		if g.(*generation).released.Load() == 0 {
			left++
		}
		return true
	})
	if left != 1 {
		t.Errorf("%d tables are not released, want the current one alone", left)
	}
}

// A call from the pool knows nothing of the one before it.
func TestCallsAreClean(t *testing.T) {
	t.Parallel()
	a, b := session(t, hub.Info{}), session(t, hub.Info{})
	for range 100 {
		y := &yields{}
		dirty := command.NewCall(a, "dirty", []byte(`1`), y)
		dirty.Reply([]byte(`"secret"`))
		dirty.SetPayload([]byte(`"secret"`))
		dirty.AddLocals([]byte(`{"secret":1}`))
		dirty.Release()

		clean := command.NewCall(b, "clean", nil, nil)
		clean.Yield()
		if clean.Session != b || clean.Name != "clean" || clean.Payload != nil || clean.Locals != nil || clean.Result() != nil || y.count != 0 {
			t.Fatalf("a new call has %+v", clean)
		}
		clean.SetPayload(nil)
		clean.Reply(nil)
		if clean.Payload != nil || clean.Result() != nil {
			t.Fatalf("nothing became %q and %q", clean.Payload, clean.Result())
		}
		clean.Release()
	}
}

type yields struct{ count int }

func (y *yields) Yield() { y.count++ }

func TestCallCopies(t *testing.T) {
	t.Parallel()
	y := &yields{}
	c := command.NewCall(session(t, hub.Info{}), "a", []byte(`"frame"`), y)
	defer c.Release()
	body := []byte(`{"a":1}`)
	c.Reply(body)
	c.SetPayload(body)
	c.AddLocals(body)
	clear(body)
	if string(c.Result()) != `{"a":1}` || string(c.Payload) != `{"a":1}` || string(c.Locals) != `{"a":1}` {
		t.Errorf("got %q, %q, %q", c.Result(), c.Payload, c.Locals)
	}
	c.SetPayload(c.Payload[5:6]) // a part of itself
	c.AddLocals([]byte(`{"a":{"x":1},"b":2}`))
	c.AddLocals([]byte(`{"a":{"y":1}}`))
	if string(c.Payload) != `1` || string(c.Locals) != `{"a":{"y":1},"b":2}` {
		t.Errorf("got %q, %q", c.Payload, c.Locals)
	}
	large := strings.Repeat("x", 1<<20)
	c.Reply([]byte(`"` + large + `"`))
	if len(c.Result()) != len(large)+2 {
		t.Error("a large reply is cut")
	}
	c.Yield()
	c.Yield()
	if y.count != 2 {
		t.Errorf("yielded %d times", y.count)
	}
}

// Calls that run at once share nothing.
func TestHammerCalls(t *testing.T) {
	t.Parallel()
	r := router(command.Entries{
		Middleware: []command.Handler{command.HandlerFunc(func(_ context.Context, c *command.Call) error {
			c.AddLocals([]byte(`{"by":` + string(c.Payload) + `}`))
			c.SetPayload([]byte(`[` + string(c.Payload) + `]`))
			return nil
		})},
		Commands: []command.Command{{Name: "cmd", Handler: command.HandlerFunc(func(_ context.Context, c *command.Call) error {
			runtime.Gosched()
			c.Reply([]byte(string(c.Payload) + string(c.Locals)))
			return nil
		})}},
	})
	s := session(t, hub.Info{})
	var wg sync.WaitGroup
	for _, payload := range []string{`1`, `"two"`, `{"three":3}`, `[4,4,4,4]`} {
		wg.Go(func() {
			for range 500 {
				if got, err := call(t, r, s, "cmd", payload); err != nil || got != `[`+payload+`]{"by":`+payload+`}` {
					t.Errorf("%s: %s, %v", payload, got, err)
					return
				}
			}
		})
	}
	wg.Wait()
}
