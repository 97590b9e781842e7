//go:build !wasm

package mesh

import (
	"encoding/binary"
	"unsafe"
)

func load32(at unsafe.Pointer) uint32 { return binary.LittleEndian.Uint32((*[4]byte)(at)[:]) }

func load64(at unsafe.Pointer) uint64 { return binary.LittleEndian.Uint64((*[8]byte)(at)[:]) }

func store64(at unsafe.Pointer, v uint64) { binary.LittleEndian.PutUint64((*[8]byte)(at)[:], v) }
