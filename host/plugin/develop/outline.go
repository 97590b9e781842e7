package develop

import "encoding/binary"

// The sections that an outline is about (WebAssembly core 2, section 5.5.2).
const (
	customSection  = 0
	functionPart   = 3
	startSection   = 8
	elementSection = 9
	codeSection    = 10
	dataSection    = 11
	dataCount      = 12
)

// outline returns a module, whose sections fit and whose counts are within
// bounds, without what does not show in its imports and exports: each function
// traps at once. To compile it takes little, whatever is in the module's code.
func outline(module []byte) []byte {
	out := append([]byte{}, module[:8]...)
	functions := uint64(0)
	for rest := module[8:]; len(rest) > 0; {
		size, n := binary.Uvarint(rest[1:])
		end := 1 + n + int(size)
		switch rest[0] {
		case customSection, startSection, elementSection, dataSection, dataCount:
		case codeSection:
			out = appendStubs(out, functions)
		case functionPart:
			functions, _ = binary.Uvarint(rest[1+n : end])
			out = append(out, rest[:end]...)
		default:
			out = append(out, rest[:end]...)
		}
		rest = rest[end:]
	}
	return out
}

// appendStubs adds a code section of so many functions, each without locals and
// of one instruction, unreachable.
func appendStubs(out []byte, functions uint64) []byte {
	stubs := binary.AppendUvarint(nil, functions)
	for range functions {
		stubs = append(stubs, 3, 0, 0x00, 0x0B)
	}
	out = binary.AppendUvarint(append(out, codeSection), uint64(len(stubs)))
	return append(out, stubs...)
}
