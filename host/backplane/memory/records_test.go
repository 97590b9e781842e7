package memory_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/memory"
)

// edit is a write of a value, "" to delete, to a record as it was read.
func edit(r backplane.Record, value string) backplane.RecordWrite {
	w := backplane.RecordWrite{
		ID: r.ID, Expect: r.Version, Patch: []byte(string(r.Value) + ">" + value),
		Tombstone: time.Hour, Log: 8, LogSize: 1 << 20,
	}
	if value != "" {
		w.Value = []byte(value)
	}
	return w
}

func recordNow(tb testing.TB, n *memory.Node, id string) backplane.Record {
	tb.Helper()
	r, err := n.Records().Get(ctx, id)
	must(tb, err)
	return r
}

// write makes a record's next version, "" to delete it.
func write(tb testing.TB, n *memory.Node, id, value string) backplane.Version {
	tb.Helper()
	versions, found, err := n.Records().Commit(ctx, []backplane.RecordWrite{edit(recordNow(tb, n, id), value)}, 0)
	must(tb, err)
	if found != nil {
		tb.Fatalf("%q is %+v meanwhile", id, found)
	}
	return versions[0]
}

func TestRecordsCount(t *testing.T) {
	t.Parallel()
	s := memory.New(memory.Options{})
	a, b := s.Node("a"), s.Node("b")
	write(t, a, "r", "12345")
	write(t, b, "r", "123")
	write(t, a, "other", "1")
	write(t, a, "other", "")
	for _, n := range []*memory.Node{a, b, a} {
		must(t, n.Bus().Subscribe(ctx, backplane.Topic{Kind: backplane.AllRecords}))
	}
	bytes := int64(len("r123"+">12345"+"12345>123"+"other") + 2*(backplane.RecordOverhead+backplane.PatchOverhead))
	if got, want := s.Stats(), (memory.Stats{Nodes: 2, Records: 2, RecordBytes: bytes, Subscriptions: 2}); got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// What a node has not subscribed to does not reach it, and what it has, once.
func TestOnlySubscribersAreToldOfRecords(t *testing.T) {
	t.Parallel()
	s := memory.New(memory.Options{})
	n, writer := s.Node("a"), s.Node("b")
	var told, wrote counting
	n.Attach(&told)
	writer.Attach(&wrote)
	one, all := backplane.Topic{Kind: backplane.RecordOf, Name: "r"}, backplane.Topic{Kind: backplane.AllRecords}
	subscribe, unsubscribe := n.Bus().Subscribe, n.Bus().Unsubscribe
	for i, step := range []struct {
		do    func(context.Context, backplane.Topic) error
		topic backplane.Topic
		told  int
	}{
		{subscribe, one, 1}, {subscribe, all, 2}, {unsubscribe, one, 2}, {subscribe, one, 2},
		{unsubscribe, all, 1}, {unsubscribe, all, 1}, {unsubscribe, one, 0},
		{subscribe, backplane.Topic{Kind: backplane.Channel, Name: "r"}, 0},
	} {
		told, wrote = counting{}, counting{}
		must(t, step.do(ctx, step.topic))
		write(t, writer, "r", strconv.Itoa(i))
		write(t, writer, "other", strconv.Itoa(i))
		if told.records != step.told || told.wrote != 0 || wrote.wrote != 2 || wrote.records != 0 {
			t.Errorf("step %d: told %+v, the writer %+v", i, told, wrote)
		}
	}
}

// However records came and went, nothing is left of them.
func TestNothingIsLeftOfRecords(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memory.New(memory.Options{})
		nodes := []*memory.Node{run(t, s.Node("a")), run(t, s.Node("b"))}
		var wg sync.WaitGroup
		for worker := range 6 {
			wg.Go(func() {
				for range 500 {
					comeAndGo(t, nodes[worker%2])
				}
			})
		}
		wg.Wait()
		if s.Stats().Records == 0 {
			t.Error("there was nothing")
		}
		<-time.After(3 * time.Minute)
		synctest.Wait()
		if got := s.Stats(); got != (memory.Stats{Nodes: 2}) {
			t.Errorf("left: %+v", got)
		}
	})
}

// comeAndGo writes records that end within two minutes, often without success.
func comeAndGo(t *testing.T, n *memory.Node) {
	t.Helper()
	var writes []backplane.RecordWrite
	for _, i := range rand.Perm(10)[:1+rand.IntN(3)] {
		r := recordNow(t, n, "r"+strconv.Itoa(i))
		w := edit(r, strings.Repeat("x", rand.IntN(20)))
		w.TTL, w.Tombstone = time.Duration(1+rand.IntN(60))*time.Second, time.Duration(rand.IntN(60))*time.Second
		w.Keep = rand.IntN(4) == 0
		if rand.IntN(10) == 0 {
			w.Expect.Number--
		}
		writes = append(writes, w)
	}
	if _, _, err := n.Records().Commit(ctx, writes, int64(rand.IntN(3)*700)); err != nil && !errors.Is(err, backplane.ErrFull) {
		t.Error(err)
	}
	if rand.IntN(20) == 0 {
		<-time.After(time.Duration(rand.IntN(2000)) * time.Millisecond)
	}
}

// A list looks at so many records at a time, whether they match or not.
func TestListOfRecordsIsBounded(t *testing.T) {
	t.Parallel()
	const records, bound = 20_000, 5000
	n := memory.New(memory.Options{}).Node("a")
	for i := range records {
		write(t, n, strconv.Itoa(i), "1")
	}
	for _, wanted := range []string{"none", "12345", "19999"} {
		cursor, looked, found := "", 0, 0
		for {
			before := looked
			page, next, err := n.Records().List(ctx, backplane.RecordQuery{Cursor: cursor, Limit: 100, Match: func(id string) bool {
				looked++
				return id == wanted
			}})
			must(t, err)
			found += len(page)
			if looked-before > bound {
				t.Errorf("looked at %d records for a page", looked-before)
			}
			if cursor = next; cursor == "" {
				break
			}
		}
		if looked != records || (found == 1) != (wanted != "none") {
			t.Errorf("%s: found %d of it among %d", wanted, found, looked)
		}
	}
}

func TestRecordAllocations(t *testing.T) {
	n := memory.New(memory.Options{}).Node("a")
	n.Attach(new(counting))
	for _, c := range []struct {
		name string
		most float64
		edit func(*backplane.RecordWrite)
	}{
		{"value, patch and versions", 3, func(*backplane.RecordWrite) {}},
		{"the same with a TTL", 3, func(w *backplane.RecordWrite) { w.TTL = time.Hour }},
		{"the same, told to a subscriber", 3, func(*backplane.RecordWrite) {
			must(t, n.Bus().Subscribe(ctx, backplane.Topic{Kind: backplane.RecordOf, Name: "r"}))
		}},
		{"versions", 1, func(w *backplane.RecordWrite) { w.Keep, w.TTL = true, time.Hour }},
		{"what was found", 1, func(w *backplane.RecordWrite) { w.Expect.Epoch = "x" }},
	} {
		writes := []backplane.RecordWrite{edit(recordNow(t, n, "r"), strings.Repeat("x", 200))}
		c.edit(&writes[0])
		commit := func() {
			versions, _, err := n.Records().Commit(ctx, writes, 1<<20)
			must(t, err)
			if versions != nil {
				writes[0].Expect = versions[0]
			}
		}
		for range 100 {
			commit()
		}
		if got := testing.AllocsPerRun(200, commit); got > c.most {
			t.Errorf("a commit allocates %v times, want %v: %s", got, c.most, c.name)
		}
	}
	if got := testing.AllocsPerRun(100, func() { _, _ = n.Records().Get(ctx, "r") }); got != 0 {
		t.Errorf("get allocates %v times", got)
	}
	at := recordNow(t, n, "r").Version
	at.Number -= 3
	if got := testing.AllocsPerRun(100, func() { _, _, _, _ = n.Records().Since(ctx, "r", at) }); got > 1 {
		t.Errorf("since allocates %v times", got)
	}
}

// newWrites are for a benchmark of commits of 200 bytes.
func newWrites(id string) []backplane.RecordWrite {
	return []backplane.RecordWrite{{
		ID: id, Value: make([]byte, 200), Patch: make([]byte, 60), Tombstone: time.Hour, Log: 64, LogSize: 4 << 10,
	}}
}

// again commits writes, and prepares them for the next time.
func again(n *memory.Node, writes []backplane.RecordWrite) {
	versions, _, _ := n.Records().Commit(ctx, writes, 1<<30)
	for i := range versions {
		writes[i].Expect = versions[i]
	}
}

func BenchmarkCommit(b *testing.B) {
	for name, ttl := range map[string]time.Duration{"200B": 0, "200B with TTL": time.Hour} {
		b.Run(name, func(b *testing.B) {
			n := memory.New(memory.Options{}).Node("a")
			writes := newWrites("r")
			writes[0].TTL = ttl
			b.ReportAllocs()
			for b.Loop() {
				again(n, writes)
			}
			if got := writes[0].Expect.Number; got != int64(b.N) {
				b.Errorf("%d of %d were made", got, b.N)
			}
		})
	}
	b.Run("5 records", func(b *testing.B) {
		n := memory.New(memory.Options{}).Node("a")
		var writes []backplane.RecordWrite
		for i := range 5 {
			writes = append(writes, newWrites(strconv.Itoa(i))...)
		}
		b.ReportAllocs()
		for b.Loop() {
			again(n, writes)
		}
	})
	b.Run("1MB", func(b *testing.B) {
		n := memory.New(memory.Options{}).Node("a")
		writes := newWrites("r")
		writes[0].Value = make([]byte, 1<<20)
		b.ReportAllocs()
		for b.Loop() {
			again(n, writes)
		}
	})
}

// Every writer has records of its own.
func BenchmarkCommitParallel(b *testing.B) {
	n := memory.New(memory.Options{}).Node("a")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		var all [16][]backplane.RecordWrite
		for i := range all {
			all[i] = newWrites(strconv.Itoa(int(rand.Uint32())))
		}
		for i := 0; pb.Next(); i++ {
			again(n, all[i%len(all)])
		}
	})
}

func BenchmarkGetRecord(b *testing.B) {
	n := memory.New(memory.Options{}).Node("a")
	again(n, newWrites("r"))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_, _ = n.Records().Get(ctx, "r")
		}
	})
}

// The 64 last patches.
func BenchmarkSince(b *testing.B) {
	n := memory.New(memory.Options{}).Node("a")
	writes := newWrites("r")
	for range 100 {
		again(n, writes)
	}
	from := writes[0].Expect
	from.Number -= 64
	b.ReportAllocs()
	for b.Loop() {
		if _, patches, ok, _ := n.Records().Since(ctx, "r", from); !ok || len(patches) != 64 {
			b.Fatal(len(patches))
		}
	}
}

// A page of 100 of 100,000, and one of those few that match.
func BenchmarkListRecords(b *testing.B) {
	n := memory.New(memory.Options{}).Node("a")
	for i := range 100_000 {
		again(n, newWrites(strconv.Itoa(i)))
	}
	for name, match := range map[string]func(string) bool{"all": nil, "few": func(id string) bool { return strings.HasSuffix(id, "9999") }} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _, _ = n.Records().List(ctx, backplane.RecordQuery{Limit: 100, Match: match})
			}
		})
	}
}

// Many records that end, and are written all the time.
func BenchmarkCommitExpiring(b *testing.B) {
	n := memory.New(memory.Options{}).Node("a")
	var all [10_000][]backplane.RecordWrite
	for i := range all {
		all[i] = newWrites(strconv.Itoa(i))
		all[i][0].TTL = time.Minute
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		again(n, all[i%len(all)])
	}
}
