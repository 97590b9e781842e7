package wasm

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The host's heap pays for a guest's tables, 8 bytes an entry, and table.grow
// is bounded only by the table's own maximum: 32 GiB where it states none. So
// every table is given a maximum before the module is compiled.
const (
	maxTables       = 8
	maxTableEntries = 1 << 18
)

const (
	sectionTable = 4
	headerSize   = 8
)

var errTableSection = errors.New("malformed table section")

// boundTables returns the module with a maximum of at most maxTableEntries in
// each of its tables (WebAssembly core 2, section 5.5.7). What is not a module
// is returned as it is, for the compiler to refuse.
func boundTables(module []byte) ([]byte, error) {
	if len(module) < headerSize {
		return module, nil
	}
	bounded := append(make([]byte, 0, len(module)+64), module[:headerSize]...)
	for rest := module[headerSize:]; len(rest) > 0; {
		size, n := binary.Uvarint(rest[1:])
		if n <= 0 || size > uint64(len(rest)-1-n) {
			return module, nil
		}
		end := 1 + n + int(size)
		if rest[0] == sectionTable {
			section, err := boundSection(rest[1+n : end])
			if err != nil {
				return nil, err
			}
			bounded = binary.AppendUvarint(append(bounded, sectionTable), uint64(len(section)))
			bounded = append(bounded, section...)
		} else {
			bounded = append(bounded, rest[:end]...)
		}
		rest = rest[end:]
	}
	return bounded, nil
}

func boundSection(section []byte) ([]byte, error) {
	r := varints{rest: section}
	count := r.next()
	if count > maxTables {
		return nil, fmt.Errorf("has %d tables, over the limit of %d", count, maxTables)
	}
	bounded := binary.AppendUvarint(nil, count)
	for range count {
		kind, flags, minimum := r.next(), r.next(), r.next()
		maximum := uint64(maxTableEntries)
		if flags == 1 {
			maximum = min(maximum, r.next())
		}
		switch {
		case r.bad || flags > 1 || kind != 0x70 && kind != 0x6F: // funcref, externref
			return nil, errTableSection
		case minimum > maxTableEntries:
			return nil, fmt.Errorf("has a table of %d entries, over the limit of %d", minimum, maxTableEntries)
		}
		bounded = append(bounded, byte(kind), 1)
		bounded = binary.AppendUvarint(bounded, minimum)
		bounded = binary.AppendUvarint(bounded, maximum)
	}
	if r.bad || len(r.rest) != 0 {
		return nil, errTableSection
	}
	return bounded, nil
}

// varints reads unsigned LEB128 numbers (section 5.2.2).
type varints struct {
	rest []byte
	bad  bool
}

func (r *varints) next() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.bad = true
		return 0
	}
	r.rest = r.rest[n:]
	return v
}
