//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
)

// counterConfig has room for a follower that reads all versions at its leisure.
const counterConfig = `
[[records]]
pattern = "counters"
writable = true
[liveness]
ping_interval = 0
latency_interval = 0
[limits]
outbox = "64MiB"
`

// writers are clients that write one record, half of them in each dialect.
type writers struct {
	clients []*client
	mu      sync.Mutex
	made    map[int64]int // how many writes were told that they made a version
	epochs  map[string]bool
}

func (h *host) writers(t *testing.T, n int) *writers {
	t.Helper()
	w := &writers{made: make(map[int64]int), epochs: make(map[string]bool)}
	for i := range n {
		w.clients = append(w.clients, h.dial(t, []dialing{v1, {}}[i%2]))
	}
	return w
}

// write has a client make its n-th write.
func (w *writers) write(client, n int) error {
	dialect := []string{"mesh/", "rt/"}[client%2]
	reply, err := w.clients[client].ask(dialect+"publish-record-update", counterWrite("counters", client, n))
	if err != nil {
		return err
	}
	var v version
	if err := json.Unmarshal([]byte(reply), &v); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.made[v.Version]++
	w.epochs[v.Epoch] = true
	return nil
}

// check sees to it that each of the versions after the first was made once.
func (w *writers) check(t *testing.T, after, last int64) {
	t.Helper()
	for v := after + 1; v <= last; v++ {
		if w.made[v] != 1 {
			t.Fatalf("version %d was made by %d writes", v, w.made[v])
		}
	}
	if int64(len(w.made)) != last-after || len(w.epochs) != 1 {
		t.Errorf("%d versions were made, in the epochs %v", len(w.made), w.epochs)
	}
}

// arrived checks that followers have what is stored.
func (h *host) arrived(t *testing.T, at int64, followers []*recordFollower) {
	t.Helper()
	s := h.stored(t, "counters")
	if s.Version != at {
		t.Errorf("the final version is %d, not %d", s.Version, at)
	}
	for _, f := range followers {
		value, err := f.value()
		if err != nil || f.last != s.version || canonical(value) != canonical(s.Value) {
			t.Errorf("%s is at %+v instead of %+v, with %.300s, %v", f, f.last, s.version, value, err)
		}
		t.Log(f)
	}
}

// followers makes one of each mode and dialect, n times.
func (h *host) followers(n int) (all []*recordFollower) {
	for i := range 4 * n {
		all = append(all, &recordFollower{host: h, id: "counters", mode: []string{"full", "patch"}[i%2], old: i/2%2 == 1})
	}
	return all
}

// kept are hosts that keep what is written in memory only, and in a store; nodes
// on a Redis have no store.
func kept(t *testing.T, config string) map[string]setup {
	t.Helper()
	all := map[string]setup{"in memory": {config: config}}
	if nodesOfHost(t) == 1 {
		all["in a store"] = setup{config: config, args: []string{"--store", t.TempDir()}}
	}
	return all
}

// Fifty clients write one record at once, two hundred times each: every write is
// one version, every subscriber sees every version, and the patches make of each
// the next.
func TestManyWriters(t *testing.T) {
	t.Parallel()
	for name, s := range kept(t, counterConfig) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			manyWriters(t, start(t, s))
		})
	}
}

func manyWriters(t *testing.T, h *host) {
	t.Helper()
	const clients, writes = 50, 200
	followers := h.followers(2)
	followers[0].check, followers[3].check = counts(0), counts(0) // full, and in patches
	var begun, following, writing sync.WaitGroup
	for _, f := range followers {
		begun.Add(1)
		f.begun = begun.Done
		following.Go(func() {
			if err := f.live(hop{within: 2 * time.Minute}, clients*writes); err != nil {
				t.Error(err)
			}
		})
	}
	w := h.writers(t, clients)
	begun.Wait()
	at := time.Now()
	for client := range clients {
		writing.Go(func() {
			for n := range writes {
				if err := w.write(client, n); err != nil {
					t.Errorf("client %d, write %d: %v", client, n, err)
					return
				}
			}
		})
	}
	writing.Wait()
	t.Logf("%d writes, %d times told, in %v", clients*writes, len(followers), time.Since(at))
	following.Wait()
	w.check(t, 0, clients*writes)
	h.arrived(t, clients*writes, followers)
	for _, f := range followers {
		if f.pushed != clients*writes {
			t.Errorf("not every version was pushed: %s", f)
		}
	}
}

// suffering is a record that is written in bursts while its followers live short
// lives.
type suffering struct {
	host    *host
	writers *writers
	written []int // by each client
	at      int64 // the version, once nothing is written
}

func (h *host) suffering(t *testing.T, clients, size int) *suffering {
	t.Helper()
	s := &suffering{host: h, writers: h.writers(t, clients), written: make([]int, clients)}
	s.at = h.set(t, "counters", `{"filler":"`+strings.Repeat("x", size)+`"}`)
	return s
}

// burst makes n writes, of all clients at once.
func (s *suffering) burst(n int) error {
	done := make(chan error, len(s.written))
	for client := range s.written {
		go func() {
			var err error
			for i := client; i < n && err == nil; i += len(s.written) {
				err = s.writers.write(client, s.written[client])
				s.written[client]++
			}
			done <- err
		}()
	}
	var failed error
	for range s.written {
		if err := <-done; err != nil {
			failed = err
		}
	}
	s.at += int64(n)
	return failed
}

// suffer has followers live so many lives while bursts of n writes are made, and
// lets them have the rest in a last one.
func (s *suffering) suffer(t *testing.T, followers []*recordFollower, lives, n int) {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	pace := 1
	if len(s.host.others) > 0 {
		pace = 4 // a subscription takes longer to begin
	}
	var group sync.WaitGroup
	for i, f := range followers {
		random := rand.New(rand.NewPCG(seed, uint64(i))) //nolint:gosec // it is to be repeatable
		if err := f.live(hop{within: time.Minute}, 0); err != nil {
			t.Fatal(err)
		}
		group.Go(func() {
			for life := range lives {
				o := hop{within: time.Duration(1+random.IntN(25*pace)) * time.Millisecond}
				switch life % 4 { // else time ends it
				case 0: // in the handshake
					o.bytes = 1 + random.Int64N(300)
				case 1: // mostly in the reply
					o.bytes = 300 + random.Int64N(3000)
				case 2:
					o.bytes = 300 + random.Int64N(64<<10)
				}
				if err := f.live(o, 1<<62); err != nil {
					t.Errorf("connection %d: %v", life, err)
					return
				}
			}
		})
	}
	dying := make(chan struct{})
	go func() {
		group.Wait()
		close(dying)
	}()
	for alive := true; alive; {
		if err := s.burst(n); err != nil {
			t.Error(err)
			break
		}
		select {
		case <-dying:
			alive = false
		default:
		}
	}
	<-dying
	for _, f := range followers {
		group.Go(func() {
			if err := f.live(hop{within: time.Minute}, s.at); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	s.host.arrived(t, s.at, followers)
}

// Followers that lose their connection a hundred times while many write catch up
// from the version they know: nothing is missing, and nothing comes twice.
func TestRecordCatchUp(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		size int
		kept int64
		mode string
	}{
		// Patches are kept up to the size of the value, some 90 bytes each.
		{"patch", 60_000, 500, "patch"},
		{"full", 5_000, 40, "full"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := start(t, setup{config: counterConfig + "record_patches = 10000\n"})
			s := h.suffering(t, 10, c.size)
			var followers []*recordFollower
			for i := range 4 {
				followers = append(followers, &recordFollower{host: h, id: "counters", mode: c.mode, old: i%2 == 1, kept: c.kept})
			}
			followers[0].check, followers[1].check = counts(1), counts(1)
			if c.mode == "patch" {
				followers[0].check, followers[1].check = nil, nil // 60 kB for each version
			}
			s.suffer(t, followers, disconnects, 20)
			s.writers.check(t, 1, s.at)
			var all recordFollower // what one of them meets is left to chance
			for _, f := range followers {
				all.pushed, all.recovered, all.torn = all.pushed+f.pushed, all.recovered+f.recovered, all.torn+f.torn
				if f.refused == 0 && int64(f.pushed+f.recovered) != s.at-1 {
					t.Errorf("not everything came: %s", f)
				}
			}
			if all.pushed == 0 || all.recovered == 0 || all.torn == 0 {
				t.Errorf("not everything was tried: %d pushed, %d recovered, %d torn", all.pushed, all.recovered, all.torn)
			}
		})
	}
}

// A deletion is a version of its own, over which no patches lead.
func TestCatchUpOverADeletion(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: recordsConfig})
	writer := h.dial(t, v1)
	const id = "open:deleted"
	at := writer.write(t, id, `{"a":1}`)
	writer.write(t, id, `{"a":2}`)
	writer.delete(t, id)
	for _, mode := range []string{"full", "patch"} {
		c := h.dial(t, v1)
		since := func(n int) string {
			return fmt.Sprintf(`{"recordId":%q,"mode":%q,"epoch":%q,"version":%d}`, id, mode, at.Epoch, n)
		}
		stands := fmt.Sprintf(`"version":3,"epoch":%q`, at.Epoch)
		for n := range 3 {
			c.says(t, "mesh/subscribe-record", since(n), `{"success":true,"record":null,`+stands+`,"recovered":false}`)
		}
		c.says(t, "mesh/subscribe-record", since(3), `{"success":true,`+stands+`,"recovered":true,"patches":[]}`)
	}
	writer.write(t, id, `{"a":4}`)
	writer.write(t, id, `{"a":5}`)
	c := h.dial(t, v1)
	for n := range 6 {
		r := c.follows(t, fmt.Sprintf(`{"recordId":%q,"epoch":%q,"version":%d}`, id, at.Epoch, n))
		if r.Version != 5 || r.Recovered == nil || n < 3 && (*r.Recovered || string(r.Record) != `{"a":5}`) || n > 3 && (!*r.Recovered || len(r.Patches) != 5-n) {
			t.Errorf("from %d on: %+v", n, r)
		}
		value := json.RawMessage(nil)
		for i, p := range r.Patches {
			var err error
			if value, err = applied(value, p.Patch); err != nil && n == 3 || p.Version != int64(n+i+1) {
				t.Errorf("from %d on: %+v, %v", n, p, err)
			}
		}
		if n == 3 && *r.Recovered && canonical(value) != `{"a":5}` {
			t.Errorf("from the deletion on: %s", value)
		}
	}
}

// Who has missed more versions than are kept is told so, and gets the whole
// value; who has missed no more gets patches.
func TestCatchUpBeyondThePatchLog(t *testing.T) {
	t.Parallel()
	for _, kept := range []int{0, 1, 10, 64} {
		t.Run(fmt.Sprint(kept), func(t *testing.T) {
			t.Parallel()
			h := start(t, setup{config: counterConfig + fmt.Sprintf("record_patches = %d\n", kept)})
			s := h.suffering(t, 3, 20_000)
			followers := h.followers(1)
			rounds := []int{1, kept, kept + 1, 1, kept - 1, kept + 30, 3 * kept, 0}
			recovered, refused := 0, 0
			for _, f := range followers {
				f.kept, f.check = int64(kept), counts(1)
				if err := f.live(hop{within: time.Minute}, 1); err != nil {
					t.Fatal(err)
				}
			}
			for _, missed := range rounds {
				if missed < 0 {
					continue
				}
				if missed <= kept {
					recovered += missed
				} else {
					refused++
				}
				if err := s.burst(missed); err != nil {
					t.Fatal(err)
				}
				for _, f := range followers {
					if err := f.live(hop{within: time.Minute}, s.at); err != nil {
						t.Fatal(err)
					}
				}
			}
			h.arrived(t, s.at, followers)
			for _, f := range followers {
				if f.recovered != recovered || f.refused != refused || f.pushed > 0 {
					t.Errorf("%d versions should be recovered, and %d times not: %s", recovered, refused, f)
				}
			}
		})
	}
}
