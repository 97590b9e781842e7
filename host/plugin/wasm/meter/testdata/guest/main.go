// Command guest is what a plugin in Go does with its requests: it copies bytes,
// and reads and writes JSON.
package main

import (
	"encoding/json"
	"unsafe"
)

var buffer [64 << 10]byte

//go:wasmexport buffer
func address() uint32 { return uint32(uintptr(unsafe.Pointer(&buffer[0]))) }

//go:wasmexport echo
func echo(size uint32) uint32 {
	copy(buffer[32<<10:], buffer[:size])
	return size
}

//go:wasmexport json
func recode(size uint32) uint32 {
	var v map[string]any
	if err := json.Unmarshal(buffer[:size], &v); err != nil {
		panic(err)
	}
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return uint32(copy(buffer[32<<10:], text))
}

func main() {}
