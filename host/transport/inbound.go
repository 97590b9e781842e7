package transport

import (
	"encoding/binary"
	"errors"
	"sync"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"github.com/mesh-host/mesh-host/abi"
)

// readSize is the size of a read buffer in bytes: one read takes all frames
// that have arrived, up to this. Buffers are borrowed from a pool for as long
// as there is something to process, so that an idle session holds none.
const readSize = 16 << 10

var readBuffers = sync.Pool{New: func() any { b := make([]byte, readSize); return &b }}

// violation is a reason to fail a connection (RFC 6455 section 7.1.7).
type violation struct {
	code   int
	reason string
}

func (v *violation) Error() string { return v.reason }

// The violations that the parser itself finds; the rest come from
// ws.CheckHeader.
var (
	errBinary   = &violation{abi.CloseUnsupportedData, "binary messages are not supported"}
	errUTF8     = &violation{abi.CloseInvalidPayload, "text is not UTF-8"}
	errTooBig   = &violation{abi.CloseMessageTooBig, "message too big"}
	errLength   = &violation{abi.CloseProtocolError, "payload length is not minimal or too large"}
	errNeedMore = errors.New("transport: the next frame has not arrived whole")
)

// inbound turns the bytes of a connection into messages, incrementally: it
// takes what has arrived and never waits. Memory grows with the bytes that
// have arrived, not with what a header announces.
type inbound struct {
	limit int // most bytes of a message over all its fragments

	buffer *[]byte // borrowed; nil while waiting for more
	r, w   int     // unread: (*buffer)[r:w]
	tail   []byte  // what is unread while there is no buffer: less than a control frame

	header     ws.Header // of the data frame that is being read
	inFrame    bool
	remaining  int64 // payload bytes of it still to come
	fragmented bool  // a message has begun and not ended

	message []byte // what has been assembled of a message that is in pieces
	checked int    // how much of message is known to be UTF-8
	last    []byte // the assembled message returned last; its memory is reused
}

// borrow makes room to read into and returns it.
func (in *inbound) borrow() []byte {
	if in.buffer == nil {
		in.buffer = readBuffers.Get().(*[]byte)
		in.r, in.w = 0, copy(*in.buffer, in.tail)
		in.tail = in.tail[:0]
	}
	b := *in.buffer
	if in.r > 0 {
		in.w = copy(b, b[in.r:in.w])
		in.r = 0
	}
	return b[in.w:]
}

// keepMessage bounds the memory that a waiting session keeps for assembling
// messages, in bytes.
const keepMessage = 4 << 10

// giveBack returns the buffer to the pool before a wait. What is unread then
// is less than a header or a control frame and moves to the tail.
func (in *inbound) giveBack() {
	if in.buffer != nil {
		in.tail = append(in.tail[:0], (*in.buffer)[in.r:in.w]...)
		readBuffers.Put(in.buffer)
		in.buffer, in.r, in.w = nil, 0, 0
	}
	if cap(in.last) > keepMessage {
		in.last = nil
	}
	if len(in.message) == 0 && cap(in.message) > keepMessage {
		in.message = nil
	}
}

// forget drops everything that has arrived.
func (in *inbound) forget() {
	in.r, in.w, in.tail, in.message, in.last = 0, 0, nil, nil, nil
}

// split hands over the buffer (and the assembled message) that the latest
// message points into and goes on with a copy of what is unread.
func (in *inbound) split() {
	old, r, w := in.buffer, in.r, in.w
	in.buffer, in.r, in.w, in.last = nil, 0, 0, nil
	if old != nil && r < w {
		in.w = copy(in.borrow(), (*old)[r:w])
	}
}

// next returns the next message (OpText) or control frame. Its payload is
// valid until the following call. errNeedMore asks for more bytes; a
// *violation fails the connection.
func (in *inbound) next() (ws.OpCode, []byte, error) {
	for {
		if !in.inFrame {
			op, payload, err := in.begin()
			if err != nil || payload != nil {
				return op, payload, err
			}
		}
		if done, err := in.assemble(); err != nil {
			return 0, nil, err
		} else if done {
			in.last, in.message, in.checked = in.message, in.last[:0], 0
			return ws.OpText, in.last, nil
		}
	}
}

// begin reads a frame's header. It returns the payload at once where that is
// all there and is a control frame or a whole message; otherwise the payload
// is left to assemble.
func (in *inbound) begin() (ws.OpCode, []byte, error) {
	if in.buffer == nil {
		return 0, nil, errNeedMore
	}
	unread := (*in.buffer)[in.r:in.w]
	h, size, err := parseHeader(unread)
	if err != nil {
		return 0, nil, err
	}
	if err := in.check(h); err != nil {
		return 0, nil, err
	}
	whole := h.Length <= int64(len(unread)-size)
	if h.OpCode.IsControl() && !whole {
		return 0, nil, errNeedMore
	}
	in.r += size
	if whole && (h.OpCode.IsControl() || h.Fin && !in.fragmented) {
		payload := unread[size : size+int(h.Length)]
		in.r += int(h.Length)
		ws.Cipher(payload, h.Mask, 0)
		if h.OpCode == ws.OpText && !utf8.Valid(payload) {
			return 0, nil, errUTF8
		}
		return h.OpCode, payload, nil
	}
	in.header, in.inFrame, in.remaining = h, true, h.Length
	return 0, nil, nil
}

// check holds a header against RFC 6455 and the limits.
func (in *inbound) check(h ws.Header) error {
	state := ws.StateServerSide
	if in.fragmented {
		state = state.Set(ws.StateFragmented)
	}
	if err := ws.CheckHeader(h, state); err != nil {
		return &violation{abi.CloseProtocolError, err.Error()}
	}
	if h.OpCode == ws.OpBinary {
		return errBinary
	}
	if h.OpCode.IsData() && h.Length > int64(in.limit-len(in.message)) {
		return errTooBig
	}
	return nil
}

// assemble moves what has arrived of a data frame into the message and
// reports whether that completes it.
func (in *inbound) assemble() (bool, error) {
	if in.remaining > 0 {
		if in.buffer == nil || in.r == in.w {
			return false, errNeedMore
		}
		piece := (*in.buffer)[in.r:in.w]
		if int64(len(piece)) > in.remaining {
			piece = piece[:in.remaining]
		}
		ws.Cipher(piece, in.header.Mask, int((in.header.Length-in.remaining)&3))
		in.message = append(in.message, piece...)
		in.r += len(piece)
		in.remaining -= int64(len(piece))
		if err := in.checkText(in.remaining == 0 && in.header.Fin); err != nil {
			return false, err
		}
		if in.remaining > 0 {
			return false, errNeedMore
		}
	} else if err := in.checkText(in.header.Fin); err != nil {
		return false, err
	}
	in.inFrame, in.fragmented = false, !in.header.Fin
	return in.header.Fin, nil
}

// checkText looks at the part of the message that it has not seen yet, so that
// broken text fails as soon as it arrives. A character may be cut at the end
// of a piece, not at the end of the message.
func (in *inbound) checkText(end bool) error {
	rest := in.message[in.checked:]
	if utf8.Valid(rest) {
		in.checked = len(in.message)
		return nil
	}
	whole := len(rest)
	for cut := 1; cut <= 3 && cut <= len(rest); cut++ {
		if utf8.RuneStart(rest[len(rest)-cut]) {
			whole = len(rest) - cut
			break
		}
	}
	// FullRune is also true of what can no longer become a character.
	if end || !utf8.Valid(rest[:whole]) || utf8.FullRune(rest[whole:]) {
		return errUTF8
	}
	in.checked += whole
	return nil
}

// parseHeader reads a frame's header (RFC 6455 section 5.2) from the front of
// b and returns its size in bytes.
func parseHeader(b []byte) (ws.Header, int, error) {
	if len(b) < 2 {
		return ws.Header{}, 0, errNeedMore
	}
	h := ws.Header{
		Fin:    b[0]&0x80 != 0,
		Rsv:    b[0] & 0x70 >> 4,
		OpCode: ws.OpCode(b[0] & 0x0F),
		Masked: b[1]&0x80 != 0,
		Length: int64(b[1] & 0x7F),
	}
	size := 2
	switch h.Length {
	case 126:
		size += 2
	case 127:
		size += 8
	}
	extended := size
	if h.Masked {
		size += 4
	}
	if len(b) < size {
		return h, 0, errNeedMore
	}
	switch extended {
	case 4:
		h.Length = int64(binary.BigEndian.Uint16(b[2:]))
		if h.Length < 126 {
			return h, 0, errLength
		}
	case 10:
		length := binary.BigEndian.Uint64(b[2:])
		if length < 1<<16 || length >= 1<<63 {
			return h, 0, errLength
		}
		h.Length = int64(length)
	}
	if h.Masked {
		copy(h.Mask[:], b[extended:])
	}
	return h, size, nil
}
