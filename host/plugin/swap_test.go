package plugin_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/operation"
	"github.com/mesh-host/mesh-host/host/plugin"
	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
)

func callerOf(name string) operation.Caller { return operation.Caller{Plugin: name} }

func TestNewFileAnswers(t *testing.T) {
	t.Parallel()
	f := watch(t, nil, nil, func(o *plugin.Options) { o.Settle = 0 }) // the default
	start := time.Now()
	f.put("which.wasm", plugintest.Fixture(t, "one"))
	f.answers("which", `"one"`)
	if took := time.Since(start); took > time.Second {
		t.Errorf("took %s", took)
	}
}

func TestOverwriteSwaps(t *testing.T) {
	t.Parallel()
	f := watch(t, map[string][]byte{"which.wasm": plugintest.Fixture(t, "one")}, nil)
	f.answers("which", `"one"`)
	f.put("which.wasm", plugintest.Fixture(t, "two"))
	f.answers("which", `"two"`)
	beside := filepath.Join(t.TempDir(), "which.wasm")
	if err := os.WriteFile(beside, plugintest.Fixture(t, "one"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.rename(beside, f.path("which.wasm"))
	f.answers("which", `"one"`)
}

func TestBrokenOverwriteKeepsTheOldVersion(t *testing.T) {
	t.Parallel()
	f := watch(t, map[string][]byte{"which.wasm": plugintest.Fixture(t, "one")}, map[string]plugin.Settings{"which": {Limits: quick()}})
	before := f.status("which.wasm").Version
	for _, fixture := range []string{"register-trap", "register-loop", "no-call"} {
		f.put("which.wasm", plugintest.Fixture(t, fixture))
		f.until("the new content has failed", func() bool { return f.status("which.wasm").Error != "" })
		f.logs("the version before goes on serving", "which.wasm")
		if s := f.status("which.wasm"); !s.Loaded || s.Version != before {
			t.Errorf("status %+v", s)
		}
		if got, err := f.call("which", `{}`); err != nil || got != `"one"` {
			t.Errorf("%q, %v", got, err)
		}
		f.put("which.wasm", plugintest.Fixture(t, "one"))
		f.until("the error is gone", func() bool { return f.status("which.wasm").Error == "" })
	}
}

// Another content that fails for the same reason is told of too, each by its hash;
// the same content once.
func TestEachRefusedContentIsLogged(t *testing.T) {
	t.Parallel()
	f := watch(t, map[string][]byte{"which.wasm": plugintest.Fixture(t, "no-call")}, nil)
	for _, content := range [][]byte{plugintest.Fixture(t, "no-call"), append(plugintest.Fixture(t, "no-call"), 0, 2, 1, 'x')} {
		f.put("which.wasm", content)
		sum := sha256.Sum256(content)
		f.logs("plugin not loaded", "version="+hex.EncodeToString(sum[:])[:12], "mesh_call")
	}
	if n := strings.Count(f.log.String(), "plugin not loaded"); n != 2 {
		t.Errorf("two contents were refused %d times:\n%s", n, f.log)
	}
}

func TestDeleteUnloads(t *testing.T) {
	t.Parallel()
	f := watch(t, map[string][]byte{"which.wasm": plugintest.Fixture(t, "one")}, nil)
	f.remove("which.wasm")
	f.fails("which", abi.CodeNotFound)
	f.until("the file is forgotten", func() bool { return len(f.Status()) == 0 })
	f.logs("plugin unloaded")
}

// TestRenameLeavesNoGap: the same plugin under another file name is never
// missing.
func TestRenameLeavesNoGap(t *testing.T) {
	t.Parallel()
	f := watch(t, map[string][]byte{"a-which.wasm": plugintest.Fixture(t, "one")}, nil)
	stop := make(chan struct{})
	var missing atomic.Int32
	var calls sync.WaitGroup
	calls.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				if _, err := f.call("which", `{}`); err != nil {
					missing.Add(1)
				}
			}
		}
	})
	f.rename(f.path("a-which.wasm"), f.path("b-which.wasm"))
	f.until("it serves from the new file", func() bool { return f.status("b-which.wasm").Loaded })
	close(stop)
	calls.Wait()
	if n := missing.Load(); n != 0 {
		t.Errorf("missing for %d calls", n)
	}
}

// TestSlowWrite: a file that grows in steps is not read before it is whole.
func TestSlowWrite(t *testing.T) {
	t.Parallel()
	f := watch(t, nil, nil, func(o *plugin.Options) { o.Settle = 150 * time.Millisecond })
	module := plugintest.Fixture(t, "puppet")
	f.mu.Lock()
	f.settings = map[string]plugin.Settings{"slow": document(`{"commands":[{"name":"c","handler":20}]}`)}
	f.mu.Unlock()
	out, err := os.Create(f.path("slow.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	tick := time.NewTicker(30 * time.Millisecond)
	defer tick.Stop()
	for in := bytes.NewReader(module); in.Len() > 0; <-tick.C {
		if _, err := io.CopyN(out, in, int64(len(module)/10)); err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
	}
	f.answers("c", `"early"`)
	if log := f.log.String(); strings.Contains(log, "not loaded") {
		t.Errorf("it was read half:\n%s", log)
	}
}

func TestCollisionIsRetried(t *testing.T) {
	t.Parallel()
	puppet := plugintest.Fixture(t, "puppet")
	f := watch(t, map[string][]byte{"a.wasm": puppet, "b.wasm": puppet}, map[string]plugin.Settings{
		"a": document(`{"commands":[{"name":"c","handler":20}]}`),
		"b": document(`{"commands":[{"name":"c","handler":1}]}`),
	})
	if s := f.status("b.wasm"); s.Loaded || !strings.Contains(s.Error, `by plugin "a" (a.wasm)`) {
		t.Fatalf("status %+v", s)
	}
	f.remove("a.wasm")
	f.until("the other one serves", func() bool { return f.status("b.wasm").Loaded })
	if got, err := f.call("c", `7`); err != nil || got != `7` {
		t.Errorf("%q, %v", got, err)
	}
}

// TestFolderIsRemovedAndMadeAgain: what is loaded serves on meanwhile.
func TestFolderIsRemovedAndMadeAgain(t *testing.T) {
	t.Parallel()
	f := watch(t, map[string][]byte{"which.wasm": plugintest.Fixture(t, "one")}, nil)
	f.rename(f.dir, f.dir+".gone")
	f.logs("the plugin folder cannot be read")
	if got, err := f.call("which", `{}`); err != nil || got != `"one"` {
		t.Errorf("%q, %v", got, err)
	}
	if err := os.Mkdir(f.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	f.put("which.wasm", plugintest.Fixture(t, "two"))
	f.answers("which", `"two"`)
	f.put("which.wasm", plugintest.Fixture(t, "one"))
	f.answers("which", `"one"`)
}

func TestReload(t *testing.T) {
	t.Parallel()
	f := watch(t, map[string][]byte{"p-go.wasm": plugintest.Fixture(t, "puppet")}, map[string]plugin.Settings{
		"p": document(`{"commands":[{"name":"c","handler":20}]}`),
	})
	ctx := context.Background()
	for _, name := range []string{"p", "p-go.wasm"} {
		if err := f.Reload(ctx, name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := strings.Count(f.log.String(), "plugin loaded"); n != 3 {
		t.Errorf("loaded %d times", n)
	}
	if err := f.Reload(ctx, "nobody"); !errors.Is(err, plugin.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	f.put("p-go.wasm", []byte("broken"))
	if err := f.Reload(ctx, "p"); err == nil || !strings.Contains(err.Error(), "plugin: load p-go.wasm: ") {
		t.Errorf("got %v", err)
	}
	f.answers("c", `"early"`)
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if err := f.Reload(cancelled, "p"); err != nil && !errors.Is(err, context.Canceled) && !strings.Contains(err.Error(), "p-go.wasm") {
		t.Errorf("got %v", err)
	}
}

// TestSwapUnderLoad swaps versions while calls run: none fails, none is lost,
// and in the end one instance is left.
func TestSwapUnderLoad(t *testing.T) {
	t.Parallel()
	f := watch(t, map[string][]byte{"which.wasm": plugintest.Fixture(t, "one")}, nil, func(o *plugin.Options) { o.Settle = 5 * time.Millisecond })
	stop := make(chan struct{})
	var calls sync.WaitGroup
	var answered [2]atomic.Int64
	for range 8 {
		calls.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				switch got, err := f.call("which", `{}`); {
				case err != nil:
					t.Error(err)
					return
				case got == `"one"`:
					answered[0].Add(1)
				case got == `"two"`:
					answered[1].Add(1)
				default:
					t.Errorf("answers %q", got)
				}
			}
		})
	}
	for i := range 6 {
		f.put("which.wasm.new", plugintest.Fixture(t, [...]string{"two", "one"}[i%2]))
		f.rename(f.path("which.wasm.new"), f.path("which.wasm"))
		f.answers("which", [...]string{`"two"`, `"one"`}[i%2])
	}
	close(stop)
	calls.Wait()
	if answered[0].Load() == 0 || answered[1].Load() == 0 {
		t.Errorf("answered %d and %d times", answered[0].Load(), answered[1].Load())
	}
}

// TestMemoryReturns proves that versions that were swapped out are freed.
func TestMemoryReturns(t *testing.T) {
	f := watch(t, map[string][]byte{"p.wasm": plugintest.Fixture(t, "puppet")}, map[string]plugin.Settings{"p": document(behaviours)})
	f.until("it serves", func() bool { return f.status("p.wasm").Loaded })
	before := mappings(t)
	var calls sync.WaitGroup
	for range 4 {
		for _, bad := range []string{"trap", "grow", "spin", "exit", "no-json"} {
			calls.Go(func() { _, _ = f.call(bad, `{}`) })
		}
	}
	calls.Wait()
	for range 3 {
		if err := f.Reload(context.Background(), "p"); err != nil {
			t.Fatal(err)
		}
	}
	f.until("the mappings are gone", func() bool { return mappings(t) <= before+8 })
	if got, err := f.call("echo", `1`); err != nil || got != `1` {
		t.Errorf("%q, %v", got, err)
	}
}

func TestSchedules(t *testing.T) {
	t.Parallel()
	const scheduled = `{"schedules": [{"name": "%s", "handler": 22, "every": "20ms"}, {"name": "later", "handler": 4, "every": "1h"}]}`
	settings := document(fmt.Sprintf(scheduled, "often"))
	settings.Limits.Deadline = time.Minute // a machine that is busy is no error
	f := watch(t, map[string][]byte{"p.wasm": plugintest.Fixture(t, "puppet")}, map[string]plugin.Settings{"p": settings})
	runs := func() int { return strings.Count(f.log.String(), "msg=often plugin=p") }
	f.until("it has run three times", func() bool { return runs() >= 3 })
	if err := f.Reload(context.Background(), "p"); err != nil {
		t.Fatal(err)
	}
	after := runs()
	f.until("the new version runs", func() bool { return runs() >= after+2 })
	f.remove("p.wasm")
	f.until("it is unloaded", func() bool { return len(f.Status()) == 0 })
	if log := f.log.String(); strings.Contains(log, "level=ERROR") {
		t.Errorf("log:\n%s", log)
	}
}

// TestScheduleOfTheCluster: nodes find the same times, and ask whose each of them is.
func TestScheduleOfTheCluster(t *testing.T) {
	t.Parallel()
	settings := document(`{"schedules": [
		{"name": "shared", "handler": 22, "every": "20ms", "scope": "cluster"},
		{"name": "own", "handler": 22, "every": "20ms"}]}`)
	settings.Limits.Deadline = time.Minute // a machine that is busy is no error
	var mu sync.Mutex
	claims, ended := make(map[time.Time]int), 0
	claim := func(_ context.Context, name string, due time.Time, _ time.Duration) (done func(), ours bool, err error) {
		mu.Lock()
		defer mu.Unlock()
		if name != "p.shared" {
			t.Errorf("claims %q", name)
		}
		claims[due]++
		return func() {
			mu.Lock()
			defer mu.Unlock()
			ended++
		}, claims[due] == 1, nil
	}
	node := func() *folder {
		return watch(t, map[string][]byte{"p.wasm": plugintest.Fixture(t, "puppet")}, map[string]plugin.Settings{"p": settings},
			func(o *plugin.Options) { o.Claim = claim })
	}
	a, b := node(), node()
	a.until("both nodes have asked for the same times", func() bool {
		mu.Lock()
		defer mu.Unlock()
		both := 0
		for _, n := range claims {
			both += n - 1
		}
		return both >= 5 && ended >= 5
	})
	runs := func(f *folder, name string) int { return strings.Count(f.log.String(), "msg="+name+" plugin=p") }
	shared := runs(a, "shared") + runs(b, "shared")
	mu.Lock()
	defer mu.Unlock()
	if shared > len(claims) {
		t.Errorf("%d runs at %d times", shared, len(claims))
	}
	for _, f := range []*folder{a, b} {
		if runs(f, "own") == 0 {
			t.Error("what is of each node has not run on one")
		}
	}
}

// TestSchedulesOfSeveralVersions: a version's wait for those of all versions before,
// and not just of the last, which may never have come to run its own.
func TestSchedulesOfSeveralVersions(t *testing.T) {
	t.Parallel()
	settings := document(`{"schedules": [{"name": "long", "handler": 23, "every": "10ms"}]}`)
	settings.Limits.Deadline = 2 * time.Second // which ends a run
	f := watch(t, map[string][]byte{"p.wasm": plugintest.Fixture(t, "puppet")}, map[string]plugin.Settings{"p": settings})
	runs := func() bool { return f.status("p.wasm").Running > 0 }
	f.until("the first version's runs", runs)
	for range 2 {
		if err := f.Reload(context.Background(), "p"); err != nil {
			t.Fatal(err)
		}
	}
	f.until("the third version's runs", runs)
	if n := f.status("p.wasm").Counts.Timeouts; n == 0 {
		t.Error("it runs beside the first version's")
	}
}

// TestScheduleFaultIsLogged, and the next run takes place.
func TestScheduleFaultIsLogged(t *testing.T) {
	t.Parallel()
	f := watch(t, map[string][]byte{"p.wasm": plugintest.Fixture(t, "puppet")}, map[string]plugin.Settings{
		"p": document(`{"schedules": [{"name": "bad", "handler": 4, "every": "10ms"}]}`),
	})
	f.until("it has failed twice", func() bool { return f.status("p.wasm").Counts.Faults >= 2 })
	f.logs(`handler="schedule \"bad\""`, "unreachable")
}

// mappings counts the mappings of this process.
func mappings(t *testing.T) int {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if errors.Is(err, os.ErrNotExist) {
		return 0 // no such thing on this system
	}
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(maps, []byte("\n"))
}
