//go:build !wasm || tinygo

package mesh

import "unsafe"

func load32(at unsafe.Pointer) uint32 {
	b := (*[4]byte)(at)
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}

func load64(at unsafe.Pointer) uint64 {
	return uint64(load32(at)) | uint64(load32(unsafe.Add(at, 4)))<<32
}

func store64(at unsafe.Pointer, v uint64) {
	*(*[8]byte)(at) = [8]byte{
		byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24),
		byte(v >> 32), byte(v >> 40), byte(v >> 48), byte(v >> 56),
	}
}
