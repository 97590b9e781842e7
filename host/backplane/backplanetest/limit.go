package backplanetest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/host/backplane"
)

func usage(t *testing.T, kv backplane.KV) {
	set(t, kv, "a", "1", none)
	set(t, kv, "key", strings.Repeat("x", 1000), none)
	both := cost("a", "1") + cost("key", strings.Repeat("x", 1000))
	wantUsage(t, kv, both)
	set(t, kv, "key", strings.Repeat("y", 1000), none)
	wantUsage(t, kv, both)
	set(t, kv, "key", "y", none)
	wantUsage(t, kv, cost("a", "1")+cost("key", "y"))
	if _, _, err := kv.CompareAndSet(context.Background(), space, "key", []byte("y"), nil, none); err != nil {
		t.Fatal(err)
	}
	wantUsage(t, kv, cost("a", "1"))
}

func full(t *testing.T, kv backplane.KV) {
	ctx := context.Background()
	w := backplane.Write{Limit: cost("a", "12") + cost("b", "9")}
	set(t, kv, "a", "12", w)
	set(t, kv, "b", "9", w)
	refused := map[string]func() error{
		"set of a new key":       func() error { return kv.Set(ctx, space, "c", nil, w) },
		"set of a longer value":  func() error { return kv.Set(ctx, space, "a", []byte("123"), w) },
		"increment to more":      func() error { _, err := kv.Increment(ctx, space, "b", 1, w); return err },
		"increment of a new key": func() error { _, err := kv.Increment(ctx, space, "c", 1, w); return err },
		"compare-and-set": func() error {
			_, _, err := kv.CompareAndSet(ctx, space, "a", []byte("12"), []byte("123"), w)
			return err
		},
		"compare-and-set, create": func() error { _, _, err := kv.CompareAndSet(ctx, space, "c", nil, []byte("1"), w); return err },
	}
	for name, write := range refused {
		if err := write(); !errors.Is(err, backplane.ErrFull) {
			t.Errorf("%s: %v", name, err)
		}
	}
	want(t, kv, "a", "12")
	want(t, kv, "b", "9")
	want(t, kv, "c", "")
	wantUsage(t, kv, w.Limit)
	if swapped, _, err := kv.CompareAndSet(ctx, space, "a", []byte("7"), []byte("123"), w); swapped || err != nil {
		t.Errorf("another value than expected in a full namespace: %v, %v", swapped, err)
	}
	set(t, kv, "a", "34", w)
	if _, err := kv.Increment(ctx, space, "b", -1, w); err != nil {
		t.Errorf("increment in place: %v", err)
	}
	if _, err := kv.Delete(ctx, space, "b"); err != nil {
		t.Fatal(err)
	}
	set(t, kv, "c", "5", w)
	if err := kv.Set(ctx, "another", "k", []byte("1"), w); err != nil {
		t.Errorf("another namespace: %v", err)
	}
}

func shrinks(t *testing.T, kv backplane.KV) {
	set(t, kv, "k", "12345", none)
	low := backplane.Write{Limit: 1}
	for _, value := range []string{"54321", "1234", "1"} {
		set(t, kv, "k", value, low)
	}
	if err := kv.Set(context.Background(), space, "k", []byte("12"), low); !errors.Is(err, backplane.ErrFull) {
		t.Errorf("growing above the limit: %v", err)
	}
}
