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
	for name, test := range map[string]func(*testing.T, backplane.KV){
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
			test(t, b.New(t))
		})
	}
	runExpiry(t, b)
}

func get(t *testing.T, kv backplane.KV, key string) []byte {
	t.Helper()
	value, err := kv.Get(context.Background(), space, key)
	if err != nil {
		t.Fatalf("get %q: %v", key, err)
	}
	return value
}

func set(t *testing.T, kv backplane.KV, key, value string, w backplane.Write) {
	t.Helper()
	if err := kv.Set(context.Background(), space, key, []byte(value), w); err != nil {
		t.Fatalf("set %q: %v", key, err)
	}
}

// want fails unless a key has a value; "" stands for a missing key.
func want(t *testing.T, kv backplane.KV, key, value string) {
	t.Helper()
	if got := get(t, kv, key); string(got) != value || (got == nil) != (value == "") {
		t.Fatalf("%q is %q, want %q", key, got, value)
	}
}

func wantUsage(t *testing.T, kv backplane.KV, bytes int64) {
	t.Helper()
	got, err := kv.Usage(context.Background(), space)
	if err != nil || got != bytes {
		t.Fatalf("usage is %d (%v), want %d", got, err, bytes)
	}
}

func cost(key, value string) int64 {
	return int64(len(key) + len(value) + backplane.EntryOverhead)
}

func missing(t *testing.T, kv backplane.KV) {
	want(t, kv, "k", "")
	wantUsage(t, kv, 0)
}

func overwritten(t *testing.T, kv backplane.KV) {
	for _, v := range []string{`1`, `"two"`, `{"three":3}`, `{"three":3}`, `4`} {
		set(t, kv, "k", v, none)
		want(t, kv, "k", v)
		wantUsage(t, kv, cost("k", v))
	}
}

func empty(t *testing.T, kv backplane.KV) {
	for _, value := range [][]byte{{}, nil} {
		if err := kv.Set(context.Background(), space, "k", value, none); err != nil {
			t.Fatal(err)
		}
		if got := get(t, kv, "k"); got == nil || len(got) != 0 {
			t.Fatalf("got %q, nil %v", got, got == nil)
		}
	}
}

func anyBytes(t *testing.T, kv backplane.KV) {
	keys := []string{"a", "a\x00", "\x00a", "a b", "ä", "{a}", "a:b", "a\xff", "*"}
	for i, key := range keys {
		set(t, kv, key, "\x00\xff"+strconv.Itoa(i), none)
	}
	for i, key := range keys {
		want(t, kv, key, "\x00\xff"+strconv.Itoa(i))
	}
}

func copied(t *testing.T, kv backplane.KV) {
	ctx := context.Background()
	value := []byte("one")
	if err := kv.Set(ctx, space, "k", value, none); err != nil {
		t.Fatal(err)
	}
	before := get(t, kv, "k")
	copy(value, "two")
	want(t, kv, "k", "one")
	if _, _, err := kv.CompareAndSet(ctx, space, "k", []byte("one"), value, none); err != nil {
		t.Fatal(err)
	}
	copy(value, "six")
	want(t, kv, "k", "two")
	if string(before) != "one" {
		t.Fatalf("a value that was read became %q", before)
	}
}

func apart(t *testing.T, kv backplane.KV) {
	ctx := context.Background()
	for _, ns := range []string{"a", "ab", "a:b"} {
		if err := kv.Set(ctx, ns, "k", []byte(ns), none); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := kv.Delete(ctx, "ab", "k"); err != nil {
		t.Fatal(err)
	}
	for ns, value := range map[string]string{"a": "a", "ab": "", "a:b": "a:b"} {
		if got, err := kv.Get(ctx, ns, "k"); err != nil || string(got) != value {
			t.Errorf("%q has %q (%v), want %q", ns, got, err, value)
		}
	}
	if used, err := kv.Usage(ctx, "ab"); err != nil || used != 0 {
		t.Errorf("usage of an emptied namespace is %d (%v)", used, err)
	}
}

func deleted(t *testing.T, kv backplane.KV) {
	set(t, kv, "k", "1", none)
	for _, there := range []bool{true, false, false} {
		got, err := kv.Delete(context.Background(), space, "k")
		if err != nil || got != there {
			t.Fatalf("deleted %v (%v), want %v", got, err, there)
		}
		want(t, kv, "k", "")
		wantUsage(t, kv, 0)
	}
}

func increments(t *testing.T, kv backplane.KV) {
	ctx := context.Background()
	for _, step := range []struct{ by, sum int64 }{
		{1, 1}, {41, 42}, {-50, -8}, {0, -8}, {8, 0}, {math.MaxInt64, math.MaxInt64},
		{math.MinInt64, -1}, {math.MinInt64 + 1, math.MinInt64}, {math.MaxInt64, -1},
	} {
		sum, err := kv.Increment(ctx, space, "n", step.by, none)
		if err != nil || sum != step.sum {
			t.Fatalf("adding %d gave %d (%v), want %d", step.by, sum, err, step.sum)
		}
		want(t, kv, "n", strconv.FormatInt(sum, 10))
		wantUsage(t, kv, cost("n", strconv.FormatInt(sum, 10)))
	}
	set(t, kv, "n", "9007199254740993", none) // beyond what a float64 holds
	if sum, err := kv.Increment(ctx, space, "n", 2, none); err != nil || sum != 9007199254740995 {
		t.Fatalf("got %d (%v)", sum, err)
	}
}

func notIntegers(t *testing.T, kv backplane.KV) {
	for _, value := range []string{
		`1.0`, `1e3`, `"1"`, `01`, `-0`, `+1`, ` 1`, `1 `, `-`, `null`, `true`, `[1]`, `0x1`, `1_0`,
		`9223372036854775808`, `-9223372036854775809`, `123456789012345678901234567890`,
	} {
		set(t, kv, "n", value, none)
		if sum, err := kv.Increment(context.Background(), space, "n", 1, none); !errors.Is(err, backplane.ErrNotInteger) {
			t.Errorf("%q plus 1 is %d, %v", value, sum, err)
		}
		want(t, kv, "n", value)
	}
	set(t, kv, "n", "", none)
	if _, err := kv.Increment(context.Background(), space, "n", 1, none); !errors.Is(err, backplane.ErrNotInteger) {
		t.Errorf("an empty value: %v", err)
	}
}

func overflows(t *testing.T, kv backplane.KV) {
	for _, c := range []struct {
		value string
		by    int64
	}{
		{"9223372036854775807", 1}, {"1", math.MaxInt64}, {"-9223372036854775808", -1}, {"-1", math.MinInt64},
	} {
		set(t, kv, "n", c.value, none)
		if sum, err := kv.Increment(context.Background(), space, "n", c.by, none); !errors.Is(err, backplane.ErrOverflow) {
			t.Errorf("%s plus %d is %d, %v", c.value, c.by, sum, err)
		}
		want(t, kv, "n", c.value)
	}
}

func comparesAndSets(t *testing.T, kv backplane.KV) {
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
		swapped, current, err := kv.CompareAndSet(context.Background(), space, "k", text(step.expected), text(step.value), none)
		if err != nil || swapped != step.swapped {
			t.Fatalf("%+v: swapped %v, %v", step, swapped, err)
		}
		if !swapped && !bytes.Equal(current, text(step.left)) || swapped && current != nil {
			t.Fatalf("%+v: current is %q", step, current)
		}
		want(t, kv, "k", step.left)
	}
	wantUsage(t, kv, 0)
}

func doneContext(t *testing.T, kv backplane.KV) {
	set(t, kv, "k", "1", none)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, getErr := kv.Get(ctx, space, "k")
	setErr := kv.Set(ctx, space, "k", []byte("2"), none)
	_, deleteErr := kv.Delete(ctx, space, "k")
	_, incrementErr := kv.Increment(ctx, space, "k", 1, none)
	_, _, swapErr := kv.CompareAndSet(ctx, space, "k", []byte("1"), []byte("2"), none)
	_, usageErr := kv.Usage(ctx, space)
	for i, err := range []error{getErr, setErr, deleteErr, incrementErr, swapErr, usageErr} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("method %d: %v", i, err)
		}
	}
	want(t, kv, "k", "1")
}
