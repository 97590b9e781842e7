package meter_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/mesh-host/mesh-host/host/plugin/wasm/meter"
)

// TestLongVectorOpcode: an opcode that is longer than it need be is another
// instruction to the compiler, and what looks like the 16 bytes of a constant is
// then code, with a loop that nothing counts.
func TestLongVectorOpcode(t *testing.T) {
	t.Parallel()
	const rounds = 1_000_000
	hidden := append([]byte{0x0B, 0x03, 0x40}, bytes.Repeat([]byte{0x01}, 13)...) // end, loop, nops
	body := slices.Concat(
		[]byte{1, 1, 0x7F},                         // a local, i32
		[]byte{0x02, 0x40, 0x41, 0x01, 0x0D, 0x00}, // block, i32.const 1, br_if 0
		[]byte{0xFD, 0x0C}, make([]byte, 16),       // v128.const
		[]byte{0x41, 0x00},               // i32.const 0
		[]byte{0xFD, 0x8C, 0x00}, hidden, // v128.const again, or i16x8.shr_s, unreachable and what is hidden
		[]byte{0x20, 0x00, 0x41, 0x01, 0x6A, 0x22, 0x00}, // the local is one more
		[]byte{0x41, 0xC0, 0x84, 0x3D, 0x49, 0x0D, 0x00}, // i32.const 1000000, i32.lt_u, br_if 0
		[]byte{0x0B, 0x0B},
	)
	module := assemble(1, plainType, 3, list([]byte{0}), 7, exportRun, 10, list(sized(body...)))
	if _, err := meter.Instrument(module, meter.Options{}); err != nil {
		return
	}
	e := metered(t, boundSlice)
	m, err := e.instantiate(t.Context(), module, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.ExportedFunction("run").Call(t.Context()); err != nil {
		t.Fatal(err)
	}
	if e.host.spent < rounds {
		t.Errorf("%d rounds of a loop took %d units", rounds, e.host.spent)
	}
}

// TestVectorOpcodes: those beyond 127 take two bytes.
func TestVectorOpcodes(t *testing.T) {
	t.Parallel()
	body := slices.Concat([]byte{0, 0xFD, 0x0C}, make([]byte, 16), []byte{0xFD, 0x80, 0x01, 0x1A, 0x0B}) // i16x8.abs
	module := assemble(1, plainType, 3, list([]byte{0}), 10, list(sized(body...)))
	if _, err := meter.Instrument(module, meter.Options{}); err != nil {
		t.Error(err)
	}
}
