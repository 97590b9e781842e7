package meter_test

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/host/plugin/wasm/meter"
)

// joined is a function that sets locals and needs them all behind a number of ifs.
func joined(locals, ifs int) []byte {
	body := append(binary.AppendUvarint([]byte{1}, uint64(locals)), 0x7F)
	for l := range locals {
		body = append(body, 0x41, byte(l&0x3F))
		body = binary.AppendUvarint(append(body, 0x21), uint64(l))
	}
	body = append(body, bytes.Repeat([]byte{0x20, 0, 0x04, 0x40, 0x0B}, ifs)...)
	for l := range locals {
		body = append(binary.AppendUvarint(append(body, 0x20), uint64(l)), 0x1A)
	}
	return assemble(1, plainType, 3, list([]byte{0}), 10, list(sized(append(body, 0x0B)...)))
}

// branching is a function of so many branches that each take so many operands.
func branching(operands, branches int) []byte {
	results := binary.AppendUvarint([]byte{0x60, 0}, uint64(operands))
	results = append(results, bytes.Repeat([]byte{0x7F}, operands)...)
	body := append([]byte{1, 1, 0x7F, 0x02, 1}, bytes.Repeat([]byte{0x20, 0}, operands)...)
	body = append(body, bytes.Repeat([]byte{0x20, 0, 0x0D, 0}, branches)...)
	body = append(append(body, 0x0B), bytes.Repeat([]byte{0x1A}, operands)...)
	return assemble(1, list([]byte{0x60, 0, 0}, results), 3, list([]byte{0}), 10, list(sized(append(body, 0x0B)...)))
}

// TestLargeBody: what compiling a function takes of memory is in proportion to its
// size, which is bounded.
func TestLargeBody(t *testing.T) {
	t.Parallel()
	for size, fits := range map[int]bool{1 << 20: true, 3 << 20: false} {
		body := append(append([]byte{0}, bytes.Repeat([]byte{0x01}, size)...), 0x0B)
		_, err := meter.Instrument(assemble(1, plainType, 3, list([]byte{0}), 10, list(sized(body...))), meter.Options{})
		if fits != (err == nil) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

// TestTangle: small modules that keep the compiler busy for minutes are refused.
func TestTangle(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		module []byte
		fits   bool
	}{
		{"few locals behind many ifs", joined(100, 2000), true},
		{"many locals behind one if", joined(10_000, 1), true},
		{"many locals behind some ifs", joined(40_000, 10), false},
		{"some locals behind many ifs", joined(5000, 400), false},
		{"branches of some operands", branching(100, 2000), true},
		{"branches of many operands", branching(1000, 3500), false},
	} {
		_, err := meter.Instrument(c.module, meter.Options{})
		if c.fits != (err == nil) || err != nil && !strings.Contains(err.Error(), "branches too much") {
			t.Errorf("%s, %d bytes: %v", c.name, len(c.module), err)
		}
	}
}
