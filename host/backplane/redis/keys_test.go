package redis

import (
	"context"
	"testing"

	"github.com/mesh-host/mesh-host/host/backplane/redis/redistest"
)

// TestHashSlot compares with what a Cluster says; its nodes tell the slot of any
// key, also without the others.
func TestHashSlot(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--cluster-enabled", "yes")
	client := newClient(Options{Addresses: []string{server.Addr}}.withDefaults())
	defer func() { _ = client.Close() }()
	for _, key := range []string{
		"", "a", "123456789", "foo{bar}baz", "{}", "{}a", "foo{}{bar}", "foo{{bar}}zap", "foo{bar}{zap}",
		"{a", "a}", "a}{b}", "mesh:{directory}:", "mesh:{17}:channel:a", "\x00\xff", "größe",
	} {
		want := must[int64](t)(client.ClusterKeySlot(context.Background(), key).Result())
		if got := hashSlot(key); int64(got) != want {
			t.Errorf("%q: %d, want %d", key, got, want)
		}
	}
}

func TestTags(t *testing.T) {
	t.Parallel()
	masters := make(map[int]int)
	for i := range spreadShards {
		slot := hashSlot("mesh:{" + tagFor(i, spreadShards) + "}:stream:a")
		if slot*spreadShards/slots != i {
			t.Errorf("shard %d is in slot %d", i, slot)
		}
		masters[slot*3/slots]++
	}
	for master, count := range masters {
		if count < 10 || count > 12 {
			t.Errorf("master %d has %d shards", master, count)
		}
	}
}
