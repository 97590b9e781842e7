package section_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/mesh-host/mesh-host/host/plugin/wasm/section"
)

var header = []byte{0, 'a', 's', 'm', 1, 0, 0, 0}

func TestAll(t *testing.T) {
	t.Parallel()
	module := section.Append(section.Append(bytes.Clone(header), section.Custom, []byte("\x01xyz")), section.Code, make([]byte, 200))
	copied := bytes.Clone(header)
	for s, err := range section.All(module) {
		if err != nil || s.Start != len(copied) || !bytes.HasSuffix(s.Whole, s.Content) {
			t.Fatalf("%+v, %v", s, err)
		}
		copied = append(copied, s.Whole...)
	}
	if !bytes.Equal(copied, module) {
		t.Errorf("%x is read as %x", module, copied)
	}
	for _, bad := range [][]byte{nil, header[:7], module[:len(module)-1], append(bytes.Clone(header), 1), append(bytes.Clone(header), 1, 0x80), append(bytes.Clone(header), 1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1)} {
		var last error
		for _, err := range section.All(bad) {
			last = err
		}
		if !errors.Is(last, section.ErrMalformed) {
			t.Errorf("%x: %v", bad, last)
		}
	}
}

func TestReader(t *testing.T) {
	t.Parallel()
	r := section.Reader{Rest: []byte{0xE5, 0x8E, 0x26, 2, 'a', 'b', 9, 'c'}}
	if n, text := r.Number(), r.Text(); n != 624485 || text != "ab" || r.Bad {
		t.Errorf("%d, %q", n, text)
	}
	if text := r.Text(); text != "" || !r.Bad || r.Number() != 0 {
		t.Errorf("a name that does not fit is %q", text)
	}
}
