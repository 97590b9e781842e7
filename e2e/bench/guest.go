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
	// Size is its file's, in bytes; 0 for the fixture.
	Size int64 `json:"size,omitempty"`
	// Metered says that the plugin was metered.
	Metered bool      `json:"metered"`
	Payload string    `json:"payload"` // "100B" of an echo, or "add", which reads and builds JSON
	Nanos   []float64 `json:"nanos"`   // for a call
	// Allocations and Bytes are those of the round with the most.
	Allocations int64 `json:"allocations"`
	Bytes       int64 `json:"bytes"`
}

// fixtureGuest is the hand-written module that the benchmarks use by default.
const fixtureGuest = "fixture (text format)"

// guests runs the benchmarks of package host/plugin/wasm for the fixture and
// for the conformance plugin of every language that was built; for those in the
// Extism format, which are always metered, the benchmarks of host/plugin/extism.
func (b *bench) guests(ctx context.Context) ([]*guestCase, error) {
	built, err := filepath.Glob(b.plugin("conformance-*"))
	if err != nil {
		return nil, err
	}
	others, err := filepath.Glob(b.plugin("*/conformance-*"))
	if err != nil {
		return nil, err
	}
	built = append(built, others...)
	var cases []*guestCase
	for round := range b.rounds {
		for _, module := range append([]string{""}, built...) {
			out, err := b.runGuest(ctx, module)
			if err != nil {
				return nil, err
			}
			g := guestCase{Guest: fixtureGuest}
			if module != "" {
				file, err := os.Stat(module)
				if err != nil {
					return nil, err
				}
				g = guestCase{Guest: strings.TrimSuffix(filepath.Base(module), ".wasm"), Size: file.Size()}
			}
			if cases, err = g.addLines(cases, out); err != nil {
				return nil, err
			}
			b.progress("round %d/%d, guest calls of %s", round+1, b.rounds, g.Guest)
		}
	}
	return cases, nil
}

// runGuest runs the benchmarks once and returns what they print.
func (b *bench) runGuest(ctx context.Context, module string) (string, error) {
	tests := "wasm.test"
	if strings.HasPrefix(filepath.Base(module), "conformance-extism-") {
		tests = "extism.test"
	}
	binary, err := filepath.Abs(filepath.Join(b.build, tests))
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

// addLines adds the lines of a benchmark's output to the cases, for the guest of
// c, as in "BenchmarkCall/metered=false/100B-2  100  69.5 ns/op  0 B/op  0 allocs/op".
func (c guestCase) addLines(cases []*guestCase, output string) ([]*guestCase, error) {
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
		one := guestCase{Guest: c.Guest, Size: c.Size, Metered: parts[1] == "metered=true", Payload: parts[2]}
		values := make(map[string]float64)
		for i := 2; i+1 < len(fields); i += 2 {
			values[fields[i+1]], _ = strconv.ParseFloat(fields[i], 64)
		}
		if values["ns/op"] == 0 {
			return nil, fmt.Errorf("guest benchmarks: no time in %q", lines.Text())
		}
		cases = one.addTo(cases, values)
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
		if known.Guest == c.Guest && known.Metered == c.Metered && known.Payload == c.Payload {
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
