package backplanetest

import (
	"context"
	"testing"

	"github.com/mesh-host/mesh-host/host/backplane"
)

func runExpiry(t *testing.T, b Backend, running bool) {
	t.Helper()
	w := backplane.Write{TTL: b.ttl()}
	// gone waits until what was written with w has expired.
	gone := func() { pass(w.TTL + w.TTL/10) }
	for name, test := range map[string]func(store){
		"a value expires": func(s store) {
			s.set("k", "1", w)
			if b.FakeTime {
				pass(w.TTL - 1)
				s.want("k", "1")
			}
			gone()
			s.want("k", "")
			if deleted, err := s.Delete(context.Background(), space, "k"); deleted || err != nil {
				s.Errorf("delete of an expired key: %v, %v", deleted, err)
			}
			s.wantUsage(0)
		},
		"a write without TTL stays": func(s store) {
			s.set("k", "1", w)
			s.set("k", "2", none)
			gone()
			s.want("k", "2")
		},
		"a write with TTL expires what had none": func(s store) {
			s.set("k", "1", none)
			s.set("k", "2", w)
			gone()
			s.want("k", "")
		},
		"a write begins the TTL again": func(s store) {
			s.set("k", "1", w)
			pass(w.TTL / 2)
			s.set("k", "2", backplane.Write{TTL: 100 * w.TTL})
			gone()
			s.want("k", "2")
		},
		"increment keeps a TTL":              func(s store) { incrementKeeps(s, w, gone) },
		"compare-and-set sees what is there": func(s store) { swapExpired(s, w, gone) },
		"the expired fill no namespace":      func(s store) { expiredFillNothing(s, w, gone) },
	} {
		t.Run(name, func(t *testing.T) {
			b.timed(t, func(t *testing.T) {
				t.Helper()
				test(newStore(t, b, running))
			})
		})
	}
}

func incrementKeeps(s store, w backplane.Write, gone func()) {
	increment := func(key string, w backplane.Write, sum int64) {
		s.Helper()
		if got, err := s.Increment(context.Background(), space, key, 1, w); err != nil || got != sum {
			s.Fatalf("%s is %d (%v), want %d", key, got, err, sum)
		}
	}
	increment("created with", w, 1)
	increment("created with", none, 2)
	increment("created without", none, 1)
	increment("created without", w, 2)
	gone()
	s.want("created with", "")
	s.want("created without", "2")
	increment("created with", none, 1)
}

func swapExpired(s store, w backplane.Write, gone func()) {
	ctx := context.Background()
	s.set("k", "1", w)
	gone()
	if swapped, current, err := s.CompareAndSet(ctx, space, "k", []byte("1"), []byte("2"), none); swapped || current != nil || err != nil {
		s.Fatalf("the expired value was found: %v %q %v", swapped, current, err)
	}
	if swapped, _, err := s.CompareAndSet(ctx, space, "k", nil, []byte("3"), w); !swapped || err != nil {
		s.Fatalf("an expired key is missing: %v, %v", swapped, err)
	}
	gone()
	s.want("k", "")
}

func expiredFillNothing(s store, w backplane.Write, gone func()) {
	keys := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	w.Limit = int64(len(keys)) * cost("a", "1")
	for range 3 {
		for _, key := range keys {
			s.set(key, "1", w)
		}
		gone()
	}
	s.set("x", "1", backplane.Write{Limit: cost("x", "1")})
}
