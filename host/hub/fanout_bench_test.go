package hub_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// BenchmarkPublish is a fan-out of one message to sockets that take everything
// at once; an operation is all of it. The writes are the flusher's, beside or
// between.
func BenchmarkPublish(b *testing.B) {
	for _, n := range []int{1, 100, 1000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			h, sessions := sinks(b, n)
			for _, s := range sessions {
				subscribe(b, h, s, news, hub.Disconnect)
			}
			payload := []byte(`{"channel":"news","message":"` + strings.Repeat("x", 100) + `"}`)
			b.ReportAllocs()
			for b.Loop() {
				push := protocol.NewBuiltinPush("subscription-message", payload)
				if h.Publish(news, hub.Delivery{Push: push}) != n {
					b.Fatal("not all of them took it")
				}
			}
			b.ReportMetric(float64(b.N)*float64(n)/b.Elapsed().Seconds(), "deliveries/s")
		})
	}
}

// BenchmarkPublishRecord is a fan-out of one version of a record to 1,000
// sessions, half of which get patches and the others values.
func BenchmarkPublishRecord(b *testing.B) {
	h, sessions := sinks(b, 1000)
	for i, s := range sessions {
		held, _ := h.Subscribe(s, board, hub.Terms{Patches: i%2 == 0})
		release(held, at("e", 0))
	}
	patch, value := []byte(`[{"op":"replace","path":"/x","value":1}]`), []byte(strings.Repeat("x", 200))
	offset := int64(0)
	b.ReportAllocs()
	for b.Loop() {
		offset++
		d := hub.Delivery{
			Push:     protocol.NewBuiltinPush("record-update", patch),
			Whole:    protocol.NewBuiltinPush("record-update", value),
			Position: at("e", offset),
		}
		if h.Publish(board, d) != len(sessions) {
			b.Fatal("not all of them took it")
		}
	}
	b.ReportMetric(float64(b.N)*float64(len(sessions))/b.Elapsed().Seconds(), "deliveries/s")
}

// BenchmarkCover is a collection of 10,000 records that one session begins to
// show, with what is held for the reply, and ends to.
func BenchmarkCover(b *testing.B) {
	for name, order := range map[string]func(int) []int{
		"ascending": func(n int) []int {
			list := make([]int, n)
			for i := range list {
				list[i] = i
			}
			return list
		},
		"random": func(n int) []int { return rand.New(rand.NewPCG(1, 2)).Perm(n) },
	} {
		b.Run(name, func(b *testing.B) {
			const records = 10_000
			h, sessions := sinks(b, 1)
			topics := make([]hub.Topic, 0, records)
			for _, i := range order(records) {
				topics = append(topics, hub.Topic{Kind: hub.RecordTopic, Name: fmt.Sprintf("record-%06d", i)})
			}
			holds := make([]*hub.Hold, records)
			var begun, ended time.Duration
			b.ReportAllocs()
			for b.Loop() {
				start := time.Now()
				for i, t := range topics {
					holds[i] = h.Cover(sessions[0], t, hub.Disconnect, "x")
				}
				for _, held := range holds {
					held.ReleaseUpTo(at("e", 1))
					release(held, at("e", 1))
				}
				middle := time.Now()
				begun += middle.Sub(start)
				for _, t := range topics {
					h.Uncover(sessions[0], t, "x")
				}
				ended += time.Since(middle)
			}
			b.ReportMetric(float64(begun.Nanoseconds())/float64(b.N)/records, "ns/cover")
			b.ReportMetric(float64(ended.Nanoseconds())/float64(b.N)/records, "ns/uncover")
		})
	}
}

// BenchmarkSubscriptionMemory is what a subscription takes, with everything
// that finds it from the session and from the topic.
func BenchmarkSubscriptionMemory(b *testing.B) {
	const sessions = 1000
	for _, c := range []struct{ topics, each int }{{10, 10}, {100, 10}, {10_000, 10}, {100, 100}} {
		b.Run(fmt.Sprintf("%dtopics/%deach", c.topics, c.each), func(b *testing.B) {
			names := make([]string, c.topics)
			for i := range names {
				names[i] = fmt.Sprintf("channel-%06d", i)
			}
			var per float64
			for b.Loop() {
				h, list := sinks(b, sessions)
				before := heap()
				for i, s := range list {
					for n := range c.each {
						subscribe(b, h, s, hub.Topic{Kind: hub.ChannelTopic, Name: names[(i*c.each+n)%c.topics]}, hub.Disconnect)
					}
				}
				per = float64(heap()-before) / float64(sessions*c.each)
				runtime.KeepAlive(h)
			}
			b.ReportMetric(per, "B/subscription")
		})
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
