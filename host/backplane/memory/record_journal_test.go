package memory_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/memory"
)

// Nothing is delivered, acknowledged or shown before it is kept.
func TestRecordsAreKeptFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		n := open(t, l).Node("a")
		var told counting
		n.Attach(&told)
		must(t, n.Bus().Subscribe(ctx, backplane.Topic{Kind: backplane.RecordOf, Name: "r"}))
		var versions []backplane.Version
		var wg sync.WaitGroup
		wg.Go(func() {
			var err error
			versions, _, err = n.Records().Commit(ctx, []backplane.RecordWrite{
				edit(backplane.Record{ID: "r"}, "one"), edit(backplane.Record{ID: "other"}, "two"),
			}, 0)
			must(t, err)
		})
		synctest.Wait()
		for what, call := range readings(n) {
			waits(t, what, call)
		}
		if versions != nil || told != (counting{}) {
			t.Errorf("versions %v and %+v before it was kept", versions, told)
		}
		if r := recordNow(t, n, "missing"); r.Epoch != "" {
			t.Errorf("what is missing is %+v", r)
		}
		l.keep(1)
		wg.Wait()
		if len(versions) != 2 || told.records != 1 || told.wrote != 2 {
			t.Errorf("versions %v and %+v after it was kept", versions, told)
		}
		for what, call := range readings(n) {
			if err := call(ctx); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
		if changes, entries := l.count(memory.RecordTable); changes != 1 || entries != 2 {
			t.Errorf("%d changes with %d records", changes, entries)
		}
	})
}

// readings are all ways to see records r and other, without changing them.
func readings(n *memory.Node) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"get": func(ctx context.Context) error { _, err := n.Records().Get(ctx, "other"); return err },
		"since": func(ctx context.Context) error {
			_, _, _, err := n.Records().Since(ctx, "r", backplane.Version{})
			return err
		},
		"list": func(ctx context.Context) error {
			_, _, err := n.Records().List(ctx, backplane.RecordQuery{Limit: 1})
			return err
		},
		"commit": func(ctx context.Context) error {
			_, found, err := n.Records().Commit(ctx, []backplane.RecordWrite{edit(backplane.Record{ID: "missing"}, "x"), edit(backplane.Record{ID: "r"}, "x")}, 0)
			if err == nil && found[1].Epoch == "" {
				return errors.New("was not found")
			}
			return err
		},
	}
}

// Who does not wait until a change is kept does not undo it.
func TestRecordsAreKeptWithoutWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		s := open(t, l)
		n := s.Node("a")
		var told counting
		n.Attach(&told)
		value := []byte("value")
		waits(t, "commit", func(ctx context.Context) error {
			_, _, err := n.Records().Commit(ctx, []backplane.RecordWrite{{
				ID: "r", Value: value, Patch: value, Tombstone: time.Hour, Log: 1, LogSize: 100,
			}}, 0)
			return err
		})
		clear(value)
		l.keepAll()
		if told.wrote != 1 {
			t.Errorf("told %+v", told)
		}
		again := open(t, l.crash()).Node("a")
		for _, n := range []*memory.Node{n, again} {
			if r := recordNow(t, n, "r"); r.Number != 1 || string(r.Value) != "value" {
				t.Errorf("got %+v", r)
			}
		}
	})
}

// What cannot be kept never happened, as far as anyone can see.
func TestRecordsThatCannotBeKept(t *testing.T) {
	t.Parallel()
	l := newLedger()
	n := open(t, l).Node("a")
	var told counting
	n.Attach(&told)
	kept := edit(backplane.Record{ID: "kept"}, "one")
	waits(t, "commit", func(ctx context.Context) error {
		_, _, err := n.Records().Commit(ctx, []backplane.RecordWrite{kept}, 0)
		return err
	})
	l.keepAll()
	l.fail()
	for range 2 {
		_, _, err := n.Records().Commit(ctx, []backplane.RecordWrite{edit(backplane.Record{ID: "r"}, "one"), edit(backplane.Record{ID: "other"}, "two")}, 0)
		if !errors.Is(err, backplane.ErrUnavailable) {
			t.Errorf("commit: %v", err)
		}
	}
	for what, call := range readings(n) {
		if err := call(ctx); !errors.Is(err, backplane.ErrUnavailable) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if r := recordNow(t, n, "kept"); string(r.Value) != "one" || told.wrote != 1 {
		t.Errorf("what was kept is %+v; told %+v", r, told)
	}
}

// A deletion is not taken for granted, however soon it is to be forgotten.
func TestTombstoneIsKeptFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		s := open(t, l)
		n := run(t, s.Node("a"))
		commit := func(w backplane.RecordWrite) {
			t.Helper()
			waits(t, "commit", func(ctx context.Context) error {
				_, _, err := n.Records().Commit(ctx, []backplane.RecordWrite{w}, 0)
				return err
			})
		}
		commit(edit(backplane.Record{ID: "r"}, "one"))
		l.keepAll()
		w := edit(recordNow(t, n, "r"), "")
		w.Tombstone = time.Millisecond
		commit(w)
		<-time.After(3 * time.Second)
		get := func(ctx context.Context) error { _, err := n.Records().Get(ctx, "r"); return err }
		waits(t, "get of what is forgotten but not kept", get)
		if r := recordNow(t, open(t, l.crash()).Node("a"), "r"); string(r.Value) != "one" {
			t.Errorf("after a crash it is %+v", r)
		}
		l.keepAll()
		must(t, get(ctx))
		<-time.After(time.Second)
		l.keepAll()
		if stats := s.Stats(); stats.Records != 0 || stats.RecordBytes != 0 {
			t.Errorf("left: %+v", stats)
		}
		for _, table := range []memory.Table{memory.RecordTable, memory.PatchTable} {
			if _, entries := l.count(table); entries != 0 {
				t.Errorf("%d entries of %s are left", entries, table)
			}
		}
	})
}

// image is all that can be seen of records.
func image(t *testing.T, n *memory.Node) map[string]string {
	t.Helper()
	seen := make(map[string]string)
	for i := range 30 {
		id := "r" + strconv.Itoa(i)
		r := recordNow(t, n, id)
		text := fmt.Sprintf("%+v", r)
		for from := range r.Number + 2 {
			_, patches, ok, err := n.Records().Since(ctx, id, backplane.Version{Epoch: r.Epoch, Number: from})
			must(t, err)
			text += fmt.Sprintf(" %d %+v %v", from, patches, ok)
		}
		seen[id] = text
	}
	page, _, err := n.Records().List(ctx, backplane.RecordQuery{Limit: 100, Values: true})
	must(t, err)
	for _, r := range page {
		seen["list "+r.ID] = fmt.Sprintf("%+v", r)
	}
	return seen
}

// Whatever was written, another store finds it as it was.
func TestRecordsAreLoaded(t *testing.T) {
	t.Parallel()
	l := newLedger().run(t)
	s := open(t, l)
	n := s.Node("a")
	for i := range 3000 {
		var writes []backplane.RecordWrite
		for _, at := range rand.Perm(30)[:1+rand.IntN(3)] {
			w := edit(recordNow(t, n, "r"+strconv.Itoa(at)), strings.Repeat("x", rand.IntN(30)))
			w.Log, w.LogSize = rand.IntN(10), rand.IntN(300)
			w.Keep = rand.IntN(5) == 0
			w.TTL = time.Duration(rand.IntN(2)) * time.Hour
			if rand.IntN(10) == 0 {
				w.Patch = nil
			}
			if rand.IntN(10) == 0 && w.Value != nil {
				w.Value = []byte{}
			}
			writes = append(writes, w)
		}
		_, _, err := n.Records().Commit(ctx, writes, 0)
		must(t, err)
		if i%500 != 499 {
			continue
		}
		after := l.crash()
		again := open(t, after)
		if got, want := image(t, again.Node("a")), image(t, n); !maps.Equal(got, want) {
			t.Fatalf("loaded %v\nwant   %v", got, want)
		}
		stats := s.Stats()
		if got := again.Stats(); got.Records != stats.Records || got.RecordBytes != stats.RecordBytes {
			t.Errorf("loaded %+v, want %+v", got, stats)
		}
		if _, entries := after.count(memory.RecordTable); entries != stats.Records {
			t.Errorf("%d records are kept, want %d", entries, stats.Records)
		}
	}
}

// While the store was not there time went on.
func TestRecordsEndWhileNotLoaded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLedger().run(t)
		n := open(t, l).Node("a")
		commit := func(id, value string, ttl, tombstone time.Duration) backplane.Version {
			t.Helper()
			w := edit(recordNow(t, n, id), value)
			w.TTL, w.Tombstone = ttl, tombstone
			versions, _, err := n.Records().Commit(ctx, []backplane.RecordWrite{w}, 0)
			must(t, err)
			return versions[0]
		}
		stays := commit("stays", "1", 0, time.Hour)
		later := commit("later", "1", 3*time.Minute, time.Hour)
		expired := commit("expired", "1", time.Minute, time.Minute)
		lazily := commit("lazily", "1", time.Minute, time.Minute)
		commit("deleted", "1", 0, time.Hour)
		deleted := commit("deleted", "", 0, time.Hour)
		commit("forgotten", "1", 0, time.Hour)
		commit("forgotten", "", 0, time.Minute)
		<-time.After(2 * time.Minute)

		l = l.crash().run(t)
		s := open(t, l)
		n = s.Node("a")
		var told counting
		n.Attach(&told)
		want := func(id string, at backplane.Version, number int64, value string) {
			t.Helper()
			r := recordNow(t, n, id)
			if r.Number != number || string(r.Value) != value || number > 0 && r.Epoch != at.Epoch {
				t.Errorf("%s is %+v", id, r)
			}
		}
		want("lazily", lazily, 2, "")
		run(t, n)
		<-time.After(100 * time.Millisecond)
		synctest.Wait()
		if told.wrote != 2 {
			t.Errorf("told %+v of what expired", told)
		}
		want("stays", stays, 1, "1")
		want("later", later, 1, "1")
		want("expired", expired, 2, "")
		want("deleted", deleted, 2, "")
		want("forgotten", backplane.Version{}, 0, "")
		<-time.After(2 * time.Minute)
		synctest.Wait()
		want("expired", backplane.Version{}, 0, "")
		want("later", later, 2, "")
		if _, entries := l.count(memory.RecordTable); entries != 3 || s.Stats().Records != 3 {
			t.Errorf("%d entries of %d records", entries, s.Stats().Records)
		}
	})
}

// witness is what was seen of records: the values of versions, by whatever way.
type witness struct {
	mu   sync.Mutex
	seen map[string]map[backplane.Version]string
	counting
}

func (w *witness) see(r backplane.Record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.seen[r.ID] == nil {
		w.seen[r.ID] = make(map[backplane.Version]string)
	}
	w.seen[r.ID][r.Version] = string(r.Value)
}

func (w *witness) Record(c backplane.RecordChange) { w.see(c.Record) }
func (w *witness) Lost(backplane.Topic)            {}
func (w *witness) Wrote(c backplane.RecordChange)  { w.see(c.Record) }

// transfer moves something between two accounts until ctx ends, and shows the
// witness what it is told thereby.
func transfer(ctx context.Context, n *memory.Node, w *witness, accounts []string) error {
	at := rand.Perm(len(accounts))
	now := make([]backplane.Record, 2)
	for i := range now {
		var err error
		if now[i], err = n.Records().Get(ctx, accounts[at[i]]); err != nil {
			return err
		}
		w.see(now[i])
	}
	from, _ := strconv.Atoi(string(now[0].Value))
	to, _ := strconv.Atoi(string(now[1].Value))
	writes := []backplane.RecordWrite{edit(now[0], strconv.Itoa(from-1)), edit(now[1], strconv.Itoa(to+1))}
	versions, found, err := n.Records().Commit(ctx, writes, 0)
	for i := range versions {
		w.see(backplane.Record{ID: writes[i].ID, Version: versions[i], Value: writes[i].Value})
	}
	for _, r := range found {
		w.see(r)
	}
	return err
}

// However the process dies, what anyone has seen is there again, and
// transactions are there as a whole or not at all.
func TestRecordsSurviveCrashes(t *testing.T) {
	t.Parallel()
	accounts := []string{"a", "b", "c", "d", "e"}
	l := newLedger().run(t)
	n := open(t, l).Node("a")
	for _, id := range accounts {
		write(t, n, id, "100")
	}
	for range 20 {
		s := open(t, l)
		w := &witness{seen: make(map[string]map[backplane.Version]string)}
		nodes := []*memory.Node{s.Node("a"), s.Node("b")}
		for _, n := range nodes {
			n.Attach(w)
			must(t, n.Bus().Subscribe(ctx, backplane.Topic{Kind: backplane.AllRecords}))
		}
		until, cancel := context.WithCancel(ctx)
		var transfers atomic.Int64
		var wg sync.WaitGroup
		for worker := range 6 {
			wg.Go(func() {
				for until.Err() == nil {
					err := transfer(until, nodes[worker%2], w, accounts)
					if err != nil && !errors.Is(err, context.Canceled) {
						t.Error(err)
					}
					if transfers.Add(1) == 200 {
						l.freeze()
						cancel()
					}
				}
			})
		}
		wg.Wait()
		cancel()
		l = l.crash().run(t)
		wantSeen(t, open(t, l).Node("a"), w, accounts)
	}
}

// wantSeen fails unless a node has the versions that were seen, or later ones.
func wantSeen(t *testing.T, n *memory.Node, w *witness, accounts []string) {
	t.Helper()
	sum := 0
	for _, id := range accounts {
		r := recordNow(t, n, id)
		for version, value := range w.seen[id] {
			if version.Epoch != r.Epoch || version.Number > r.Number || version == r.Version && value != string(r.Value) {
				t.Errorf("%s: %+v %q was seen, and is %+v %q", id, version, value, r.Version, r.Value)
			}
		}
		value, _ := strconv.Atoi(string(r.Value))
		sum += value
	}
	if sum != 100*len(accounts) {
		t.Errorf("the accounts have %d together", sum)
	}
}
