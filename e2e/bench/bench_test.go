//go:build linux

package main

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

func TestFrames(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 125, 126, 200, 65535, 65536, 1 << 20} {
		text := bytes.Repeat([]byte("x"), size)
		b := appendMasked(nil, text)
		for _, cut := range []int{0, 1, 2, 3, 5, 9, 13, len(b) - 1} {
			if f, err := next(b[:min(cut, len(b)-1)]); err != nil || f.size != 0 {
				t.Errorf("%d bytes of a frame of %d read as %+v, %v", cut, size, f, err)
			}
		}
		f, err := next(append(b, 0x81))
		if err != nil || f.size != len(b) || f.op != ws.OpText {
			t.Fatalf("frame of %d bytes read as %d, opcode %d, %v", size, f.size, f.op, err)
		}
		ws.Cipher(f.body, f.mask, 0)
		if !bytes.Equal(f.body, text) {
			t.Errorf("text of %d bytes differs", size)
		}
	}
	for _, b := range [][]byte{{0x01, 1, 'x'}, {0xC1, 1, 'x'}, {0x81, 127, 0, 0, 0, 0, 1, 0, 0, 1}, {0x81, 127, 0xFF, 0, 0, 0, 0, 0, 0, 0}} {
		if f, err := next(b); err == nil {
			t.Errorf("%x read as %+v", b, f)
		}
	}
}

func TestPayloadSize(t *testing.T) {
	t.Parallel()
	if p := payload(); len(p) != payloadSize {
		t.Errorf("payload has %d bytes: %s", len(p), p)
	}
	if a, b := request(firstID, "echo"), request(999_999, nativeCommand); len(a) != len(b) {
		t.Errorf("requests of %d and %d bytes", len(a), len(b))
	}
}

func TestHistogram(t *testing.T) {
	t.Parallel()
	var h histogram
	if h.quantile(0.5) != 0 {
		t.Error("an empty histogram has a median")
	}
	var values []time.Duration
	for range 10_000 {
		v := time.Duration(rand.ExpFloat64() * float64(time.Millisecond))
		values = append(values, v)
		h.add(v)
	}
	slices.Sort(values)
	for _, q := range []float64{0, 0.5, 0.99, 1} {
		want := values[min(int(q*float64(len(values))), len(values)-1)]
		if got := h.quantile(q); got > want || want-got > want/32+1 {
			t.Errorf("quantile %v is %s, not %s", q, got, want)
		}
	}
	h.add(-1)
	h.add(1<<63 - 1)
}

func TestMedian(t *testing.T) {
	t.Parallel()
	for want, values := range map[int64][]int64{0: nil, 3: {3}, 4: {5, 3}, 7: {9, 7, 1}} {
		if got := median(values); got != want {
			t.Errorf("median of %v is %d", values, got)
		}
	}
}

func TestAddGuest(t *testing.T) {
	t.Parallel()
	const round = `goos: linux
BenchmarkCall/metered=false/100B-2 	 100	 69.5 ns/op	1438.00 MB/s	 0 B/op	 0 allocs/op
BenchmarkCall/metered=true/100B-2  	 100	 341 ns/op	 293.00 MB/s	 96 B/op	 2 allocs/op
PASS
`
	a := guestCase{Guest: "a"}
	cases, err := a.addLines(nil, round)
	if err != nil {
		t.Fatal(err)
	}
	if cases, err = a.addLines(cases, strings.ReplaceAll(round, "69.5", "71.5")); err != nil {
		t.Fatal(err)
	}
	if len(cases) != 2 || median(cases[0].Nanos) != 70.5 || cases[0].Metered || !cases[1].Metered || cases[1].Allocations != 2 {
		t.Errorf("read as %+v, %+v", cases[0], cases[1])
	}
	for _, bad := range []string{"PASS\n", "BenchmarkOther-2 1 5 ns/op\n", "BenchmarkCall/metered=true/1B-2 1 x ns/op\n"} {
		if _, err := a.addLines(nil, bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

// The generator against the floor, in one process: everything that is asked is
// answered, whatever the shape.
func TestFleet(t *testing.T) {
	t.Parallel()
	for _, s := range []shape{{Clients: 1, Outstanding: 1}, {Clients: 20, Outstanding: 8}} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			f := startFloor(t)
			for range 2 {
				found, err := load{
					Address: f.listener.Addr().String(), Command: "echo",
					Clients: s.Clients, Outstanding: s.Outstanding, Duration: 20 * time.Millisecond,
				}.run()
				if err != nil || found.Rate <= 0 || found.P99 <= 0 || found.P50 > found.P99 {
					t.Errorf("found %+v, %v", found, err)
				}
			}
		})
	}
}

func TestFleetOnce(t *testing.T) {
	t.Parallel()
	f, err := newFleet(startFloor(t).listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	if err := f.add(250, "echo", 1, false); err != nil {
		t.Fatal(err)
	}
	if err := f.once(); err != nil || f.answered != 250 || f.waiting() {
		t.Errorf("%d answered, %v", f.answered, err)
	}
	if err := f.hold(time.Millisecond); err != nil {
		t.Error(err)
	}
}

func startFloor(t *testing.T) *floor {
	t.Helper()
	f, err := newFloor(echo)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- f.serve() }()
	t.Cleanup(func() {
		_ = f.listener.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return f
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ args, problem string }{
		{"-quick -json", ""},
		{"--only=echo,guest", ""},
		{"-only=nothing", "not one of"},
		{"-connections=0", "1 to 50000"},
		{"-rounds=0", "1 to 100"},
		{"-duration=1ms", "10ms to 1h"},
		{"-settle=-1s", "0 to 1h"},
		{"-only=redis,capacity -redis-core=client", ""},
		{"-redis-core=none", "server or client"},
		{"extra", "unknown argument"},
		{"-unknown", "not defined"},
	} {
		_, err := parse(strings.Fields(c.args), io.Discard)
		if (err == nil) != (c.problem == "") || err != nil && !strings.Contains(err.Error(), c.problem) {
			t.Errorf("%s: %v", c.args, err)
		}
	}
	if err := run(context.Background(), []string{"serve", "nothing"}, strings.NewReader(""), io.Discard, io.Discard); err == nil {
		t.Error("an unknown role serves")
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	at := func(rates ...float64) (samples []sample) {
		for _, r := range rates {
			samples = append(samples, sample{Rate: r, P50: time.Microsecond, P99: time.Millisecond})
		}
		return samples
	}
	r := &report{
		Echo: []*echoCase{
			{Contender: floorEcho, Shape: shapes[1], Samples: at(1000, 2000, 4000)},
			{Contender: nativeEcho, Shape: shapes[1], Samples: at(400, 1000, 3000)},
		},
		Memory: &memoryCase{Connections: 10, Idle: 4096},
		Guest: []*guestCase{{Guest: fixtureGuest, Payload: "100B", Nanos: []float64{90}, Allocations: 1, Bytes: 16}, {Guest: "big", Size: 1 << 20, Payload: "add"},
			{Guest: "always metered", Metered: true, Payload: "add", Nanos: []float64{4321}}},
	}
	if got := r.ratio(nativeEcho, floorEcho, shapes[1]); got != 0.5 {
		t.Errorf("ratio is %v", got)
	}
	table := r.table()
	for _, want := range []string{"2,000", "native to floor, 100 × 8", "4.0 KiB", "90 ns", "1 (16 B)", "1,048,576 B", "4321 ns", "met", "missed"} {
		if !strings.Contains(table, want) {
			t.Errorf("the table lacks %q:\n%s", want, table)
		}
	}
	if strings.Contains(table, wasmEcho) {
		t.Errorf("the table has what was not measured:\n%s", table)
	}
}
