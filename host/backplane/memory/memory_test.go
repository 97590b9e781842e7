package memory_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/backplanetest"
	"github.com/mesh-host/mesh-host/host/backplane/memory"
)

// run starts a backplane that ends with the test.
func run(t *testing.T) *memory.Backplane {
	t.Helper()
	b := memory.New()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { b.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return b
}

func swept(t *testing.T) backplane.KV {
	t.Helper()
	return run(t)
}

func TestContract(t *testing.T) {
	t.Parallel()
	t.Run("swept", func(t *testing.T) {
		t.Parallel()
		backplanetest.Run(t, backplanetest.Backend{
			New:      swept,
			FakeTime: true,
		})
	})
	t.Run("without Run", func(t *testing.T) {
		t.Parallel()
		backplanetest.Run(t, backplanetest.Backend{
			New:      func(*testing.T) backplane.KV { return memory.New() },
			FakeTime: true,
		})
	})
	t.Run("in real time", func(t *testing.T) {
		t.Parallel()
		backplanetest.Run(t, backplanetest.Backend{New: swept})
	})
}

func TestRunGivesMemoryBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const keys = 10_000
		ctx := context.Background()
		b := run(t)
		for i := range keys {
			ttl := time.Duration(1+i%2) * time.Minute
			if err := b.Set(ctx, "p", strconv.Itoa(i), []byte("1"), backplane.Write{TTL: ttl}); err != nil {
				t.Fatal(err)
			}
		}
		all := usage(t, b, "p")
		<-time.After(61 * time.Second)
		synctest.Wait()
		if left := usage(t, b, "p"); left != all/2 {
			t.Errorf("%d of %d bytes are left, want half", left, all)
		}
		<-time.After(60 * time.Second)
		synctest.Wait()
		if left := usage(t, b, "p"); left != 0 {
			t.Errorf("%d bytes are left", left)
		}
	})
}

// Without Run, writes alone keep what has expired from piling up.
func TestWritesGiveMemoryBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		b := memory.New()
		var most int64
		for i := range 20_000 {
			if err := b.Set(ctx, "p", strconv.Itoa(i), []byte("1"), backplane.Write{TTL: time.Second}); err != nil {
				t.Fatal(err)
			}
			<-time.After(time.Millisecond) // 1,000 live at a time
			most = max(most, usage(t, b, "p"))
		}
		if limit := int64(2_000 * (backplane.EntryOverhead + 6)); most > limit {
			t.Errorf("held up to %d bytes, want at most %d", most, limit)
		}
	})
}

func usage(t *testing.T, b *memory.Backplane, namespace string) int64 {
	t.Helper()
	used, err := b.Usage(context.Background(), namespace)
	if err != nil {
		t.Fatal(err)
	}
	return used
}

func TestGetAllocatesNothing(t *testing.T) {
	ctx := context.Background()
	b := memory.New()
	for _, ttl := range []time.Duration{0, time.Hour} {
		if err := b.Set(ctx, "p", "key", []byte(`{"a":1}`), backplane.Write{TTL: ttl}); err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(100, func() { _, _ = b.Get(ctx, "p", "key") }); n != 0 {
			t.Errorf("Get with a TTL of %v allocates %v times", ttl, n)
		}
	}
}

func BenchmarkGet(b *testing.B) {
	ctx := context.Background()
	m := memory.New()
	_ = m.Set(ctx, "plugin", "key", []byte(`{"a":1}`), backplane.Write{TTL: time.Hour})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_, _ = m.Get(ctx, "plugin", "key")
		}
	})
}

func BenchmarkSet(b *testing.B) {
	ctx := context.Background()
	m := memory.New()
	value := []byte(`{"a":1}`)
	b.ReportAllocs()
	for b.Loop() {
		_ = m.Set(ctx, "plugin", "key", value, backplane.Write{TTL: time.Hour})
	}
}

func BenchmarkIncrement(b *testing.B) {
	ctx := context.Background()
	m := memory.New()
	b.ReportAllocs()
	for b.Loop() {
		_, _ = m.Increment(ctx, "plugin", "n", 1, backplane.Write{Limit: 1 << 20})
	}
}
