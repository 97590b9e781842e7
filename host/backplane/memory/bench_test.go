package memory_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/memory"
)

// subscribed returns a node that is told of the channel and the room "x",
// which connection "1" is present in.
func subscribed(tb testing.TB) *memory.Node {
	tb.Helper()
	n := memory.New(memory.Options{}).Node("a")
	n.Attach(new(counting))
	for _, kind := range []backplane.Kind{backplane.Channel, backplane.PresenceOf} {
		must(tb, n.Bus().Subscribe(ctx, backplane.Topic{Kind: kind, Name: "x"}))
	}
	must(tb, n.Connections().Add(ctx, backplane.Connection{ID: "1"}))
	_, err := n.Rooms().Join(ctx, "x", "1", true)
	must(tb, err)
	return n
}

func TestAllocations(t *testing.T) {
	n := subscribed(t)
	data := make([]byte, 100)
	keep := backplane.Keep{Count: 100}
	for range 200 {
		_, _ = n.Channels().Publish(ctx, "kept", data, keep)
	}
	for _, c := range []struct {
		name string
		most float64
		do   func()
	}{
		{"a message that is not kept", 0, func() { _, _ = n.Channels().Publish(ctx, "x", data, backplane.Keep{}) }},
		{"a message that is kept, but for its copy", 1, func() { _, _ = n.Channels().Publish(ctx, "kept", data, keep) }},
		{"a page, but for itself", 1, func() { _, _ = n.Channels().Read(ctx, "kept", backplane.Query{Limit: 50, Newest: true}) }},
		{"joining again", 0, func() { _, _ = n.Rooms().Join(ctx, "x", "1", true) }},
		{"has", 0, func() { _, _ = n.Rooms().Has(ctx, "x", "1") }},
		{"entering and exiting", 0, func() { _, _ = n.Presence().Exit(ctx, "x", "1"); _, _ = n.Presence().Enter(ctx, "x", "1") }},
		{"a state, but for its copy", 1, func() { _, _ = n.Presence().SetState(ctx, "x", "1", data, time.Hour, false) }},
		{"an instruction", 0, func() {
			_, _ = n.Bus().Instruct(ctx, backplane.Audience{Scope: backplane.Everyone}, backplane.Instruction{})
		}},
	} {
		if got := testing.AllocsPerRun(100, c.do); got > c.most {
			t.Errorf("%s allocates %v times, want %v", c.name, got, c.most)
		}
	}
}

func BenchmarkPublish(b *testing.B) {
	data := make([]byte, 100)
	for name, keep := range map[string]backplane.Keep{"passing": {}, "kept": {Count: 100}} {
		b.Run(name, func(b *testing.B) {
			n := subscribed(b)
			b.ReportAllocs()
			for b.Loop() {
				_, _ = n.Channels().Publish(ctx, "x", data, keep)
			}
		})
	}
}

// Every publisher has a channel of its own.
func BenchmarkPublishParallel(b *testing.B) {
	data := make([]byte, 100)
	n := subscribed(b)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		channel := strconv.Itoa(int(time.Now().UnixNano()))
		for pb.Next() {
			_, _ = n.Channels().Publish(ctx, channel, data, backplane.Keep{Count: 100})
		}
	})
}

// Every message is the first of a stream, for which another is dropped.
func BenchmarkPublishFull(b *testing.B) {
	n := memory.New(memory.Options{HistorySize: 10 << 20}).Node("a")
	channels := make([]string, 50_000)
	for i := range channels {
		channels[i] = "channel " + strconv.Itoa(i)
	}
	data := make([]byte, 100)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		_, _ = n.Channels().Publish(ctx, channels[i%len(channels)], data, backplane.Keep{Count: 100})
	}
}

func BenchmarkRead100(b *testing.B) {
	n := subscribed(b)
	for range 200 {
		_, _ = n.Channels().Publish(ctx, "x", make([]byte, 100), backplane.Keep{Count: 150})
	}
	b.ReportAllocs()
	for b.Loop() {
		_, _ = n.Channels().Read(ctx, "x", backplane.Query{Limit: 100, Newest: true})
	}
}

func BenchmarkJoinLeave(b *testing.B) {
	n := subscribed(b)
	must(b, n.Connections().Add(ctx, backplane.Connection{ID: "2"}))
	b.ReportAllocs()
	for b.Loop() {
		_, _ = n.Rooms().Join(ctx, "x", "2", true)
		_, _ = n.Rooms().Leave(ctx, "x", "2", "")
	}
}

func BenchmarkSetState(b *testing.B) {
	n := subscribed(b)
	state := []byte(`{"typing":true}`)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = n.Presence().SetState(ctx, "x", "1", state, time.Minute, false)
	}
}

func BenchmarkAddRemove(b *testing.B) {
	n := subscribed(b)
	b.ReportAllocs()
	for b.Loop() {
		_ = n.Connections().Add(ctx, backplane.Connection{ID: "2", User: "u"})
		_, _, _ = n.Connections().Remove(ctx, "2", "")
	}
}

// A page of 100 of 100,000.
func BenchmarkListConnections(b *testing.B) {
	n := memory.New(memory.Options{}).Node("a")
	for i := range 100_000 {
		_ = n.Connections().Add(ctx, backplane.Connection{ID: strconv.Itoa(i)})
	}
	b.ReportAllocs()
	for b.Loop() {
		_, _, _ = n.Connections().List(ctx, "", 100)
	}
}

func BenchmarkGet(b *testing.B) {
	kv := memory.New(memory.Options{}).Node("a").KV()
	_ = kv.Set(ctx, "plugin", "key", []byte(`{"a":1}`), backplane.Write{TTL: time.Hour})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_, _ = kv.Get(ctx, "plugin", "key")
		}
	})
}

func BenchmarkSet(b *testing.B) {
	kv := memory.New(memory.Options{}).Node("a").KV()
	value := []byte(`{"a":1}`)
	b.ReportAllocs()
	for b.Loop() {
		_ = kv.Set(ctx, "plugin", "key", value, backplane.Write{TTL: time.Hour})
	}
}

func BenchmarkIncrement(b *testing.B) {
	kv := memory.New(memory.Options{}).Node("a").KV()
	b.ReportAllocs()
	for b.Loop() {
		_, _ = kv.Increment(ctx, "plugin", "n", 1, backplane.Write{Limit: 1 << 20})
	}
}
