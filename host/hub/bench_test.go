package hub_test

import (
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/host/hub"
)

// sink is a socket that takes everything.
type sink struct{}

func (sink) Write([][]byte) error                { return nil }
func (sink) TryWrite([][]byte) ([][]byte, error) { return nil, nil }
func (sink) Close() error                        { return nil }

// sinks connects n sessions that no one writes slowly to.
func sinks(b *testing.B, n int) (*hub.Hub, []*hub.Session) {
	b.Helper()
	h := hub.New(hub.Limits{Outbox: 1 << 30})
	sessions := make([]*hub.Session, n)
	for i := range sessions {
		sessions[i] = register(b, h, sink{})
		if err := sessions[i].Uncork(nil); err != nil {
			b.Fatal(err)
		}
	}
	return h, sessions
}

func BenchmarkPush(b *testing.B) {
	_, sessions := sinks(b, 1)
	frame := frame("%s", strings.Repeat("x", 100))
	b.ReportAllocs()
	for b.Loop() {
		sessions[0].Push(frame)
	}
}

func BenchmarkReplyAndFlush(b *testing.B) {
	_, sessions := sinks(b, 1)
	id, command, payload := []byte("123"), []byte(`"echo"`), []byte(`"`+strings.Repeat("x", 100)+`"`)
	b.ReportAllocs()
	for b.Loop() {
		sessions[0].Reply(id, command, payload)
		_ = sessions[0].Flush()
	}
}

// BenchmarkFanOut hands one frame to 1,000 sessions, as a broadcast does; an
// operation is all of them.
func BenchmarkFanOut(b *testing.B) {
	h, _ := sinks(b, 1000)
	frame := frame("%s", strings.Repeat("x", 100))
	b.ReportAllocs()
	for b.Loop() {
		h.Each(func(s *hub.Session) { s.Push(frame) })
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/session")
}

func BenchmarkRegisterAndEnd(b *testing.B) {
	h := hub.New(quiet)
	b.ReportAllocs()
	for b.Loop() {
		s, err := h.Register(sink{}, hub.Info{})
		if err != nil {
			b.Fatal(err)
		}
		s.End()
	}
}
