package backplanetest

import (
	"context"
	"testing"

	"github.com/mesh-host/mesh-host/host/backplane"
)

func runExpiry(t *testing.T, b Backend) {
	w := backplane.Write{TTL: b.ttl()}
	// gone waits until what was written with w has expired.
	gone := func() { pass(w.TTL + w.TTL/10) }
	for name, test := range map[string]func(*testing.T, backplane.KV){
		"a value expires": func(t *testing.T, kv backplane.KV) {
			set(t, kv, "k", "1", w)
			if b.FakeTime {
				pass(w.TTL - 1)
				want(t, kv, "k", "1")
			}
			gone()
			want(t, kv, "k", "")
			if deleted, err := kv.Delete(context.Background(), space, "k"); deleted || err != nil {
				t.Errorf("delete of an expired key: %v, %v", deleted, err)
			}
			wantUsage(t, kv, 0)
		},
		"a write without TTL stays": func(t *testing.T, kv backplane.KV) {
			set(t, kv, "k", "1", w)
			set(t, kv, "k", "2", none)
			gone()
			want(t, kv, "k", "2")
		},
		"a write with TTL expires what had none": func(t *testing.T, kv backplane.KV) {
			set(t, kv, "k", "1", none)
			set(t, kv, "k", "2", w)
			gone()
			want(t, kv, "k", "")
		},
		"a write begins the TTL again": func(t *testing.T, kv backplane.KV) {
			set(t, kv, "k", "1", w)
			pass(w.TTL / 2)
			set(t, kv, "k", "2", backplane.Write{TTL: 100 * w.TTL})
			gone()
			want(t, kv, "k", "2")
		},
		"increment keeps a TTL":              func(t *testing.T, kv backplane.KV) { incrementKeeps(t, kv, w, gone) },
		"compare-and-set sees what is there": func(t *testing.T, kv backplane.KV) { swapExpired(t, kv, w, gone) },
		"the expired fill no namespace":      func(t *testing.T, kv backplane.KV) { expiredFillNothing(t, kv, w, gone) },
	} {
		t.Run(name, func(t *testing.T) { b.timed(t, test) })
	}
}

func incrementKeeps(t *testing.T, kv backplane.KV, w backplane.Write, gone func()) {
	increment := func(key string, w backplane.Write, sum int64) {
		t.Helper()
		if got, err := kv.Increment(context.Background(), space, key, 1, w); err != nil || got != sum {
			t.Fatalf("%s is %d (%v), want %d", key, got, err, sum)
		}
	}
	increment("created with", w, 1)
	increment("created with", none, 2)
	increment("created without", none, 1)
	increment("created without", w, 2)
	gone()
	want(t, kv, "created with", "")
	want(t, kv, "created without", "2")
	increment("created with", none, 1)
}

func swapExpired(t *testing.T, kv backplane.KV, w backplane.Write, gone func()) {
	ctx := context.Background()
	set(t, kv, "k", "1", w)
	gone()
	if swapped, current, err := kv.CompareAndSet(ctx, space, "k", []byte("1"), []byte("2"), none); swapped || current != nil || err != nil {
		t.Fatalf("the expired value was found: %v %q %v", swapped, current, err)
	}
	if swapped, _, err := kv.CompareAndSet(ctx, space, "k", nil, []byte("3"), w); !swapped || err != nil {
		t.Fatalf("an expired key is missing: %v, %v", swapped, err)
	}
	gone()
	want(t, kv, "k", "")
}

func expiredFillNothing(t *testing.T, kv backplane.KV, w backplane.Write, gone func()) {
	keys := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	w.Limit = int64(len(keys)) * cost("a", "1")
	for range 3 {
		for _, key := range keys {
			set(t, kv, key, "1", w)
		}
		gone()
	}
	set(t, kv, "x", "1", backplane.Write{Limit: cost("x", "1")})
}
