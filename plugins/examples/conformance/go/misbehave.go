package main

import (
	"unsafe"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
)

// What these commands leave behind is reachable, so that no compiler finds
// their work useless and takes it out.
var (
	turns uint64
	hoard [][]byte
	// far is behind the end of any memory that a plugin may have. It is a
	// variable since TinyGo's int, which a constant must fit, has 32 bits.
	far uintptr = 3 << 30
)

// spin loops for ever.
func spin(*mesh.Call) (mesh.JSON, error) {
	for {
		turns++
	}
}

// grow takes memory, and touches it, until it is refused.
func grow(*mesh.Call) (mesh.JSON, error) {
	for {
		block := make([]byte, 64<<10)
		for i := 0; i < len(block); i += 4096 {
			block[i] = 1
		}
		hoard = append(hoard, block)
	}
}

// trap reads far behind the end of its memory.
func trap(*mesh.Call) (mesh.JSON, error) {
	outside := (*uint64)(unsafe.Add(unsafe.Pointer(&turns), far))
	return mesh.Int(int64(*outside)), nil
}

// recurse calls itself for ever.
func recurse(*mesh.Call) (mesh.JSON, error) {
	return mesh.Int(int64(descend(&frame{}))), nil
}

type frame struct {
	parent *frame
	depth  int
}

//go:noinline
func descend(parent *frame) int {
	here := frame{parent: parent, depth: parent.depth + 1}
	turns++
	return descend(&here) + here.depth //nolint:staticcheck // it never ends, on purpose
}
