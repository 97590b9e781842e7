package wasm

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mesh-host/mesh-host/host/plugin/wasm/section"
)

// The host's heap pays for a guest's tables, 8 bytes an entry, and table.grow
// is bounded only by the table's own maximum: 32 GiB where it states none. So
// every table is given a maximum before the module is compiled.
const (
	maxTables       = 8
	maxTableEntries = 1 << 18
)

var errTableSection = errors.New("malformed table section")

// BoundTables returns the module with a maximum of at most maxTableEntries in
// each of its tables (WebAssembly core 2, section 5.5.7), or an error where they
// are larger from the start. What is not a module is returned as it is, for the
// compiler to refuse.
func BoundTables(module []byte) ([]byte, error) {
	if len(module) < section.HeaderSize {
		return module, nil
	}
	bounded := append(make([]byte, 0, len(module)+64), module[:section.HeaderSize]...)
	for part, err := range section.All(module) {
		if err != nil {
			return module, nil
		}
		if part.ID != section.Table {
			bounded = append(bounded, part.Whole...)
			continue
		}
		tables, err := boundSection(part.Content)
		if err != nil {
			return nil, err
		}
		bounded = section.Append(bounded, section.Table, tables)
	}
	return bounded, nil
}

func boundSection(content []byte) ([]byte, error) {
	r := section.Reader{Rest: content}
	count := r.Number()
	if count > maxTables {
		return nil, fmt.Errorf("has %d tables, over the limit of %d", count, maxTables)
	}
	bounded := binary.AppendUvarint(nil, count)
	for range count {
		kind, flags, minimum := r.Number(), r.Number(), r.Number()
		maximum := uint64(maxTableEntries)
		if flags == 1 {
			maximum = min(maximum, r.Number())
		}
		switch {
		case r.Bad || flags > 1 || kind != 0x70 && kind != 0x6F: // funcref, externref
			return nil, errTableSection
		case minimum > maxTableEntries:
			return nil, fmt.Errorf("has a table of %d entries, over the limit of %d", minimum, maxTableEntries)
		}
		bounded = append(bounded, byte(kind), 1)
		bounded = binary.AppendUvarint(bounded, minimum)
		bounded = binary.AppendUvarint(bounded, maximum)
	}
	if r.Bad || len(r.Rest) != 0 {
		return nil, errTableSection
	}
	return bounded, nil
}
