package mesh

import "unsafe"

// request is an encoded request, whose fields are kind, name, connection id,
// user, metadata, locals, payload and detail. They are found by adding up the
// lengths before them, in straight lines: in standard Go's wasm every jump
// costs, and this is the path of every call.
//
// The host is trusted with the lengths. Behind the request lie slack bytes of
// 0, so that the fields missing from its end read as nothing.
type request struct {
	base unsafe.Pointer
	size uint64
}

// slack is how many bytes behind a request are cleared: a length for each of
// its fields.
const slack = 8 * 4

// clear prepares the request, behind which are slack bytes of room.
func (r *request) clear() {
	end := unsafe.Add(r.base, r.size)
	store64(end, 0) // four stores cost less than the one instruction that fills
	store64(unsafe.Add(end, 8), 0)
	store64(unsafe.Add(end, 16), 0)
	store64(unsafe.Add(end, 24), 0)
}

func (r *request) name() []byte { return r.field(after(r.base, 0)) }

func (r *request) connectionID() []byte {
	return r.field(after(r.base, after(r.base, 0)))
}

func (r *request) user() []byte {
	return r.field(after(r.base, after(r.base, after(r.base, 0))))
}

func (r *request) metadata() []byte { return r.field(r.metadataAt()) }

func (r *request) locals() []byte { return r.field(after(r.base, r.metadataAt())) }

// payload is written out: it is what every command asks for.
func (r *request) payload() []byte {
	base := r.base
	at := after(base, 0)
	at = after(base, at)
	at = after(base, at)
	at = after(base, at)
	at = after(base, at)
	at = after(base, at)
	return r.field(at)
}

func (r *request) detail() []byte {
	return r.field(after(r.base, after(r.base, after(r.base, r.metadataAt()))))
}

func (r *request) metadataAt() uint64 {
	return after(r.base, after(r.base, after(r.base, after(r.base, 0))))
}

// after returns where the field begins that follows the one at. The length
// 0xFFFFFFFF, absent, counts as 0, without a jump.
func after(base unsafe.Pointer, at uint64) uint64 {
	size := uint64(load32(unsafe.Add(base, at)))
	return at + 4 + size&((size+1)>>32-1)
}

// field returns the field at, nil where it is absent or missing: either way it
// would end behind the request.
func (r *request) field(at uint64) []byte {
	size := uint64(load32(unsafe.Add(r.base, at)))
	if at+4+size > r.size {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Add(r.base, at+4)), int(size))
}

// holds tells whether body is a part of the request with room for a reply's
// header before it.
func (r *request) holds(body unsafe.Pointer) bool {
	return uint64(uintptr(body)-uintptr(r.base))-replyHeader < r.size
}
