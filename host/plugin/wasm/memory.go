package wasm

import (
	"fmt"
	"sync/atomic"

	"github.com/tetratelabs/wazero/experimental"
)

// pageSize is the unit of linear memory (WebAssembly core 1, section 4.2.8).
const pageSize = 64 << 10

// linear is the memory of one instance: address space for the whole limit is
// reserved at once, so that it never moves, and becomes usable as the guest
// grows. bytes is what the guest can address; it is written only by the
// goroutine that runs the guest.
type linear struct {
	bytes    []byte
	reserved []byte
	live     *atomic.Int64
	used     *atomic.Int64
}

var (
	_ experimental.MemoryAllocator = (*linear)(nil)
	_ experimental.LinearMemory    = (*linear)(nil)
)

// newLinear reserves limit bytes and makes minimum of them usable, so that
// wazero, which panics where the minimum cannot be had, does not ask in vain.
// live counts the reservations that are not freed yet, used the bytes that are
// usable.
func newLinear(limit, minimum uint64, live, used *atomic.Int64) (*linear, error) {
	reserved, err := reserve(int(limit))
	if err != nil {
		return nil, fmt.Errorf("reserve %d bytes of memory: %w", limit, err)
	}
	m := &linear{reserved: reserved, live: live, used: used}
	live.Add(1)
	if m.Reallocate(minimum) == nil {
		m.Free()
		return nil, fmt.Errorf("no %d bytes of memory to be had", minimum)
	}
	return m, nil
}

// Allocate implements experimental.MemoryAllocator: an instance has one memory.
func (m *linear) Allocate(_, _ uint64) experimental.LinearMemory { return m }

// Reallocate implements experimental.LinearMemory: nil, and so a memory.grow
// that answers -1, beyond the limit.
func (m *linear) Reallocate(size uint64) []byte {
	if size > uint64(len(m.reserved)) {
		return nil
	}
	if size > uint64(len(m.bytes)) || m.bytes == nil {
		if commit(m.reserved, len(m.bytes), int(size)) != nil {
			return nil
		}
		m.used.Add(int64(size) - int64(len(m.bytes)))
		m.bytes = m.reserved[:size:size]
	}
	return m.bytes
}

// Free implements experimental.LinearMemory. It may be called again: wazero
// and the instance both do. No guest may run on the memory any more.
func (m *linear) Free() {
	if m.reserved == nil {
		return
	}
	m.used.Add(-int64(len(m.bytes)))
	reserved := m.reserved
	m.bytes, m.reserved = nil, nil
	release(reserved)
	m.live.Add(-1)
}

// slice returns length bytes at ptr, or nil and false where that leaves the
// memory.
func (m *linear) slice(ptr, length uint32) ([]byte, bool) {
	end := uint64(ptr) + uint64(length)
	if end > uint64(len(m.bytes)) {
		return nil, false
	}
	return m.bytes[ptr:end:end], true
}
