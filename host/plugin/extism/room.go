package extism

import (
	"fmt"
	"sync/atomic"

	"github.com/tetratelabs/wazero/experimental"

	"github.com/mesh-host/mesh-host/host/plugin/wasm"
)

// room is the memory of one instance: its kernel's and its own, which share
// the plugin's limit.
type room struct {
	limit, used uint64
	memories    [2]memory // the kernel's, then the guest's
	made        int
}

// memory is one of them. wazero frees it where a module closes, which may be
// within a call; it is the instance that does.
type memory struct {
	experimental.LinearMemory
	room *room
	size uint64
}

var _ experimental.MemoryAllocator = (*room)(nil)

// kernelMinimum is what Extism's kernel starts with, in bytes.
const kernelMinimum = 16 * pageSize

func newRoom(memories *wasm.Runtime, limit, minimum uint64, used *atomic.Int64) (*room, error) {
	r := &room{limit: limit}
	for i, least := range []uint64{kernelMinimum, minimum} {
		reserved, err := memories.NewMemory(limit, least, used)
		if err != nil {
			r.release()
			return nil, err
		}
		r.memories[i] = memory{LinearMemory: reserved, room: r}
	}
	return r, nil
}

// Allocate implements experimental.MemoryAllocator.
func (r *room) Allocate(_, _ uint64) experimental.LinearMemory {
	if r.made == len(r.memories) {
		panic(fmt.Errorf("has more than one memory"))
	}
	r.made++
	return &r.memories[r.made-1]
}

// Reallocate implements experimental.LinearMemory: nil, and so a memory.grow
// that answers -1, where both memories together would exceed the limit.
func (m *memory) Reallocate(size uint64) []byte {
	used := m.room.used - m.size + size
	if used > m.room.limit {
		return nil
	}
	b := m.LinearMemory.Reallocate(size)
	if b != nil {
		m.room.used, m.size = used, size
	}
	return b
}

// Free implements experimental.LinearMemory; see release.
func (m *memory) Free() {}

// fits reports whether an input would fit into the kernel's memory, which
// begins anew with every call.
func (r *room) fits(length int) bool {
	left := r.limit - r.used + r.memories[0].size
	return uint64(length)+kernelMinimum+pageSize <= left
}

// release frees everything. The guest must not be running.
func (r *room) release() {
	for i := range r.memories {
		if m := &r.memories[i]; m.LinearMemory != nil {
			m.LinearMemory.Free()
			m.LinearMemory = nil
		}
	}
}
