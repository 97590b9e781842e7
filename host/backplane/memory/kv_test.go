package memory_test

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/memory"
)

func TestRunGivesMemoryBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const keys = 10_000
		kv := run(t, memory.New(memory.Options{}).Node("a")).KV()
		for i := range keys {
			ttl := time.Duration(1+i%2) * time.Minute
			must(t, kv.Set(ctx, "p", strconv.Itoa(i), []byte("1"), backplane.Write{TTL: ttl}))
		}
		all := usage(t, kv, "p")
		<-time.After(61 * time.Second)
		synctest.Wait()
		if left := usage(t, kv, "p"); left != all/2 {
			t.Errorf("%d of %d bytes are left, want half", left, all)
		}
		<-time.After(60 * time.Second)
		synctest.Wait()
		if left := usage(t, kv, "p"); left != 0 {
			t.Errorf("%d bytes are left", left)
		}
	})
}

// Without Run, writes alone keep what has expired from piling up.
func TestWritesGiveMemoryBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		kv := memory.New(memory.Options{}).Node("a").KV()
		var most int64
		for i := range 20_000 {
			must(t, kv.Set(ctx, "p", strconv.Itoa(i), []byte("1"), backplane.Write{TTL: time.Second}))
			<-time.After(time.Millisecond) // 1,000 live at a time
			most = max(most, usage(t, kv, "p"))
		}
		if limit := int64(2_000 * (backplane.EntryOverhead + 6)); most > limit {
			t.Errorf("held up to %d bytes, want at most %d", most, limit)
		}
	})
}

func usage(t *testing.T, kv backplane.KV, namespace string) int64 {
	t.Helper()
	used, err := kv.Usage(ctx, namespace)
	must(t, err)
	return used
}

func TestGetAllocatesNothing(t *testing.T) {
	kv := memory.New(memory.Options{}).Node("a").KV()
	for _, ttl := range []time.Duration{0, time.Hour} {
		must(t, kv.Set(ctx, "p", "key", []byte(`{"a":1}`), backplane.Write{TTL: ttl}))
		if n := testing.AllocsPerRun(100, func() { _, _ = kv.Get(ctx, "p", "key") }); n != 0 {
			t.Errorf("Get with a TTL of %v allocates %v times", ttl, n)
		}
	}
}
