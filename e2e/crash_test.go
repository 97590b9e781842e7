//go:build linux

package e2e

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// crashes is how often the host is killed; the environment's E2E_CRASHES says
// otherwise (scripts/crash does).
const crashes = 8

func crashCount(t *testing.T) int {
	t.Helper()
	text := os.Getenv("E2E_CRASHES")
	if text == "" {
		return crashes
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("E2E_CRASHES is %q, not a number above 0", text)
	}
	return n
}

const crashConfig = `
[[records]]
pattern = "/^.*$/"
writable = true
[[channels]]
pattern = "/^kept:.+$/"
publish = true
history = 100000
[liveness]
ping_interval = 0
latency_interval = 0
[limits]
record_patches = 10000
outbox = "64MiB"
`

// crashing is a store that outlives its hosts, with those who write to it and
// those who follow.
type crashing struct {
	dir      string
	random   *rand.Rand
	host     *host
	tracks   []*track
	counters *counterTrack
	records  []*recordFollower
	channels []*follower
	starts   int
	took     time.Duration // the latest of them
}

// TestCrash kills a host while everything that is kept is written: what was
// acknowledged is there again, with versions that go on as if nothing had
// happened.
func TestCrash(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	x := &crashing{
		dir:    filepath.Join(t.TempDir(), "store"),
		random: rand.New(rand.NewPCG(seed, 0)), //nolint:gosec // it is to be repeatable
		tracks: newTracks(), counters: newCounterTrack(),
		channels: []*follower{{channel: "kept:0", kept: 1000}, {channel: "kept:1", kept: 1000, old: true}},
	}
	for i := range 4 {
		x.records = append(x.records, &recordFollower{id: "counters", mode: []string{"full", "patch"}[i%2], old: i > 1, kept: 40, check: counts(0)})
	}
	kills := crashCount(t)
	acknowledged, between, exit := int64(0), x.restart(t, -1), -1
	for kill := range kills {
		made := x.storm(t)
		acknowledged += made
		if kill == kills-1 {
			exit = 0
		}
		between += x.restart(t, exit)
		t.Logf("kill %d: %d writes acknowledged, of others %d are there, opened in %v", kill+1, made, x.found(), x.took.Round(time.Millisecond))
		if t.Failed() {
			return
		}
	}
	// The last ends as it should, and loses nothing either.
	x.host.signal(t, syscall.SIGTERM)
	x.host.wait(t, patience)
	x.restart(t, 0)
	for _, f := range x.records {
		t.Log(f)
	}
	for _, f := range x.channels {
		t.Logf("%s: %s", f.channel, f)
	}
	t.Logf("%d kills in a storm of writes and %d while opening: %d writes acknowledged, all are there", kills, between, acknowledged)
}

// restart opens the store again, sometimes after it was killed while opening,
// checks that everything is there, and has the followers catch up.
func (x *crashing) restart(t *testing.T, exit int) (killed int) {
	t.Helper()
	s := setup{plugins: []string{conformance}, config: crashConfig, args: []string{"--store", x.dir}, exit: exit}
	for ; x.random.IntN(4) == 0; killed++ {
		x.killOpening(t, s)
	}
	at := time.Now()
	x.host = start(t, s)
	x.starts, x.took = x.starts+1, time.Since(at)
	c := x.host.dial(t, v1)
	for _, track := range x.tracks {
		if err := track.check(x.host, c); err != nil {
			t.Errorf("start %d: %s: %v", x.starts, track.name, err)
		}
	}
	if err := x.counters.check(t, x.host); err != nil {
		t.Errorf("start %d: the record of many: %v", x.starts, err)
	}
	x.catchUp(t)
	if n := x.host.log.count(func(r record) bool { return r["level"] == "ERROR" || r["level"] == "WARN" }); n > 0 {
		t.Errorf("start %d: %d complaints:\n%s", x.starts, n, x.host.tail(10))
	}
	return killed
}

// killOpening starts a host and kills it soon.
func (x *crashing) killOpening(t *testing.T, s setup) {
	t.Helper()
	p := launch(t, serveCommand(t, t.TempDir(), s))
	late := time.NewTimer(time.Duration(x.random.IntN(60)) * time.Millisecond)
	defer late.Stop()
	<-late.C
	_ = p.cmd.Process.Kill() // which may have opened it by now
	p.wait(t, patience)
}

// catchUp has those who follow learn what they have missed.
func (x *crashing) catchUp(t *testing.T) {
	t.Helper()
	for _, f := range x.records {
		f.host = x.host
		s := x.host.stored(t, "counters")
		if f.last.Version > s.Version || f.last.Epoch != "" && f.last.Epoch != s.Epoch {
			t.Errorf("%s has seen %+v, where %+v is stored", f, f.last, s.version)
			return
		}
		if err := f.live(hop{within: patience}, s.Version); err != nil {
			t.Error(err)
		}
		if value, err := f.value(); s.Version > 0 && (err != nil || f.last != s.version || canonical(value) != canonical(s.Value)) {
			t.Errorf("%s is at %+v with %.200s, not at %+v with %.200s, %v", f, f.last, value, s.version, s.Value, err)
		}
	}
	for _, f := range x.channels {
		f.host = x.host
		at := x.host.position(t, f.channel)
		if f.last.Offset > 0 && (f.last.Offset > at.Offset || f.last.Epoch != at.Epoch) {
			t.Errorf("the follower of %s has seen %+v, where %+v is stored", f.channel, f.last, at)
			return
		}
		if err := f.live(hop{within: patience}, at.Offset); err != nil || at.Offset > 0 && f.last != at {
			t.Errorf("%s: %s, at %+v instead of %+v, %v", f.channel, f, f.last, at, err)
		}
	}
}

// found is how many writes were not acknowledged before the host was killed, and
// are there.
func (x *crashing) found() (n int64) {
	for _, track := range x.tracks {
		n += track.found
	}
	return n
}

// storm has everyone write and follow until the host is killed, and returns how
// many writes were acknowledged.
func (x *crashing) storm(t *testing.T) int64 {
	t.Helper()
	var group sync.WaitGroup
	for _, f := range x.records {
		group.Go(func() {
			if err := f.live(hop{within: time.Minute}, 1<<62); err != nil {
				t.Error(err)
			}
		})
	}
	for _, f := range x.channels {
		group.Go(func() {
			if err := f.live(hop{within: time.Minute}, 1<<62); err != nil {
				t.Error(err)
			}
		})
	}
	var acknowledged atomic.Int64
	for i, track := range x.tracks {
		c := x.host.dial(t, []dialing{v1, {}}[i%2])
		group.Go(func() { track.run(t, c, &acknowledged) })
	}
	for i := range x.counters.writers {
		c := x.host.dial(t, []dialing{v1, {}}[i%2])
		group.Go(func() { x.counters.run(c, i, &acknowledged) })
	}
	eventually(t, time.Minute, "some writes are acknowledged", func() bool { return acknowledged.Load() > 100 })
	late := time.NewTimer(time.Duration(x.random.IntN(250)) * time.Millisecond)
	defer late.Stop()
	<-late.C
	x.host.signal(t, syscall.SIGKILL)
	x.host.wait(t, patience)
	group.Wait()
	return acknowledged.Load()
}

// A store belongs to one process at a time, and what is none is not touched.
func TestStoreThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := start(t, setup{args: []string{"--store", filepath.Join(dir, "store")}})
	h.set(t, "r", `"kept"`)
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("text"), 0o666); err != nil {
		t.Fatal(err)
	}
	for path, part := range map[string]string{filepath.Join(dir, "store"): filepath.Join(dir, "store"), file: "file"} {
		p := launch(t, serveCommand(t, t.TempDir(), setup{args: []string{"--store", path}}))
		if state := p.wait(t, patience); state.ExitCode() <= 0 || !strings.Contains(p.tail(10), part) {
			t.Errorf("%s: ended with %v:\n%s", path, state, p.tail(10))
		}
	}
	h.set(t, "r", `"still"`)
	if content, err := os.ReadFile(file); string(content) != "text" {
		t.Errorf("the file has become %q, %v", content, err)
	}
	// Of what is in the store, a byte that is not as it was written is no reason
	// to begin anew, and none to serve what is wrong.
	h.signal(t, syscall.SIGTERM)
	h.wait(t, patience)
	names, err := filepath.Glob(filepath.Join(dir, "store", "*"))
	if err != nil || len(names) == 0 {
		t.Fatalf("there is nothing in the store: %v", err)
	}
	broken := filepath.Join(dir, "broken")
	if err := os.Mkdir(broken, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		copy(content, strings.Repeat("rubbish ", len(content)/8))
		if err := os.WriteFile(filepath.Join(broken, filepath.Base(name)), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := launch(t, serveCommand(t, t.TempDir(), setup{args: []string{"--store", broken}}))
	if state := p.wait(t, patience); state.ExitCode() <= 0 || !strings.Contains(p.tail(10), broken) {
		t.Errorf("rubbish: ended with %v:\n%s", state, p.tail(10))
	}
}

// Without a store nothing outlives the process, which says so; and no client is
// told that the new one goes on where the old one was.
func TestMemoryOnlyRestartBeginsAnew(t *testing.T) {
	t.Parallel()
	config := recordsConfig + "[[channels]]\npattern = \"kept\"\nhistory = 10\n"
	for _, old := range []bool{false, true} {
		f := &recordFollower{id: "open:a", mode: "patch", old: old}
		var epochs []string
		for n := range 3 {
			h := start(t, setup{config: config})
			h.awaitLog(t, 0, map[string]string{"msg": "memory"})
			h.set(t, "open:a", fmt.Sprintf(`{"life":%d}`, n))
			h.set(t, "open:a", fmt.Sprintf(`{"life":%d,"filler":"%s"}`, n, strings.Repeat("x", 200)))
			f.host = h
			if err := f.live(hop{within: patience}, 2); err != nil {
				t.Fatal(err)
			}
			if value, err := f.value(); err != nil || !strings.HasPrefix(string(value), fmt.Sprintf(`{"life":%d`, n)) || f.refused != n || f.recovered != 0 {
				t.Errorf("life %d: %s, %.100s, %v", n, f, value, err)
			}
			epochs = append(epochs, f.last.Epoch)
			c := h.dial(t, v1)
			c.says(t, "mesh/subscribe-record", fmt.Sprintf(`{"recordId":"open:b","epoch":%q,"version":2}`, f.last.Epoch), `{"success":true,"record":null,"version":0,"recovered":false}`)
			h.signal(t, syscall.SIGTERM)
			h.wait(t, patience)
		}
		if epochs[0] == epochs[1] || epochs[1] == epochs[2] || epochs[0] == epochs[2] {
			t.Errorf("the epochs are %q", epochs)
		}
	}
}

// values are all records, each as its version, epoch and value.
func (h *host) values(t *testing.T) map[string]string {
	t.Helper()
	all := make(map[string]string)
	for _, r := range h.records(t, `{"values":true}`).Records {
		all[r.RecordID] = fmt.Sprint(r.version, string(r.Value))
	}
	return all
}

// What a store keeps is what was there: tombstones with their versions, times
// that have not passed and those that have, and the order of everything.
func TestRestartKeepsEverything(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	config := recordsConfig + "[[channels]]\npattern = \"/^kept:.+$/\"\npublish = true\nhistory = 5\n[[collections]]\npattern = \"all\"\nrecords = \"/^open:.+$/\"\nsort = \"n\"\n"
	s := setup{plugins: []string{conformance}, config: config, args: []string{"--store", dir}}
	h := start(t, s)
	c := h.dial(t, v1)
	kept := c.write(t, "open:kept", `{"z":1.0,"a":9007199254740993,"n":2}`)
	c.write(t, "open:kept", `{"n":3}`, `"strategy":"merge"`)
	deleted := c.write(t, "open:deleted", `{"n":1}`)
	c.delete(t, "open:deleted")
	c.write(t, "open:null", `null`)
	short := c.write(t, "short:x", `1`)
	h.op(t, "records.set", `{"recordId":"open:long","value":1,"ttl":3600000}`)
	for i := range 8 {
		c.call(t, "mesh/publish-channel", fmt.Sprintf(`{"channel":"kept:c","message":"m %d"}`, i+1))
	}
	history := c.call(t, "mesh/get-channel-history", `{"channel":"kept:c"}`)
	c.call(t, "kv.set", `{"key":"k","value":{"a":[1,2]}}`)
	c.call(t, "kv.set", `{"key":"gone","value":1,"ttl":200}`)
	c.call(t, "kv.set", `{"key":"deleted","value":1}`)
	c.call(t, "kv.delete", `{"key":"deleted"}`)
	h.op(t, "rooms.metadata.set", `{"roomName":"r","metadata":{"topic":"x"}}`)
	h.op(t, "rooms.metadata.set", `{"roomName":"cleared","metadata":1}`)
	c.call(t, "mesh/join-room", `{"roomName":"cleared"}`)
	h.op(t, "rooms.clear", `{"roomName":"cleared"}`)
	before := h.values(t)
	delete(before, "short:x")
	for round := range 2 {
		h.signal(t, []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL}[round])
		h.exit = []int{0, -1}[round]
		h.wait(t, patience)
		if round == 0 {
			rest(1100 * time.Millisecond) // the short one's time passes meanwhile
		}
		h = start(t, s)
		c = h.dial(t, v1)
		if after := h.values(t); !maps.Equal(after, before) {
			t.Errorf("the records are %v, not %v", after, before)
		}
		c.says(t, "mesh/subscribe-record", object("recordId", "open:kept"), fmt.Sprintf(`{"success":true,"record":{"z":1.0,"a":9007199254740993,"n":3},"version":2,"epoch":%q}`, kept.Epoch))
		r := c.follows(t, fmt.Sprintf(`{"recordId":"open:kept","epoch":%q,"version":1}`, kept.Epoch))
		if r.Recovered == nil || !*r.Recovered || len(r.Patches) != 1 || r.version != (version{kept.Epoch, 2}) {
			t.Errorf("recovered with %+v", r)
		}
		c.says(t, "mesh/subscribe-record", fmt.Sprintf(`{"recordId":"open:deleted","epoch":%q,"version":2}`, deleted.Epoch), fmt.Sprintf(`{"success":true,"version":2,"epoch":%q,"recovered":true,"patches":[]}`, deleted.Epoch))
		c.says(t, "mesh/subscribe-record", `{"recordId":"short:x"}`, fmt.Sprintf(`{"success":true,"record":null,"version":2,"epoch":%q}`, short.Epoch))
		c.says(t, "mesh/get-channel-history", `{"channel":"kept:c"}`, history)
		c.says(t, "kv.get", `{"key":"k"}`, `{"value":{"a":[1,2]}}`)
		for _, key := range []string{"gone", "deleted"} {
			c.says(t, "kv.get", object("key", key), `{}`)
		}
		h.opSays(t, "rooms.metadata.get", `{"roomName":"r"}`, `{"metadata":{"topic":"x"}}`)
		h.opSays(t, "rooms.metadata.get", `{"roomName":"cleared"}`, `{"metadata":null}`)
		h.opSays(t, "rooms.members", `{"roomName":"cleared"}`, `{"members":[]}`)
		c.collects(t, "all", "open:long", "open:null", "open:kept")
	}
	// And everything goes on from there.
	if v := c.write(t, "open:deleted", `{"n":9}`); v != (version{deleted.Epoch, 3}) {
		t.Errorf("made again at %+v after %+v", v, deleted)
	}
	if v := c.write(t, "short:x", `2`); v != (version{short.Epoch, 3}) {
		t.Errorf("made again at %+v after %+v", v, short)
	}
	if reply := c.call(t, "mesh/publish-channel", `{"channel":"kept:c","message":"m 9"}`); reply != `{"success":true,"offset":9}` {
		t.Errorf("published with %s", reply)
	}
	eventually(t, patience, "its time passes in the new life, too", func() bool { return string(h.stored(t, "short:x").Value) == "null" })
}
