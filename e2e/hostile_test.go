//go:build linux

package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Twenty clients make a plugin loop, eat memory, fault and recurse while
// twenty others echo: every echo is answered, the bad calls get their error,
// and afterwards the host is as it was.
func TestHostileCommands(t *testing.T) {
	h := start(t, setup{plugins: []string{conformance}})
	good, bad := h.dialMany(t, 20, dialing{}), h.dialMany(t, 20, dialing{})
	took := make([]latencies, len(good))
	echoWhile(t, good, took, 500*time.Millisecond)
	t.Logf("undisturbed: %v", merge(took))
	before := usageOf(t, h.pid())
	t.Logf("before: %v", before)

	const duration = 6 * time.Second
	misbehaved := make(chan map[string]int, 1)
	go func() { misbehaved <- misbehave(t, bad, duration) }()
	took = make([]latencies, len(good))
	echoWhile(t, good, took, duration)
	outcomes := <-misbehaved
	t.Logf("meanwhile: %v", merge(took))
	t.Logf("the bad calls: %v", outcomes)
	t.Logf("right after: %v", usageOf(t, h.pid()))
	for _, command := range []string{"spin", "grow", "trap", "recurse"} {
		if outcomes[command+" ETIMEOUT"]+outcomes[command+" EPLUGIN"] == 0 {
			t.Errorf("%s never ended with ETIMEOUT or EPLUGIN", command)
		}
	}

	for _, c := range slices.Concat(good, bad) {
		c.echoes(t)
	}
	for _, c := range slices.Concat(bad, good[1:]) {
		_ = c.conn.CloseNow()
	}
	eventually(t, patience, "the sessions are gone", func() bool { return h.sessions(t) == 1 })
	for _, c := range h.dialMany(t, 5, dialing{}) {
		c.echoes(t)
	}
	const slack = 96 << 20
	var after usage
	calm := func() bool {
		after = usageOf(t, h.pid())
		return after.resident < before.resident+slack && after.files <= before.files && after.threads <= before.threads+16
	}
	if !polled(time.Minute, calm) {
		t.Errorf("memory, threads or files are not given back: %v", after)
	}
	t.Logf("after: %v", after)
}

// echoWhile has clients echo without pause.
func echoWhile(t *testing.T, clients []*client, took []latencies, duration time.Duration) {
	t.Helper()
	var group sync.WaitGroup
	end := time.Now().Add(duration)
	for i, c := range clients {
		group.Go(func() {
			for n := 0; time.Now().Before(end); n++ {
				payload := fmt.Sprintf("[%d,%d]", i, n)
				at := time.Now()
				reply, err := c.ask("echo", payload)
				if err != nil || reply != payload {
					t.Errorf("echo %s is answered %s, error %v", payload, reply, err)
					return
				}
				took[i] = append(took[i], time.Since(at))
			}
		})
	}
	group.Wait()
}

// misbehave has clients call the bad commands in turn and counts how these
// end.
func misbehave(t *testing.T, clients []*client, duration time.Duration) map[string]int {
	t.Helper()
	commands := []string{"spin", "grow", "trap", "recurse"}
	var (
		mu       sync.Mutex
		outcomes = make(map[string]int)
		group    sync.WaitGroup
	)
	end := time.Now().Add(duration)
	for i, c := range clients {
		group.Go(func() {
			for n := i; time.Now().Before(end); n++ {
				command := commands[n%len(commands)]
				reply, err := c.ask(command, "")
				var f *failure
				if !errors.As(err, &f) {
					t.Errorf("%s is answered %s, error %v", command, reply, err)
					return
				}
				// ERATELIMIT: all instances were busy until the deadline.
				if !slices.Contains([]string{"ETIMEOUT", "EPLUGIN", "ERATELIMIT"}, f.Code) {
					t.Errorf("%s ends with %v", command, f)
				}
				mu.Lock()
				outcomes[command+" "+f.Code]++
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return outcomes
}

// Each bad command has its own error, and an instance that misbehaved is never
// used again.
func TestMisbehaviourHasItsError(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{conformance}, config: "[plugins.conformance]\ndeadline = \"700ms\"\n"})
	c := h.dial(t, dialing{})
	for command, want := range map[string]failure{
		"spin":    {Message: `Command "spin" timed out`, Code: "ETIMEOUT", Name: "TimeoutError"},
		"trap":    {Message: `Plugin "conformance" failed`, Code: "EPLUGIN", Name: "PluginError"},
		"grow":    {Message: `Plugin "conformance" failed`, Code: "EPLUGIN", Name: "PluginError"},
		"recurse": {Message: `Plugin "conformance" failed`, Code: "EPLUGIN", Name: "PluginError"},
	} {
		f := c.fails(t, command, "")
		if f.Code == "ETIMEOUT" { // growing and recursing may take longer than that here
			want = failure{Message: fmt.Sprintf("Command %q timed out", command), Code: "ETIMEOUT", Name: "TimeoutError"}
		}
		if f.Message != want.Message || f.Code != want.Code || f.Name != want.Name {
			t.Errorf("%s gives %+v", command, f)
		}
		h.awaitLog(t, 0, map[string]string{"level": "ERROR", "plugin": "conformance", "handler": `"` + command + `"`})
		c.echoes(t)
	}
	if n := h.metric(t, `mesh_host_plugin_instances_discarded_total{plugin="conformance"}`); n != 4 {
		t.Errorf("%v instances were discarded", n)
	}
}

// A command that hangs in every instance does not starve the others.
func TestSpinningEverywhereStarvesNobody(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{conformance}, config: "[plugins.defaults]\ndeadline = \"1s\"\ninstances = 2\n"})
	c := h.dial(t, dialing{})
	c.echoes(t)
	ctx, stop := context.WithTimeout(t.Context(), 3*time.Second)
	defer stop()
	var spinning sync.WaitGroup
	var spun atomic.Int64
	for _, bad := range h.dialMany(t, 4, dialing{}) {
		spinning.Go(func() {
			for ctx.Err() == nil {
				_, _ = bad.ask("spin", "")
				spun.Add(1)
			}
		})
	}
	took := make([]latencies, 1)
	for ctx.Err() == nil {
		at := time.Now()
		c.echoes(t)
		took[0] = append(took[0], time.Since(at))
	}
	spinning.Wait()
	t.Logf("beside %d spins: %v", spun.Load(), merge(took))
}
