package meter_test

import (
	"bytes"
	"testing"

	"github.com/mesh-host/mesh-host/host/plugin/wasm/meter"
)

// TestSegments: what segments say that they hold is there, and no instance has to
// hold more references than a table can take.
func TestSegments(t *testing.T) {
	t.Parallel()
	passive := func(entries int) []byte { // of function 0
		return append([]byte{1, 0}, list(bytes.Split(bytes.Repeat([]byte{0, 0xFF}, entries), []byte{0xFF})[:entries]...)...)
	}
	for _, c := range []struct {
		name    string
		section int
		content []byte
		fits    bool
	}{
		{"data", 11, list([]byte{0, 0x41, 0, 0x0B, 2, 1, 2}, []byte{1, 1, 3}, []byte{2, 0, 0x41, 0, 0x0B, 0}), true},
		{"data of 4 GiB that are not there", 11, list([]byte{1, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F}), false},
		{"data of an unknown form", 11, list([]byte{3, 0}), false},
		{"two million elements", 9, list(passive(1<<20), passive(1<<20)), true},
		{"three million elements", 9, list(passive(1<<20), passive(1<<20), passive(1<<20)), false},
	} {
		sections := []any{1, plainType, 3, list([]byte{0}), 5, list([]byte{0, 1})}
		code := []any{10, list([]byte{2, 0, 0x0B})}
		if c.section < 10 {
			sections = append(append(sections, c.section, c.content), code...)
		} else {
			sections = append(append(sections, code...), c.section, c.content)
		}
		if _, err := meter.Instrument(assemble(sections...), meter.Options{}); c.fits != (err == nil) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
