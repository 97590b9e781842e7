//go:build wasm

package mesh

import "unsafe"

var (
	plugin   Plugin
	input    []byte
	register []byte
)

//go:wasmexport mesh_abi_1
func exportVersion() {}

// exportAlloc keeps one buffer, with room for the slack, which the host asks
// for again only when it needs a larger one.
//
//go:wasmexport mesh_alloc
func exportAlloc(size uint32) unsafe.Pointer {
	if uint64(size)+slack > uint64(len(input)) {
		input = make([]byte, max(uint64(size)+slack, 1024))
	}
	return unsafe.Pointer(unsafe.SliceData(input))
}

//go:wasmexport mesh_register
func exportRegister() uint64 {
	register = plugin.register(setup)
	return pack(register)
}

//go:wasmexport mesh_call
func exportCall(handler uint32, request unsafe.Pointer, length uint32) uint64 {
	return pack(plugin.call(handler, request, length))
}

// pack returns where b lies, as ptr<<32 | len.
func pack(b []byte) uint64 {
	return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b))))<<32 | uint64(len(b))
}
