package redis_test

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/memory"
	"github.com/mesh-host/mesh-host/host/backplane/redis"
	"github.com/mesh-host/mesh-host/host/backplane/redis/redistest"
)

// recordStores are what the benchmarks compare.
func recordStores(b *testing.B, bench func(b *testing.B, r backplane.Records)) {
	b.Helper()
	b.Run("memory", func(b *testing.B) { bench(b, memory.New(memory.Options{}).Node("a").Records()) })
	b.Run("redis", func(b *testing.B) {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		n, err := redis.Open(ctx, "a", redis.Options{Addresses: []string{redistest.Start(b).Addr}, Timeout: 10 * time.Second})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = n.Close() })
		bench(b, n.Records())
	})
}

// benchWrites are for commits of 200 bytes.
func benchWrites(id string) []backplane.RecordWrite {
	return []backplane.RecordWrite{{
		ID: id, Value: make([]byte, 200), Patch: make([]byte, 60), Tombstone: time.Hour, Log: 64, LogSize: 4 << 10,
	}}
}

// benchCommit commits writes until they are made, from what others have made.
func benchCommit(b *testing.B, r backplane.Records, writes []backplane.RecordWrite) {
	b.Helper()
	for {
		versions, found, err := r.Commit(context.Background(), writes, 1<<30)
		if err != nil {
			b.Error(err)
			return
		}
		for i := range writes {
			if versions != nil {
				writes[i].Expect = versions[i]
			} else {
				writes[i].Expect = found[i].Version
			}
		}
		if versions != nil {
			return
		}
	}
}

func BenchmarkRecordCommit(b *testing.B) {
	for _, c := range []struct {
		name    string
		writers int
		shared  bool
	}{{"1 writer", 1, true}, {"50 of one record", 50, true}, {"50 of many records", 50, false}} {
		b.Run(c.name, func(b *testing.B) {
			recordStores(b, func(b *testing.B, r backplane.Records) {
				b.Helper()
				var writer atomic.Int64
				b.SetParallelism((c.writers + 1) / 2)
				b.ReportAllocs()
				if c.writers == 1 {
					for writes := benchWrites("r"); b.Loop(); {
						benchCommit(b, r, writes)
					}
					return
				}
				b.RunParallel(func(pb *testing.PB) {
					id := "r"
					if !c.shared {
						id += strconv.FormatInt(writer.Add(1), 10)
					}
					for writes := benchWrites(id); pb.Next(); {
						benchCommit(b, r, writes)
					}
				})
			})
		})
	}
}

func BenchmarkRecordGet(b *testing.B) {
	for _, readers := range []int{1, 50} {
		b.Run(strconv.Itoa(readers), func(b *testing.B) {
			recordStores(b, func(b *testing.B, r backplane.Records) {
				b.Helper()
				benchCommit(b, r, benchWrites("r"))
				b.SetParallelism((readers + 1) / 2)
				b.ReportAllocs()
				get := func() { _, _ = r.Get(context.Background(), "r") }
				if readers == 1 {
					for b.Loop() {
						get()
					}
					return
				}
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						get()
					}
				})
			})
		})
	}
}

// The 64 last patches.
func BenchmarkRecordSince(b *testing.B) {
	recordStores(b, func(b *testing.B, r backplane.Records) {
		b.Helper()
		writes := benchWrites("r")
		for range 100 {
			benchCommit(b, r, writes)
		}
		from := writes[0].Expect
		from.Number -= 64
		b.ReportAllocs()
		for b.Loop() {
			if _, patches, ok, _ := r.Since(context.Background(), "r", from); !ok || len(patches) != 64 {
				b.Fatal(len(patches))
			}
		}
	})
}
