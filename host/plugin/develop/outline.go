package develop

import (
	"encoding/binary"

	"github.com/mesh-host/mesh-host/host/plugin/wasm/section"
)

// outline returns a module, whose sections fit and whose counts are within
// bounds, without what does not show in its imports and exports: each function
// traps at once. To compile it takes little, whatever is in the module's code.
func outline(module []byte) []byte {
	out := append([]byte{}, module[:section.HeaderSize]...)
	functions := uint64(0)
	for part := range section.All(module) { //nolint:errcheck // sections that fit are what it is given
		switch part.ID {
		case section.Custom, section.Start, section.Element, section.Data, section.DataCount:
		case section.Code:
			out = section.Append(out, section.Code, stubs(functions))
		case section.Function:
			functions, _ = binary.Uvarint(part.Content)
			out = append(out, part.Whole...)
		default:
			out = append(out, part.Whole...)
		}
	}
	return out
}

// stubs is the content of a code section of so many functions, each without
// locals and of one instruction, unreachable.
func stubs(functions uint64) []byte {
	made := binary.AppendUvarint(nil, functions)
	for range functions {
		made = append(made, 3, 0, 0x00, 0x0B)
	}
	return made
}
