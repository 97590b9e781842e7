package engine

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/memory"
	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// nowhere is a wire on which nothing arrives.
type nowhere struct{}

func (nowhere) Write([][]byte) error                { return nil }
func (nowhere) TryWrite([][]byte) ([][]byte, error) { return nil, nil }
func (nowhere) Close() error                        { return nil }

// benchRules expose two kinds of collections.
type benchRules struct{ *exposure.Index }

func (r benchRules) Exposed() exposure.Set { return r.Set }

// benchResolver answers with one record, or with none.
type benchResolver struct{ ids []string }

func (r *benchResolver) Resolve(context.Context, *hub.Session, *exposure.Collection, string) ([]string, error) {
	return r.ids, nil
}

func (*benchResolver) MayRead(context.Context, *hub.Session, string) bool { return true }

type unobserved struct{}

func (unobserved) ObservesRooms() bool                        { return false }
func (unobserved) RoomChanged(context.Context, RoomEvent)     {}
func (unobserved) ObservesRecord(string) bool                 { return false }
func (unobserved) RecordChanged(context.Context, RecordEvent) {}

// newBench makes an engine over "of:<team>", which is declared, and
// "list:<name>", which is resolved once for all.
func newBench(b *testing.B) (*Engine, *benchResolver) {
	b.Helper()
	records := []exposure.Pattern{patternOf(b, `/^r:.+$/`)}
	set := exposure.Set{Collections: []exposure.Collection{
		{Pattern: patternOf(b, `/^of:(.*)$/`), Limit: 100, Records: records, Sort: exposure.Sort{Path: []string{"rank"}},
			Filter: []exposure.Condition{conditionOf(b, "open", "true"), conditionOf(b, "team", `"$1"`)}},
		{Pattern: patternOf(b, `/^list:.+$/`), Limit: 100, Records: records, Resolver: "p.0", Shared: true},
	}}
	return newBenchOf(b, set)
}

func newBenchOf(b *testing.B, set exposure.Set) (*Engine, *benchResolver) {
	b.Helper()
	r := new(benchResolver)
	e := New(Options{
		Hub: hub.New(hub.Limits{Outbox: 64 << 20}), Node: memory.New(memory.Options{}).Node("n1"),
		Rules: benchRules{exposure.NewIndex(set)}, Observer: unobserved{}, Resolver: r, Log: slog.New(slog.DiscardHandler),
		Limits: Limits{Subscriptions: 1 << 20, Collections: 1 << 20, CollectionRecords: 1 << 20},
	})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		e.Run(ctx)
	}()
	b.Cleanup(func() { stop(); <-ended })
	return e, r
}

// subscribe has a new session subscribe to collections.
func benchSubscribe(b *testing.B, e *Engine, ids ...string) *hub.Session {
	b.Helper()
	s, err := e.hub.Register(nowhere{}, hub.Info{Subprotocol: protocol.SubprotocolV1})
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	if err := e.Open(ctx, s); err != nil {
		b.Fatal(err)
	}
	if err := s.Uncork(nil); err != nil {
		b.Fatal(err)
	}
	for _, id := range ids {
		begun, err := e.SubscribeCollection(ctx, s, e.rules.Collection(id), id)
		if err != nil {
			b.Fatal(err)
		}
		begun.Release()
	}
	b.Cleanup(func() { s.End(); e.Close(ctx, s) })
	return s
}

func benchChange(id string, n int64, value []byte) backplane.RecordChange {
	return backplane.RecordChange{Record: backplane.Record{
		ID: id, Version: backplane.Version{Epoch: "e", Number: n}, Value: value,
	}}
}

// BenchmarkCollectionChange is what a change costs that concerns no one, one
// collection, or only what a client sees of the record anyway, where so many
// other collections are subscribed to.
func BenchmarkCollectionChange(b *testing.B) {
	for _, others := range []int{0, 1, 100, 10_000} {
		e, _ := newBench(b)
		ids := make([]string, others)
		for i := range ids {
			ids[i] = "of:team" + strconv.Itoa(i)
		}
		benchSubscribe(b, e, append(ids, "of:mine")...)
		change := func(name, id string, value func(i int) string) {
			texts := [2][]byte{[]byte(value(0)), []byte(value(1))}
			b.Run(fmt.Sprintf("%s/others=%d", name, others), func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					e.collections.changed(benchChange(id, int64(i+1), texts[i%2]))
				}
			})
		}
		change("unmatched", "q:1", func(int) string { return `{"open":true,"team":"mine"}` })
		change("filtered", "r:1", func(int) string { return `{"open":true,"team":"none","text":"some more of it"}` })
		change("shown", "r:2", func(i int) string { return fmt.Sprintf(`{"open":true,"team":"mine","rank":1,"n":%d}`, i) })
		change("moved", "r:3", func(i int) string { return fmt.Sprintf(`{"open":true,"team":"mine","rank":%d}`, i) })
		change("added", "r:4", func(i int) string { return fmt.Sprintf(`{"open":%v,"team":"mine","rank":1}`, i == 0) })
	}
}

// BenchmarkCollectionResolved is a change that concerns all of so many resolved
// collections: they are marked as one.
func BenchmarkCollectionResolved(b *testing.B) {
	for _, all := range []int{1, 100, 10_000} {
		e, _ := newBench(b)
		ids := make([]string, all)
		for i := range ids {
			ids[i] = "list:" + strconv.Itoa(i)
		}
		benchSubscribe(b, e, ids...)
		b.Run(fmt.Sprintf("collections=%d", all), func(b *testing.B) {
			b.ReportAllocs()
			value := []byte("1")
			for i := 0; b.Loop(); i++ {
				e.collections.changed(benchChange("r:1", int64(i+1), value))
			}
		})
	}
}

// BenchmarkCollectionTold is what it costs to tell all subscribers of a
// collection of 50 records that a record has come or gone.
func BenchmarkCollectionTold(b *testing.B) {
	for _, subscribers := range []int{1, 100, 10_000} {
		e, r := newBench(b)
		ctx := context.Background()
		for i := range 51 {
			id := fmt.Sprint("r:", i)
			if _, err := e.Write(ctx, Write{Record: id, Value: []byte(`{"text":"a record of some forty bytes"}`)}); err != nil {
				b.Fatal(err)
			}
			r.ids = append(r.ids, id)
		}
		for range subscribers {
			benchSubscribe(b, e, "list:a")
		}
		c, all := e.collections.byID["list:a"], r.ids
		b.Run(fmt.Sprintf("subscribers=%d", subscribers), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				r.ids = all[:50+i%2]
				c.changes.Add(1)
				e.collections.resolveAgain(ctx, c)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(subscribers), "ns/subscriber")
		})
	}
}

// BenchmarkCollectionSubscribed is a subscription to a collection of 50 records,
// and its end.
func BenchmarkCollectionSubscribed(b *testing.B) {
	e, _ := newBench(b)
	ctx := context.Background()
	for i := range 1000 {
		w := Write{Record: fmt.Sprint("r:", i), Value: fmt.Appendf(nil, `{"open":true,"team":"team%d","rank":%d}`, i%20, i)}
		if _, err := e.Write(ctx, w); err != nil {
			b.Fatal(err)
		}
	}
	benchSubscribe(b, e, "of:team0") // so that its table stays
	s := benchSubscribe(b, e)
	b.ReportAllocs()
	for b.Loop() {
		begun, err := e.SubscribeCollection(ctx, s, e.rules.Collection("of:team0"), "of:team0")
		if err != nil || len(begun.Records) != 50 {
			b.Fatal(len(begun.Records), err)
		}
		begun.Release()
		e.UnsubscribeCollection(ctx, s, "of:team0")
	}
}

// dear is a resolver that takes its time of the processor, and says what one of
// its collections has.
type dear struct {
	benchResolver
	takes time.Duration
}

func (r *dear) Resolve(_ context.Context, _ *hub.Session, _ *exposure.Collection, id string) ([]string, error) {
	for began := time.Now(); time.Since(began) < r.takes; {
		runtime.KeepAlive(began)
	}
	if id == "list:mine" {
		return r.ids, nil
	}
	return nil, nil
}

// BenchmarkCollectionStorm is how long a diff takes, with the 50 ms that it waits
// for more, while three sessions subscribe to 100 collections each whose resolver
// takes 1.7 ms of the processor.
func BenchmarkCollectionStorm(b *testing.B) {
	set := exposure.Set{Collections: []exposure.Collection{
		{Pattern: patternOf(b, `/^list:.+$/`), Records: []exposure.Pattern{patternOf(b, `/^r:.+$/`)}, Resolver: "p.0"},
	}}
	e, _ := newBenchOf(b, set)
	r := &dear{}
	e.collections.resolver = r
	for i := range 3 {
		ids := make([]string, DefaultCollections)
		for n := range ids {
			ids[n] = fmt.Sprint("list:", i, ":", n)
		}
		benchSubscribe(b, e, ids...)
	}
	mine := benchSubscribe(b, e, "list:mine")
	r.takes = 1700 * time.Microsecond
	write := func(i int) {
		if _, err := e.Write(context.Background(), Write{Record: "r:1", Value: strconv.AppendInt(nil, int64(i), 10)}); err != nil {
			b.Fatal(err)
		}
	}
	var worst time.Duration
	cpu := processorTime(b)
	for i := 0; b.Loop(); i++ {
		sub := e.collections.find(mine, "list:mine")
		began, was := time.Now(), sub.seen.Load()
		for write(i); sub.seen.Load() == was; {
			<-time.After(time.Millisecond)
		}
		worst = max(worst, time.Since(began))
	}
	b.ReportMetric(float64(worst.Milliseconds()), "ms-worst")
	b.ReportMetric(float64((processorTime(b)-cpu).Milliseconds())/b.Elapsed().Seconds(), "ms-cpu/s")
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkCollectionCaptures is a subscription to a declared collection over
// 300,000 records, and its end: of one again and again, or of another each time.
func BenchmarkCollectionCaptures(b *testing.B) {
	e, _ := newBench(b)
	ctx := context.Background()
	for i := range 300_000 {
		w := Write{Record: fmt.Sprint("r:", i), Value: fmt.Appendf(nil, `{"open":true,"team":"team%d","rank":%d}`, i%20_000, i)}
		if _, err := e.Write(ctx, w); err != nil {
			b.Fatal(err)
		}
	}
	s := benchSubscribe(b, e)
	for _, teams := range []int{1, 50, 20_000} {
		b.Run(fmt.Sprintf("captures=%d", teams), func(b *testing.B) {
			cpu := processorTime(b)
			for i := 0; b.Loop(); i++ {
				id := fmt.Sprint("of:team", i%teams)
				begun, err := e.SubscribeCollection(ctx, s, e.rules.Collection(id), id)
				if err != nil {
					b.Fatal(err)
				}
				begun.Release()
				e.UnsubscribeCollection(ctx, s, id)
			}
			b.ReportMetric(float64((processorTime(b)-cpu).Milliseconds())/b.Elapsed().Seconds(), "ms-cpu/s")
		})
	}
}
