package backplanetest

import (
	"context"
	"errors"
	"strings"

	"github.com/mesh-host/mesh-host/host/backplane"
)

func usage(s store) {
	s.set("a", "1", none)
	s.set("key", strings.Repeat("x", 1000), none)
	both := cost("a", "1") + cost("key", strings.Repeat("x", 1000))
	s.wantUsage(both)
	s.set("key", strings.Repeat("y", 1000), none)
	s.wantUsage(both)
	s.set("key", "y", none)
	s.wantUsage(cost("a", "1") + cost("key", "y"))
	if _, _, err := s.CompareAndSet(context.Background(), space, "key", []byte("y"), nil, none); err != nil {
		s.Fatal(err)
	}
	s.wantUsage(cost("a", "1"))
}

func full(s store) {
	ctx := context.Background()
	w := backplane.Write{Limit: cost("a", "12") + cost("b", "9")}
	s.set("a", "12", w)
	s.set("b", "9", w)
	refused := map[string]func() error{
		"set of a new key":       func() error { return s.Set(ctx, space, "c", nil, w) },
		"set of a longer value":  func() error { return s.Set(ctx, space, "a", []byte("123"), w) },
		"increment to more":      func() error { _, err := s.Increment(ctx, space, "b", 1, w); return err },
		"increment of a new key": func() error { _, err := s.Increment(ctx, space, "c", 1, w); return err },
		"compare-and-set": func() error {
			_, _, err := s.CompareAndSet(ctx, space, "a", []byte("12"), []byte("123"), w)
			return err
		},
		"compare-and-set, create": func() error { _, _, err := s.CompareAndSet(ctx, space, "c", nil, []byte("1"), w); return err },
	}
	for name, write := range refused {
		if err := write(); !errors.Is(err, backplane.ErrFull) {
			s.Errorf("%s: %v", name, err)
		}
	}
	s.want("a", "12")
	s.want("b", "9")
	s.want("c", "")
	s.wantUsage(w.Limit)
	if swapped, _, err := s.CompareAndSet(ctx, space, "a", []byte("7"), []byte("123"), w); swapped || err != nil {
		s.Errorf("another value than expected in a full namespace: %v, %v", swapped, err)
	}
	s.set("a", "34", w)
	if _, err := s.Increment(ctx, space, "b", -1, w); err != nil {
		s.Errorf("increment in place: %v", err)
	}
	if _, err := s.Delete(ctx, space, "b"); err != nil {
		s.Fatal(err)
	}
	s.set("c", "5", w)
	if err := s.Set(ctx, "another", "k", []byte("1"), w); err != nil {
		s.Errorf("another namespace: %v", err)
	}
}

func shrinks(s store) {
	s.set("k", "12345", none)
	low := backplane.Write{Limit: 1}
	for _, value := range []string{"54321", "1234", "1"} {
		s.set("k", value, low)
	}
	if err := s.Set(context.Background(), space, "k", []byte("12"), low); !errors.Is(err, backplane.ErrFull) {
		s.Errorf("growing above the limit: %v", err)
	}
}
