package mesh

import "unsafe"

const (
	// keptBuffer is the size in bytes up to which a buffer is kept from one
	// call to the next; a larger one is left to the garbage collector.
	keptBuffer = 256 << 10
	// replyHeader is the length of a reply up to its body: the status field
	// and the body's length.
	replyHeader = 16
)

// memory is what the calls of one instance use in turn, so that a call
// allocates nothing in the common case.
type memory struct {
	out    []byte // its whole capacity
	names  [64]string
	used   int
	chunks [8]chunk
}

// chunk is room for a small value, behind that for the header of a reply.
type chunk struct {
	header [replyHeader]byte
	data   [240]byte
}

// text returns b as a string that lasts. Names, users and connection ids come
// again and again: a small table of the latest saves their allocation.
func (m *memory) text(b []byte) string {
	n := len(b)
	if n == 0 || n > 64 {
		return string(b)
	}
	hash := uint(n) + 31*uint(b[0]) + 37*uint(b[n/4]) + 41*uint(b[n/2]) + 43*uint(b[n-1])
	slot := &m.names[hash%uint(len(m.names))]
	if *slot != string(b) { // compares without a copy
		*slot = string(b)
	}
	return *slot
}

// scratch returns an empty slice with room, or nil where the chunks of this
// call are used up; appending past the room moves to the heap by itself.
func (m *memory) scratch() []byte {
	if m.used == len(m.chunks) {
		return nil
	}
	m.used++
	return m.chunks[m.used-1].data[:0]
}

// holds tells whether body lies in a chunk, and so has a header before it.
func (m *memory) holds(body unsafe.Pointer) bool {
	return uintptr(body)-uintptr(unsafe.Pointer(&m.chunks)) < unsafe.Sizeof(m.chunks)
}

// buffer returns an empty slice with room for a response of size bytes.
func (m *memory) buffer(size int) []byte {
	if size > cap(m.out) || cap(m.out) > keptBuffer {
		m.out = make([]byte, 0, max(size, 512))
	}
	return m.out
}

// keep holds on to the response until the next call.
func (m *memory) keep(response []byte) []byte {
	m.out = response[:0]
	return response
}
