package backplanetest

import (
	"bytes"
	"context"
	"errors"
	"math"
	"strconv"
	"testing"

	"github.com/mesh-host/mesh-host/host/backplane"
)

const space = "plugin"

var none backplane.Write

func runKV(t *testing.T, b Backend) {
	t.Helper()
	runValues(t, b, true)
}

// runKVAlone shows that values are no matter of leases.
func runKVAlone(t *testing.T, b Backend) {
	t.Helper()
	runValues(t, b, false)
}

func runValues(t *testing.T, b Backend, running bool) {
	t.Helper()
	for name, test := range map[string]func(store){
		"a missing key has no value":              missing,
		"a value is what was written last":        overwritten,
		"an empty value is a value":               empty,
		"keys and values are any bytes":           anyBytes,
		"values are copied":                       copied,
		"namespaces are apart":                    apart,
		"delete says whether the key was there":   deleted,
		"increment counts":                        increments,
		"increment refuses what is no integer":    notIntegers,
		"increment refuses to leave 64 bits":      overflows,
		"compare-and-set compares bytes":          comparesAndSets,
		"usage is what the namespace holds":       usage,
		"a full namespace refuses to grow":        full,
		"a namespace over its limit may shrink":   shrinks,
		"a done context changes nothing":          doneContext,
		"hammer: increments are all counted":      hammerIncrement,
		"hammer: compare-and-set has one winner":  hammerOneWinner,
		"hammer: compare-and-set loses no update": hammerNoLostUpdate,
		"hammer: the limit holds":                 hammerLimit,
		"hammer: everything at once":              hammerAll,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newStore(t, b, running))
		})
	}
	runExpiry(t, b, running)
}

// store is a store under test, and its test.
type store struct {
	*testing.T
	backplane.KV
	rounds int // of hammers
}

func newStore(t *testing.T, b Backend, running bool) store {
	t.Helper()
	s := newSuite(t, b, longLease)
	if running {
		return store{t, s.node("a").KV(), s.rounds}
	}
	return store{t, s.idle("a").KV(), s.rounds}
}

func (s store) get(key string) []byte {
	s.Helper()
	value, err := s.Get(context.Background(), space, key)
	if err != nil {
		s.Fatalf("get %q: %v", key, err)
	}
	return value
}

func (s store) set(key, value string, w backplane.Write) {
	s.Helper()
	if err := s.Set(context.Background(), space, key, []byte(value), w); err != nil {
		s.Fatalf("set %q: %v", key, err)
	}
}

// want fails unless a key has a value; "" stands for a missing key.
func (s store) want(key, value string) {
	s.Helper()
	if got := s.get(key); string(got) != value || (got == nil) != (value == "") {
		s.Fatalf("%q is %q, want %q", key, got, value)
	}
}

func (s store) wantUsage(bytes int64) {
	s.Helper()
	got, err := s.Usage(context.Background(), space)
	if err != nil || got != bytes {
		s.Fatalf("usage is %d (%v), want %d", got, err, bytes)
	}
}

func cost(key, value string) int64 {
	return int64(len(key) + len(value) + backplane.EntryOverhead)
}

func missing(s store) {
	s.want("k", "")
	s.wantUsage(0)
}

func overwritten(s store) {
	for _, v := range []string{`1`, `"two"`, `{"three":3}`, `{"three":3}`, `4`} {
		s.set("k", v, none)
		s.want("k", v)
		s.wantUsage(cost("k", v))
	}
}

func empty(s store) {
	for _, value := range [][]byte{{}, nil} {
		if err := s.Set(context.Background(), space, "k", value, none); err != nil {
			s.Fatal(err)
		}
		if got := s.get("k"); got == nil || len(got) != 0 {
			s.Fatalf("got %q, nil %v", got, got == nil)
		}
	}
}

func anyBytes(s store) {
	keys := []string{"a", "a\x00", "\x00a", "a b", "ä", "{a}", "a:b", "a\xff", "*"}
	for i, key := range keys {
		s.set(key, "\x00\xff"+strconv.Itoa(i), none)
	}
	for i, key := range keys {
		s.want(key, "\x00\xff"+strconv.Itoa(i))
	}
}

func copied(s store) {
	ctx := context.Background()
	value := []byte("one")
	if err := s.Set(ctx, space, "k", value, none); err != nil {
		s.Fatal(err)
	}
	before := s.get("k")
	copy(value, "two")
	s.want("k", "one")
	if _, _, err := s.CompareAndSet(ctx, space, "k", []byte("one"), value, none); err != nil {
		s.Fatal(err)
	}
	copy(value, "six")
	s.want("k", "two")
	if string(before) != "one" {
		s.Fatalf("a value that was read became %q", before)
	}
}

func apart(s store) {
	ctx := context.Background()
	for _, ns := range []string{"a", "ab", "a:b"} {
		if err := s.Set(ctx, ns, "k", []byte(ns), none); err != nil {
			s.Fatal(err)
		}
	}
	if _, err := s.Delete(ctx, "ab", "k"); err != nil {
		s.Fatal(err)
	}
	for ns, value := range map[string]string{"a": "a", "ab": "", "a:b": "a:b"} {
		if got, err := s.Get(ctx, ns, "k"); err != nil || string(got) != value {
			s.Errorf("%q has %q (%v), want %q", ns, got, err, value)
		}
	}
	if used, err := s.Usage(ctx, "ab"); err != nil || used != 0 {
		s.Errorf("usage of an emptied namespace is %d (%v)", used, err)
	}
}

func deleted(s store) {
	s.set("k", "1", none)
	for _, there := range []bool{true, false, false} {
		got, err := s.Delete(context.Background(), space, "k")
		if err != nil || got != there {
			s.Fatalf("deleted %v (%v), want %v", got, err, there)
		}
		s.want("k", "")
		s.wantUsage(0)
	}
}

func increments(s store) {
	ctx := context.Background()
	for _, step := range []struct{ by, sum int64 }{
		{1, 1}, {41, 42}, {-50, -8}, {0, -8}, {8, 0}, {math.MaxInt64, math.MaxInt64},
		{math.MinInt64, -1}, {math.MinInt64 + 1, math.MinInt64}, {math.MaxInt64, -1},
	} {
		sum, err := s.Increment(ctx, space, "n", step.by, none)
		if err != nil || sum != step.sum {
			s.Fatalf("adding %d gave %d (%v), want %d", step.by, sum, err, step.sum)
		}
		s.want("n", strconv.FormatInt(sum, 10))
		s.wantUsage(cost("n", strconv.FormatInt(sum, 10)))
	}
	s.set("n", "9007199254740993", none) // beyond what a float64 holds
	if sum, err := s.Increment(ctx, space, "n", 2, none); err != nil || sum != 9007199254740995 {
		s.Fatalf("got %d (%v)", sum, err)
	}
}

func notIntegers(s store) {
	for _, value := range []string{
		`1.0`, `1e3`, `"1"`, `01`, `-0`, `+1`, ` 1`, `1 `, `-`, `null`, `true`, `[1]`, `0x1`, `1_0`,
		`9223372036854775808`, `-9223372036854775809`, `123456789012345678901234567890`,
	} {
		s.set("n", value, none)
		if sum, err := s.Increment(context.Background(), space, "n", 1, none); !errors.Is(err, backplane.ErrNotInteger) {
			s.Errorf("%q plus 1 is %d, %v", value, sum, err)
		}
		s.want("n", value)
	}
	s.set("n", "", none)
	if _, err := s.Increment(context.Background(), space, "n", 1, none); !errors.Is(err, backplane.ErrNotInteger) {
		s.Errorf("an empty value: %v", err)
	}
}

func overflows(s store) {
	for _, c := range []struct {
		value string
		by    int64
	}{
		{"9223372036854775807", 1}, {"1", math.MaxInt64}, {"-9223372036854775808", -1}, {"-1", math.MinInt64},
	} {
		s.set("n", c.value, none)
		if sum, err := s.Increment(context.Background(), space, "n", c.by, none); !errors.Is(err, backplane.ErrOverflow) {
			s.Errorf("%s plus %d is %d, %v", c.value, c.by, sum, err)
		}
		s.want("n", c.value)
	}
}

func comparesAndSets(s store) {
	text := func(s string) []byte {
		if s == "" {
			return nil
		}
		return []byte(s)
	}
	for _, step := range []struct {
		expected, value string // "" for none
		swapped         bool
		left            string // what is there afterwards
	}{
		{"1", "2", false, ""},
		{"", "", true, ""},
		{"", `{"a":1}`, true, `{"a":1}`},
		{"", "2", false, `{"a":1}`},
		{`{"a": 1}`, "2", false, `{"a":1}`},
		{`{"a":1}`, `{"a":1}`, true, `{"a":1}`},
		{`{"a":1}`, "2", true, "2"},
		{"1", "", false, "2"},
		{"2", "", true, ""},
		{"2", "3", false, ""},
	} {
		swapped, current, err := s.CompareAndSet(context.Background(), space, "k", text(step.expected), text(step.value), none)
		if err != nil || swapped != step.swapped {
			s.Fatalf("%+v: swapped %v, %v", step, swapped, err)
		}
		if !swapped && !bytes.Equal(current, text(step.left)) || swapped && current != nil {
			s.Fatalf("%+v: current is %q", step, current)
		}
		s.want("k", step.left)
	}
	s.wantUsage(0)
}

func doneContext(s store) {
	s.set("k", "1", none)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, getErr := s.Get(ctx, space, "k")
	setErr := s.Set(ctx, space, "k", []byte("2"), none)
	_, deleteErr := s.Delete(ctx, space, "k")
	_, incrementErr := s.Increment(ctx, space, "k", 1, none)
	_, _, swapErr := s.CompareAndSet(ctx, space, "k", []byte("1"), []byte("2"), none)
	_, usageErr := s.Usage(ctx, space)
	for i, err := range []error{getErr, setErr, deleteErr, incrementErr, swapErr, usageErr} {
		if !errors.Is(err, context.Canceled) {
			s.Errorf("method %d: %v", i, err)
		}
	}
	s.want("k", "1")
}
