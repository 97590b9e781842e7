package redis_test

import (
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/memory"
	"github.com/mesh-host/mesh-host/host/backplane/redis/redistest"
)

// benchmark measures something on Redis and on the embedded backplane, by one
// caller and by 50 at once.
func benchmark(b *testing.B, prepare, do func(n backplane.Node, i int) error) {
	b.Helper()
	for name, open := range map[string]func(b *testing.B) backplane.Node{
		"redis":  func(b *testing.B) backplane.Node { b.Helper(); n, _ := openAt(b, redistest.Start(b)); return n },
		"memory": func(*testing.B) backplane.Node { return memory.New(memory.Options{}).Node("a") },
	} {
		for _, callers := range []int{1, 50} {
			b.Run(name+"/"+strconv.Itoa(callers), func(b *testing.B) {
				n := open(b)
				n.Attach(new(deaf))
				for i := range 1000 {
					if err := prepare(n, i); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportAllocs()
				b.ResetTimer()
				var next, left atomic.Int64
				left.Store(int64(b.N))
				done := make(chan error, callers)
				for range callers {
					go func() {
						for left.Add(-1) >= 0 {
							if err := do(n, int(next.Add(1))); err != nil {
								done <- err
								return
							}
						}
						done <- nil
					}()
				}
				for range callers {
					if err := <-done; err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// deaf hears nothing.
type deaf struct{ backplane.Receiver }

func (deaf) Message(string, backplane.Message) {}

func nothing(backplane.Node, int) error { return nil }

func publishing(keep backplane.Keep) func(backplane.Node, int) error {
	data := make([]byte, 100)
	return func(n backplane.Node, i int) error {
		_, err := n.Channels().Publish(bg, "c"+strconv.Itoa(i%100), data, keep)
		return err
	}
}

func BenchmarkPublishPlain(b *testing.B) { benchmark(b, nothing, publishing(backplane.Keep{})) }

func BenchmarkPublishKept(b *testing.B) {
	benchmark(b, nothing, publishing(backplane.Keep{Count: 100}))
}

// A page of 1,000 messages of 100 bytes, or of 50 of them.
func benchmarkRead(b *testing.B, limit int) {
	b.Helper()
	data := make([]byte, 100)
	benchmark(b, func(n backplane.Node, _ int) error {
		_, err := n.Channels().Publish(bg, "c", data, backplane.Keep{Count: 1000})
		return err
	}, func(n backplane.Node, _ int) error {
		_, err := n.Channels().Read(bg, "c", backplane.Query{Limit: limit, Bytes: 4 << 20, Newest: true})
		return err
	})
}

func BenchmarkRead50(b *testing.B)   { benchmarkRead(b, 50) }
func BenchmarkRead1000(b *testing.B) { benchmarkRead(b, 1000) }

func set(n backplane.Node, i int) error {
	return n.KV().Set(bg, "plugin", "key"+strconv.Itoa(i%1000), []byte(`{"a":1}`), backplane.Write{TTL: time.Hour, Limit: 1 << 20})
}

func BenchmarkKVSet(b *testing.B) { benchmark(b, nothing, set) }

func BenchmarkKVGet(b *testing.B) {
	benchmark(b, set, func(n backplane.Node, i int) error {
		_, err := n.KV().Get(bg, "plugin", "key"+strconv.Itoa(i%1000))
		return err
	})
}

func BenchmarkKVIncrement(b *testing.B) {
	benchmark(b, nothing, func(n backplane.Node, _ int) error {
		_, err := n.KV().Increment(bg, "plugin", "n", 1, backplane.Write{Limit: 1 << 20})
		return err
	})
}
