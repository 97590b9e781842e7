package wasm

import (
	"bytes"
	"testing"
)

// FuzzBoundTables: bounding what is bounded changes nothing.
func FuzzBoundTables(f *testing.F) {
	header := "\x00asm\x01\x00\x00\x00"
	for _, sections := range []string{
		"", "\x04", "\x04\x04\x01\x70\x00\x01", "\x04\x05\x01\x70\x01\x01\x05", "\x04\x07\x02\x70\x00\x01\x6f\x00\x02",
		"\x04\x09\x01\x70\x00\xff\xff\xff\xff\x0f\x00", "\x00\x02\x01a\x04\x04\x01\x70\x00\x01", "\x04\x01\x09", "\x04\x80",
	} {
		f.Add([]byte(header + sections))
	}
	f.Fuzz(func(t *testing.T, module []byte) {
		once, err := BoundTables(module)
		if err != nil {
			return
		}
		twice, err := BoundTables(once)
		if err != nil || !bytes.Equal(once, twice) {
			t.Errorf("%x becomes %x and then %x, %v", module, once, twice, err)
		}
	})
}
