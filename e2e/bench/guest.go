//go:build linux

package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// guestCase is the call of one guest with one payload, without a connection: a
// sample per round.
type guestCase struct {
	Guest string `json:"guest"`
	// Checked says that the deadline was enforced.
	Checked bool      `json:"checked"`
	Payload string    `json:"payload"` // "100B"
	Nanos   []float64 `json:"nanos"`   // for a call
	// Allocations and Bytes are those of the round with the most.
	Allocations int64 `json:"allocations"`
	Bytes       int64 `json:"bytes"`
}

// fixtureGuest is the hand-written module that the benchmarks use by default.
const fixtureGuest = "fixture (text format)"

// guests runs the benchmarks of package host/plugin/wasm for the fixture and
// for the conformance plugin of every language that was built.
func (b *bench) guests(ctx context.Context) ([]*guestCase, error) {
	built, err := filepath.Glob(b.plugin("conformance-*"))
	if err != nil {
		return nil, err
	}
	tinygo, err := filepath.Glob(b.plugin("tinygo/conformance-*"))
	if err != nil {
		return nil, err
	}
	built = append(built, tinygo...)
	var cases []*guestCase
	for round := range b.rounds {
		for _, module := range append([]string{""}, built...) {
			out, err := b.runGuest(ctx, module)
			if err != nil {
				return nil, err
			}
			name := fixtureGuest
			if module != "" {
				name = strings.TrimSuffix(filepath.Base(module), ".wasm")
			}
			if cases, err = addGuest(cases, name, out); err != nil {
				return nil, err
			}
			b.progress("round %d/%d, guest calls of %s", round+1, b.rounds, name)
		}
	}
	return cases, nil
}

// runGuest runs the benchmarks once and returns what they print.
func (b *bench) runGuest(ctx context.Context, module string) (string, error) {
	binary, err := filepath.Abs(filepath.Join(b.build, "wasm.test"))
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, binary, "-test.run=^$", "-test.bench=^BenchmarkCall$", "-test.benchmem",
		"-test.timeout=5m", "-test.benchtime="+b.benchTime.String())
	cmd.Env = os.Environ()
	if module != "" {
		if module, err = filepath.Abs(module); err != nil {
			return "", err
		}
		cmd.Env = append(cmd.Env, "MESH_BENCH_PLUGIN="+module)
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("guest benchmarks: %w\n%s", err, out)
	}
	return string(out), nil
}

// addGuest adds the lines of a benchmark's output to the cases, as in
// "BenchmarkCall/enforce=false/100B-2  100  69.5 ns/op  0 B/op  0 allocs/op".
func addGuest(cases []*guestCase, guest, output string) ([]*guestCase, error) {
	found := 0
	for lines := bufio.NewScanner(strings.NewReader(output)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name, _, _ := strings.Cut(fields[0], "-")
		parts := strings.Split(name, "/")
		if len(parts) != 3 {
			return nil, fmt.Errorf("guest benchmarks: unknown line %q", lines.Text())
		}
		c := guestCase{Guest: guest, Checked: parts[1] == "enforce=true", Payload: parts[2]}
		values := make(map[string]float64)
		for i := 2; i+1 < len(fields); i += 2 {
			values[fields[i+1]], _ = strconv.ParseFloat(fields[i], 64)
		}
		if values["ns/op"] == 0 {
			return nil, fmt.Errorf("guest benchmarks: no time in %q", lines.Text())
		}
		cases = c.addTo(cases, values)
		found++
	}
	if found == 0 {
		return nil, fmt.Errorf("guest benchmarks: nothing was measured:\n%s", output)
	}
	return cases, nil
}

// addTo adds a sample to the case of the list that c names.
func (c guestCase) addTo(cases []*guestCase, values map[string]float64) []*guestCase {
	to := &c
	for _, known := range cases {
		if known.Guest == c.Guest && known.Checked == c.Checked && known.Payload == c.Payload {
			to = known
		}
	}
	to.Nanos = append(to.Nanos, values["ns/op"])
	to.Allocations = max(to.Allocations, int64(values["allocs/op"]))
	to.Bytes = max(to.Bytes, int64(values["B/op"]))
	if to == &c {
		return append(cases, to)
	}
	return cases
}
