package memory_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/memory"
)

// fails is waits without the waiting: a call that must fail, for what was to be
// kept is lost.
func fails(t *testing.T, what string, call func(context.Context) error) {
	t.Helper()
	if err := call(ctx); !errors.Is(err, backplane.ErrUnavailable) {
		t.Errorf("%s: %v", what, err)
	}
}

type calls = map[string]func(context.Context) error

// valueCalls are all ways to change a value or to see it, in the order in which
// they follow each other.
func valueCalls(kv backplane.KV) (order []string, all calls) {
	order = []string{"set", "get", "increment", "compare", "compare in vain", "delete", "get none", "delete none", "compare with none"}
	return order, calls{
		"set": func(ctx context.Context) error {
			return kv.Set(ctx, "p", "k", []byte("1"), backplane.Write{TTL: time.Hour})
		},
		"get": func(ctx context.Context) error { _, err := kv.Get(ctx, "p", "k"); return err },
		"increment": func(ctx context.Context) error {
			_, err := kv.Increment(ctx, "p", "k", 1, backplane.Write{})
			return err
		},
		"compare": func(ctx context.Context) error {
			_, _, err := kv.CompareAndSet(ctx, "p", "k", []byte("2"), []byte("x"), backplane.Write{})
			return err
		},
		"compare in vain": func(ctx context.Context) error {
			_, _, err := kv.CompareAndSet(ctx, "p", "k", []byte("2"), []byte("y"), backplane.Write{})
			return err
		},
		"delete":      func(ctx context.Context) error { _, err := kv.Delete(ctx, "p", "k"); return err },
		"get none":    func(ctx context.Context) error { _, err := kv.Get(ctx, "p", "k"); return err },
		"delete none": func(ctx context.Context) error { _, err := kv.Delete(ctx, "p", "k"); return err },
		"compare with none": func(ctx context.Context) error {
			_, _, err := kv.CompareAndSet(ctx, "p", "k", []byte("2"), []byte("y"), backplane.Write{})
			return err
		},
	}
}

// Nothing is acknowledged or shown before it is kept.
func TestValuesAreKeptFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		kv := open(t, l).Node("a").KV()
		order, all := valueCalls(kv)
		for _, what := range order {
			waits(t, what, all[what])
		}
		l.keepAll()
		for _, what := range order {
			var wg sync.WaitGroup
			wg.Go(func() { must(t, all[what](ctx)) })
			synctest.Wait()
			l.keepAll()
			wg.Wait()
		}
		l.fail()
		fails(t, "set", all["set"])
		for _, what := range order[1:] {
			fails(t, what, all[what])
		}
	})
}

// imageOfValues is all that can be seen of values.
func imageOfValues(t *testing.T, kv backplane.KV) map[string]string {
	t.Helper()
	seen := make(map[string]string)
	for i := range 3 {
		space := strings.Repeat("s", i)
		used, err := kv.Usage(ctx, space)
		must(t, err)
		seen["usage of "+space] = strconv.FormatInt(used, 10)
		for k := range 20 {
			key := strings.Repeat("\x00", k%3) + strconv.Itoa(k)
			value, err := kv.Get(ctx, space, key)
			must(t, err)
			seen[space+" "+key] = fmt.Sprintf("%v %q", value != nil, value)
		}
	}
	return seen
}

// Whatever was written, another store finds it as it was.
func TestValuesAreLoaded(t *testing.T) {
	t.Parallel()
	l := newLedger().run(t)
	s := open(t, l)
	kv := s.Node("a").KV()
	for i := range 3000 {
		k := rand.IntN(20)
		space, key := strings.Repeat("s", rand.IntN(3)), strings.Repeat("\x00", k%3)+strconv.Itoa(k)
		value := []byte(strings.Repeat("x", rand.IntN(30)))
		w := backplane.Write{TTL: time.Duration(rand.IntN(2)) * time.Hour, Limit: 1500}
		var err error
		switch rand.IntN(6) {
		case 0:
			_, err = kv.Delete(ctx, space, key)
		case 1:
			_, err = kv.Increment(ctx, space, key, 7, w)
		case 2:
			_, _, err = kv.CompareAndSet(ctx, space, key, nil, value, w)
		case 3:
			_, _, err = kv.CompareAndSet(ctx, space, key, value, nil, w)
		default:
			err = kv.Set(ctx, space, key, value, w)
		}
		if err != nil && !errors.Is(err, backplane.ErrFull) && !errors.Is(err, backplane.ErrNotInteger) {
			t.Fatal(err)
		}
		if i%300 != 299 {
			continue
		}
		after := l.crash()
		again := open(t, after)
		if got, want := imageOfValues(t, again.Node("a").KV()), imageOfValues(t, kv); !maps.Equal(got, want) {
			t.Fatalf("loaded %v\nwant   %v", got, want)
		}
		if _, entries := after.count(memory.KVTable); again.Stats() != s.Stats() || entries != s.Stats().Values {
			t.Errorf("loaded %+v of %d entries, want %+v", again.Stats(), entries, s.Stats())
		}
	}
}

// While the store was not there time went on.
func TestValuesExpireWhileNotLoaded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLedger().run(t)
		kv := open(t, l).Node("a").KV()
		for key, ttl := range map[string]time.Duration{"stays": 0, "expired": time.Minute, "later": 3 * time.Minute} {
			must(t, kv.Set(ctx, "p", key, []byte("1"), backplane.Write{TTL: ttl}))
		}
		_, err := kv.Increment(ctx, "p", "later", 1, backplane.Write{})
		must(t, err)
		want := func(values ...string) {
			t.Helper()
			for i, key := range []string{"stays", "expired", "later"} {
				if value, err := kv.Get(ctx, "p", key); err != nil || string(value) != values[i] {
					t.Errorf("%s is %q (%v), want %q", key, value, err, values[i])
				}
			}
		}
		want("1", "1", "2")
		for range 3 { // and again, which must not make it any longer
			<-time.After(50 * time.Second)
			l = l.crash().run(t)
			kv = run(t, open(t, l).Node("a")).KV()
		}
		want("1", "", "2")
		if _, entries := l.count(memory.KVTable); entries != 2 {
			t.Errorf("%d entries are kept", entries)
		}
		<-time.After(32 * time.Second)
		synctest.Wait()
		want("1", "", "")
		if _, entries := l.count(memory.KVTable); entries != 1 {
			t.Errorf("%d entries are kept", entries)
		}
	})
}

// However the process dies, what anyone has seen is there again.
func TestValuesSurviveCrashes(t *testing.T) {
	t.Parallel()
	l := newLedger().run(t)
	for range 10 {
		kv := open(t, l).Node("a").KV()
		until, cancel := context.WithCancel(ctx)
		var seen [4]int64 // the largest number of each key that was seen
		var mu sync.Mutex
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				for i := 0; until.Err() == nil; i++ {
					key := rand.IntN(len(seen))
					var n int64
					var err error
					if i%2 == 0 {
						n, err = kv.Increment(until, "p", strconv.Itoa(key), 1, backplane.Write{})
					} else {
						var value []byte
						value, err = kv.Get(until, "p", strconv.Itoa(key))
						n, _ = strconv.ParseInt(string(value), 10, 64)
					}
					mu.Lock()
					if err == nil {
						seen[key] = max(seen[key], n)
					}
					mu.Unlock()
					if i == 100 {
						l.freeze()
						cancel()
					}
				}
			})
		}
		wg.Wait()
		cancel()
		l = l.crash().run(t)
		kv = open(t, l).Node("a").KV()
		for key, most := range seen {
			value, err := kv.Get(ctx, "p", strconv.Itoa(key))
			must(t, err)
			if n, _ := strconv.ParseInt(string(value), 10, 64); n < most {
				t.Errorf("%d was seen, and is %d", most, n)
			}
		}
	}
}

func TestGetOfKeptAllocatesNothing(t *testing.T) {
	l := newLedger()
	kv := open(t, l).Node("a").KV()
	waits(t, "set", func(ctx context.Context) error {
		return kv.Set(ctx, "p", "key", []byte("1"), backplane.Write{TTL: time.Hour})
	})
	l.keepAll()
	for _, key := range []string{"key", "none"} {
		if n := testing.AllocsPerRun(100, func() { _, _ = kv.Get(ctx, "p", key) }); n != 0 {
			t.Errorf("Get of %s allocates %v times", key, n)
		}
	}
}
