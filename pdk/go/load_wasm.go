//go:build !tinygo

package mesh

import "unsafe"

// WebAssembly is little-endian and loads from any address. A cast costs the
// compiler's budget for inlining less than eight shifted bytes do. TinyGo's
// compiler sees through the bytes, and would take a cast for a promise that the
// address is aligned.

func load32(at unsafe.Pointer) uint32 { return *(*uint32)(at) }

func load64(at unsafe.Pointer) uint64 { return *(*uint64)(at) }

func store64(at unsafe.Pointer, v uint64) { *(*uint64)(at) = v }
