package hub_test

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"

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
