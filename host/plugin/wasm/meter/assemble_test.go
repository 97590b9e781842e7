package meter_test

import "encoding/binary"

// assemble makes a module of sections: numbers and contents in turn.
func assemble(sections ...any) []byte {
	module := []byte{0, 'a', 's', 'm', 1, 0, 0, 0}
	for i := 0; i < len(sections); i += 2 {
		content := sections[i+1].([]byte)
		module = append(module, byte(sections[i].(int)))
		module = append(binary.AppendUvarint(module, uint64(len(content))), content...)
	}
	return module
}

// list is a number of items and the items.
func list(items ...[]byte) []byte {
	b := binary.AppendUvarint(nil, uint64(len(items)))
	for _, item := range items {
		b = append(b, item...)
	}
	return b
}

// sized is bytes and before them their number.
func sized(b ...byte) []byte { return append(binary.AppendUvarint(nil, uint64(len(b))), b...) }

// call is a function's body that calls another.
func call(f int) []byte {
	return sized(append(binary.AppendUvarint([]byte{0, 0x10}, uint64(f)), 0x0B)...)
}

var (
	plainType = list([]byte{0x60, 0, 0})
	exportRun = list(append(sized([]byte("run")...), 0, 0))
)

// chain is a module of n functions, each of which calls the next.
func chain(n int) []byte {
	types, bodies := make([][]byte, n), make([][]byte, n)
	for i := range n {
		types[i], bodies[i] = []byte{0}, call(i+1)
	}
	bodies[n-1] = sized(0, 0x0B)
	return assemble(1, plainType, 3, list(types...), 7, exportRun, 10, list(bodies...))
}

// named is a module whose second function traps, and has a name.
func named() []byte {
	names := append(sized([]byte("name")...), 1)
	names = append(names, sized(list(append([]byte{1}, sized([]byte("culprit")...)...))...)...)
	return assemble(1, plainType, 3, list([]byte{0}, []byte{0}), 7, exportRun,
		10, list(call(1), sized(0, 0x00, 0x0B)), 0, names)
}
