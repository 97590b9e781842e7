package journal_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/mesh-host/mesh-host/host/backplane/journal"
	"github.com/mesh-host/mesh-host/host/backplane/memory"
)

// Each of so many producers replaces the values of 100 keys of its own, one after
// the other, and waits for each.
func BenchmarkKeep(b *testing.B) {
	for _, size := range []int{200, 10 << 10, 1 << 20} {
		for _, producers := range []int{1, 64} {
			keys := max(1, min(100, 200<<20/size/producers))
			b.Run(fmt.Sprintf("%dB/%d", size, producers), func(b *testing.B) { benchmarkKeep(b, size, producers, keys) })
		}
	}
}

func benchmarkKeep(b *testing.B, size, producers, keys int) {
	b.Helper()
	j := open(b, b.TempDir())
	var left atomic.Int64
	left.Store(int64(b.N))
	done := make(chan struct{})
	b.SetBytes(int64(size))
	b.ReportAllocs()
	b.ResetTimer()
	for p := range producers {
		go func() {
			defer func() { done <- struct{}{} }()
			value := make([]byte, size)
			for i := 0; left.Add(-1) >= 0; i++ {
				key := binary.BigEndian.AppendUint64(nil, uint64(p)*0x9E3779B97F4A7C15)
				key = binary.BigEndian.AppendUint64(key, uint64(i%keys))
				change := []memory.JournalEntry{{Table: memory.RecordTable, Key: key, Value: value}}
				if err := j.Wait(context.Background(), j.Append(change, nil)); err != nil {
					b.Error(err)
					return
				}
			}
		}()
	}
	for range producers {
		<-done
	}
	b.StopTimer()
	report(b, j)
}

func report(b *testing.B, j *journal.Journal) {
	b.Helper()
	stats := j.Stats()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "changes/s")
	b.ReportMetric(float64(stats.Changes)/float64(stats.Commits), "changes/commit")
	b.ReportMetric(float64(stats.Committing.Microseconds())/float64(stats.Commits), "µs/commit")
	b.ReportMetric(float64(stats.FileSize)/(1<<20), "MiB")
}

// Streams of 100 messages each: the newest comes, the oldest goes.
func BenchmarkStreams(b *testing.B) {
	for _, producers := range []int{1, 64} {
		b.Run(strconv.Itoa(producers), func(b *testing.B) {
			j := open(b, b.TempDir())
			var left atomic.Int64
			left.Store(int64(b.N))
			done := make(chan struct{})
			b.ReportAllocs()
			b.ResetTimer()
			for p := range producers {
				go func() {
					defer func() { done <- struct{}{} }()
					value := make([]byte, 200)
					key := func(offset int) []byte {
						key := binary.BigEndian.AppendUint64(nil, uint64(p+1)*0x9E3779B97F4A7C15)
						return binary.BigEndian.AppendUint64(key, uint64(offset))
					}
					for i := 100; left.Add(-1) >= 0; i++ {
						if err := j.Wait(context.Background(), j.Append([]memory.JournalEntry{
							{Table: memory.MessageTable, Key: key(i - 100)},
							{Table: memory.MessageTable, Key: key(i), Value: value},
						}, nil)); err != nil {
							b.Error(err)
							return
						}
					}
				}()
			}
			for range producers {
				<-done
			}
			b.StopTimer()
			report(b, j)
		})
	}
}

// What is kept already.
func BenchmarkWait(b *testing.B) {
	j := open(b, b.TempDir())
	kept(b, j, put(memory.KVTable, "a", ""))
	ctx := context.Background()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_ = j.Wait(ctx, 1)
		}
	})
}

// The disk itself: a page overwritten and synced.
func BenchmarkSync(b *testing.B) {
	file, err := os.Create(filepath.Join(b.TempDir(), "file"))
	must(b, err)
	defer file.Close()
	page := make([]byte, 4096)
	for b.Loop() {
		_, err := file.WriteAt(page, 0)
		must(b, err)
		must(b, file.Sync())
	}
}

// Opening a file with as many entries as fit into its size, and loading them.
func BenchmarkOpen(b *testing.B) {
	for _, size := range []int{200, 10 << 10} {
		b.Run(strconv.Itoa(size)+"B", func(b *testing.B) {
			dir := b.TempDir()
			j, err := journal.Open(journal.Options{Dir: dir})
			must(b, err)
			value := make([]byte, size)
			var place int64
			for i := range 100 << 20 / size {
				key := binary.BigEndian.AppendUint64(nil, uint64(i)*0x9E3779B97F4A7C15)
				place = j.Append([]memory.JournalEntry{{Table: memory.RecordTable, Key: key, Value: value}}, nil)
				if i%1000 == 0 {
					must(b, j.Wait(context.Background(), place))
				}
			}
			must(b, j.Close())
			b.SetBytes(100 << 20)
			for b.Loop() {
				j, err := journal.Open(journal.Options{Dir: dir})
				must(b, err)
				_, err = load(j)
				must(b, err)
				must(b, j.Close())
			}
		})
	}
}
