package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/protocol"
)

func TestStore(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(engine.Limits{})
	s, other := e.Store("p"), e.Store("q")
	value := []byte(`{"a":1}`)
	if err := s.Set(ctx, "k", value, 0); err != nil {
		t.Fatal(err)
	}
	clear(value) // a plugin's memory, which is reused
	if got, err := s.Get(ctx, "k"); err != nil || string(got) != `{"a":1}` {
		t.Errorf("get: %s, %v", got, err)
	}
	if got, err := other.Get(ctx, "k"); err != nil || got != nil {
		t.Errorf("another plugin gets %s, %v", got, err)
	}
	if swapped, current, err := s.CompareAndSet(ctx, "k", []byte(`{"a":2}`), []byte(`3`), 0); swapped || string(current) != `{"a":1}` || err != nil {
		t.Errorf("compare-and-set: %v, %s, %v", swapped, current, err)
	}
	if swapped, _, err := s.CompareAndSet(ctx, "k", []byte(`{"a":1}`), nil, 0); !swapped || err != nil {
		t.Errorf("compare-and-set to nothing: %v, %v", swapped, err)
	}
	if deleted, err := s.Delete(ctx, "k"); deleted || err != nil {
		t.Errorf("delete: %v, %v", deleted, err)
	}
	if sum, err := s.Increment(ctx, "n", -3, 0); sum != -3 || err != nil {
		t.Errorf("increment: %d, %v", sum, err)
	}
}

func TestStoreExpiry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, _ := newEngine(engine.Limits{})
		s := e.Store("p")
		if err := s.Set(ctx, "k", []byte("1"), time.Minute); err != nil {
			t.Fatal(err)
		}
		if err := s.Set(ctx, "long", []byte("1"), engine.MaxTTL); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Minute)
		if got, err := s.Get(ctx, "k"); got != nil || err != nil {
			t.Errorf("after its ttl: %s, %v", got, err)
		}
		if got, err := s.Get(ctx, "long"); got == nil || err != nil {
			t.Errorf("the longest ttl is over: %v", err)
		}
	})
}

func TestStoreIsChecked(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(engine.Limits{})
	s := e.Store("p")
	for _, key := range []string{"", strings.Repeat("x", 257), "a\x00", "a\x7f", "\xff"} {
		_, err := s.Get(ctx, key)
		wantError(t, err, abi.CodePayload)
		wantError(t, s.Set(ctx, key, []byte("1"), 0), abi.CodePayload)
		_, err = s.Delete(ctx, key)
		wantError(t, err, abi.CodePayload)
		_, err = s.Increment(ctx, key, 1, 0)
		wantError(t, err, abi.CodePayload)
		_, _, err = s.CompareAndSet(ctx, key, nil, []byte("1"), 0)
		wantError(t, err, abi.CodePayload)
	}
	for _, ttl := range []time.Duration{-1, math.MinInt64, engine.MaxTTL + 1, math.MaxInt64} {
		wantError(t, s.Set(ctx, "k", []byte("1"), ttl), abi.CodePayload)
		_, err := s.Increment(ctx, "k", 1, ttl)
		wantError(t, err, abi.CodePayload)
		_, _, err = s.CompareAndSet(ctx, "k", nil, []byte("1"), ttl)
		wantError(t, err, abi.CodePayload)
	}
	for _, value := range []string{"", "{", "1 2", "\"\xff\"", strings.Repeat("[", 129) + strings.Repeat("]", 129)} {
		wantError(t, s.Set(ctx, "k", []byte(value), 0), abi.CodePayload)
		_, _, err := s.CompareAndSet(ctx, "k", nil, []byte(value), 0)
		wantError(t, err, abi.CodePayload)
	}
	wantError(t, s.Set(ctx, "k", nil, 0), abi.CodePayload)
	if got, err := s.Get(ctx, "k"); got != nil || err != nil {
		t.Errorf("a refused write left %s, %v", got, err)
	}
}

func TestStoreConflicts(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(engine.Limits{})
	s := e.Store("p")
	for _, value := range []string{`"1"`, `1.5`, `9223372036854775807`} {
		if err := s.Set(ctx, "n", []byte(value), 0); err != nil {
			t.Fatal(err)
		}
		_, err := s.Increment(ctx, "n", 1, 0)
		wantError(t, err, abi.CodeConflict)
	}
}

func TestStoreLimit(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(engine.Limits{KVSize: func(plugin string) int64 {
		return map[string]int64{"small": 100, "large": 1000}[plugin]
	}})
	value := []byte(`"` + strings.Repeat("x", 100) + `"`)
	wantError(t, e.Store("small").Set(ctx, "k", value, 0), abi.CodeLimit)
	_, _, err := e.Store("small").CompareAndSet(ctx, "k", nil, value, 0)
	wantError(t, err, abi.CodeLimit)
	if err == nil || !strings.Contains(err.Error(), "plugins.small.kv_size (100 bytes)") {
		t.Errorf("the message names no setting: %v", err)
	}
	if err := e.Store("large").Set(ctx, "k", value, 0); err != nil {
		t.Errorf("a plugin with room: %v", err)
	}
	wantError(t, e.Store("none").Set(ctx, "k", []byte("1"), 0), abi.CodeLimit)
	byDefault, _ := newEngine(engine.Limits{})
	const piece = 1 << 20
	big := []byte(`"` + strings.Repeat("x", piece) + `"`)
	for i := range engine.DefaultKVSize / piece {
		err = byDefault.Store("p").Set(ctx, fmt.Sprint(i), big, 0)
	}
	wantError(t, err, abi.CodeLimit)
}

// broken is a node whose store fails.
type broken struct {
	backplane.Node
	err error
}

func (b broken) KV() backplane.KV { return brokenKV{err: b.err} }

type brokenKV struct {
	backplane.KV
	err error
}

func (b brokenKV) Get(context.Context, string, string) ([]byte, error) { return nil, b.err }

func TestStoreFailures(t *testing.T) {
	t.Parallel()
	unknown := errors.New("disk on fire")
	for _, c := range []struct {
		err  error
		code string
	}{
		{fmt.Errorf("redis: dial: %w", backplane.ErrUnavailable), abi.CodeUnavailable},
		{context.DeadlineExceeded, abi.CodeTimeout},
		{context.Canceled, abi.CodeTimeout},
		{unknown, ""},
	} {
		f, _ := newEngine(engine.Limits{})
		e := engine.New(engine.Options{
			Hub: f.hub, Node: broken{Node: f.store.Node("n2"), err: c.err}, Rules: f.rules, Observer: f.seen,
		})
		_, err := e.Store("p").Get(ctx, "k")
		if c.code != "" {
			wantError(t, err, c.code)
		} else if protocol.AsError(err) != nil || !errors.Is(err, unknown) {
			t.Errorf("got %v: a client could see it", err)
		}
	}
}
