package meter_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/plugin/wasm/meter"
)

const (
	boundSlice  = 100_000
	boundBudget = 20_000_000
	// mostOver is how far below zero the fuel may fall: what one instruction
	// fills, and a credit for each function that is running.
	mostOver = 1<<20/8 + 10_000
	// mostBetween is how long a slice may take, on a machine that does other
	// things too.
	mostBetween = time.Second
)

// TestEndless: whatever a guest does without end is asked to stop, soon.
func TestEndless(t *testing.T) {
	module := fixture(t, "endless")
	for _, c := range []struct {
		name string
		args []uint64
		end  error
	}{
		{"loop", nil, errOutOfFuel},
		{"loops", nil, errOutOfFuel},
		{"br_table", nil, errOutOfFuel},
		{"short", nil, errOutOfFuel},
		{"leaves", nil, errOutOfFuel},
		{"direct", nil, errTooDeep},
		{"mutual", nil, errTooDeep},
		{"indirect", nil, errTooDeep},
		{"wide", nil, errTooDeep},
		{"tree", []uint64{1000}, errOutOfFuel},
		{"fill", nil, errOutOfFuel},
		{"copy", nil, errOutOfFuel},
		{"table_fill", nil, errOutOfFuel},
		{"table_copy", nil, errOutOfFuel},
		{"grow", nil, errOutOfFuel},
		{"table_grow", nil, errOutOfFuel},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := metered(t, boundSlice)
			e.host.budget = boundBudget
			m, err := e.instantiate(t.Context(), module, "")
			if err != nil {
				t.Fatal(err)
			}
			e.host.last = time.Now()
			if _, err = m.ExportedFunction(c.name).Call(t.Context(), c.args...); !errors.Is(err, c.end) {
				t.Fatalf("ended as %v, want %v", err, c.end)
			}
			t.Logf("%d ticks, the lowest fuel %d, the longest slice %v", e.host.ticks, e.host.lowest, e.host.longest)
			if e.host.lowest < -mostOver {
				t.Errorf("the fuel fell to %d, want %d at the lowest", e.host.lowest, -mostOver)
			}
			if e.host.longest > mostBetween {
				t.Errorf("%v passed between ticks, want %v at most", e.host.longest, mostBetween)
			}
			if want := boundBudget / (boundSlice + mostOver) / 2; errors.Is(c.end, errOutOfFuel) && e.host.ticks < want {
				t.Errorf("%d ticks, want %d at least", e.host.ticks, want)
			}
		})
	}
}

// TestDepth: calls nest as deep as the options say and no deeper, and the depth
// is restored when they return.
func TestDepth(t *testing.T) {
	t.Parallel()
	e := metered(t, boundSlice)
	e.options.Depth = 20
	m, err := e.instantiate(t.Context(), fixture(t, "endless"), "")
	if err != nil {
		t.Fatal(err)
	}
	tree := m.ExportedFunction("tree")
	for _, depth := range []uint64{10, 19, 19} {
		if _, err := tree.Call(t.Context(), depth); err != nil {
			t.Errorf("depth %d: %v", depth, err)
		}
	}
	if left := m.ExportedGlobal(meter.Depth).Get(); left != 20 {
		t.Errorf("depth %d is left after all calls returned, want 20", left)
	}
	if _, err := tree.Call(t.Context(), 20); !errors.Is(err, errTooDeep) {
		t.Errorf("depth 20 of 20: %v", err)
	}
}

// TestChain: many functions that each call the next are as deep as recursion.
func TestChain(t *testing.T) {
	t.Parallel()
	module := chain(300)
	for depth, want := range map[int32]error{400: nil, 200: errTooDeep} {
		e := metered(t, boundSlice)
		e.options.Depth = depth
		m, err := e.instantiate(t.Context(), module, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.ExportedFunction("run").Call(t.Context()); !errors.Is(err, want) {
			t.Errorf("depth %d: %v, want %v", depth, err, want)
		}
	}
}

// TestNames: stack traces name the functions that they named before.
func TestNames(t *testing.T) {
	t.Parallel()
	e := metered(t, boundSlice)
	m, err := e.instantiate(context.Background(), named(), "")
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.ExportedFunction("run").Call(t.Context())
	if err == nil || !strings.Contains(err.Error(), ".culprit(") {
		t.Errorf("%v does not name the function that trapped", err)
	}
}

// TestRecursionSettles: functions with loops that call themselves do not each owe
// the fuel what they have run.
func TestRecursionSettles(t *testing.T) {
	t.Parallel()
	straight := bytes.Repeat([]byte{0x41, 0, 0x1A}, 10_000) // 20,000 units
	body := append(append([]byte{0, 0x41, 0, 0x04, 0x40, 0x03, 0x40, 0x0B, 0x0B}, straight...), 0x10, 0, 0x0B)
	e := metered(t, boundSlice)
	m, err := e.instantiate(t.Context(), assemble(1, plainType, 3, list([]byte{0}), 7, exportRun, 10, list(sized(body...))), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.ExportedFunction("run").Call(t.Context()); !errors.Is(err, errTooDeep) {
		t.Errorf("ended as %v", err)
	}
	if want := meter.DefaultDepth * 20_000 / boundSlice / 2; e.host.ticks < want {
		t.Errorf("%d ticks, want %d at least", e.host.ticks, want)
	}
}

// TestReferences: a reference to a function, which the host makes, costs what
// other calls of the host do.
func TestReferences(t *testing.T) {
	t.Parallel()
	const references = 200
	body := append(append([]byte{0}, bytes.Repeat([]byte{0xD2, 0, 0x1A}, references)...), 0x0B)
	e := metered(t, boundSlice)
	m, err := e.instantiate(t.Context(), assemble(1, plainType, 3, list([]byte{0}), 7, exportRun, 10, list(sized(body...))), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.ExportedFunction("run").Call(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := int64(references * 100); e.host.lowest > -want {
		t.Errorf("%d references took %d units, want %d at least", references, -e.host.lowest, want)
	}
}
