package mesh

import (
	"unsafe"

	"github.com/mesh-host/mesh-host/pdk/go/internal/codec"
)

// The outcomes of a call.
const (
	statusContinue = 0
	statusReply    = 1
	statusError    = 2
	statusRefuse   = 3
)

// continues is the response that lets things go on.
var continues = codec.AppendInt(nil, statusContinue)

// putReplyHeader writes what stands before a reply's body: the status field
// and the body's length.
func putReplyHeader(at unsafe.Pointer, size int) {
	store64(at, 8|statusReply<<32)
	store64(unsafe.Add(at, 8), uint64(size)<<32)
}

// reply encodes a reply with a copy of the body.
func (m *memory) reply(body JSON) []byte {
	out := m.buffer(replyHeader + len(body))
	out = append(out, make([]byte, replyHeader)...)
	putReplyHeader(unsafe.Pointer(unsafe.SliceData(out)), len(body))
	return m.keep(append(out, body...))
}

// failure encodes an error under statusError or statusRefuse.
func (m *memory) failure(status int64, err error) []byte {
	out := codec.AppendInt(m.buffer(0), status)
	out, mark := codec.Begin(out)
	e := asError(err)
	return m.keep(codec.End(e.append(out), mark))
}

// outcome is the response of a handler that has nothing to say but whether it
// failed.
func (m *memory) outcome(failure int64, err error) []byte {
	if err != nil {
		return m.failure(failure, err)
	}
	return continues
}
