// Package transporttest is a WebSocket client for tests that can also do
// everything wrong: it writes frames as it is told, bit by bit, cuts them
// where it is told, and holds what it reads against RFC 6455. It shares no
// code with the server it tests.
package transporttest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The opcodes (RFC 6455 section 5.2).
const (
	Continuation byte = 0x0
	Text         byte = 0x1
	Binary       byte = 0x2
	Close        byte = 0x8
	Ping         byte = 0x9
	Pong         byte = 0xA
)

// Frame is a frame as it stands on the wire. Of the zero value everything is
// in order: it is final, masked, and as long as its payload.
type Frame struct {
	// Op is the opcode, 0 to 15.
	Op byte
	// More leaves the FIN bit out.
	More bool
	// RSV is the three reserved bits, 0 to 7.
	RSV byte
	// Unmasked leaves the mask out.
	Unmasked bool
	// Payload is what is sent.
	Payload string
	// Length is announced instead of the payload's, where it is not 0.
	Length uint64
	// Wide encodes the length in 2 or 8 bytes whatever it is; 0 is as few as
	// RFC 6455 asks for.
	Wide int
}

// mask is the key of the examples in RFC 6455 section 5.7.
var mask = [4]byte{0x37, 0xFA, 0x21, 0x3D}

// Append adds the frame's bytes to dst.
func (f Frame) Append(dst []byte) []byte {
	first := f.RSV<<4 | f.Op
	if !f.More {
		first |= 0x80
	}
	dst = f.appendLength(append(dst, first))
	if f.Unmasked {
		return append(dst, f.Payload...)
	}
	dst = append(dst, mask[:]...)
	for i := range len(f.Payload) {
		dst = append(dst, f.Payload[i]^mask[i%4])
	}
	return dst
}

func (f Frame) appendLength(dst []byte) []byte {
	length, masked := f.Length, byte(0x80)
	if length == 0 {
		length = uint64(len(f.Payload))
	}
	if f.Unmasked {
		masked = 0
	}
	switch {
	case f.Wide == 8, f.Wide == 0 && length > 0xFFFF:
		return binary.BigEndian.AppendUint64(append(dst, masked|127), length)
	case f.Wide == 2, f.Wide == 0 && length > 125:
		return binary.BigEndian.AppendUint16(append(dst, masked|126), uint16(length))
	}
	return append(dst, masked|byte(length))
}

// Bytes returns the frames one after the other.
func Bytes(frames ...Frame) []byte {
	var b []byte
	for _, f := range frames {
		b = f.Append(b)
	}
	return b
}

// Fragments returns a text message in frames of at most size bytes.
func Fragments(message string, size int) []Frame {
	var frames []Frame
	op := Text
	for len(message) > size {
		frames = append(frames, Frame{Op: op, More: true, Payload: message[:size]})
		op, message = Continuation, message[size:]
	}
	return append(frames, Frame{Op: op, Payload: message})
}

// CloseFrame returns a close frame; code 0 is one without a body.
func CloseFrame(code int, reason string) Frame {
	f := Frame{Op: Close}
	if code != 0 {
		f.Payload = string(binary.BigEndian.AppendUint16(nil, uint16(code))) + reason
	}
	return f
}

// readFrame reads a server's frame, which must be in order in all respects.
func readFrame(r *bufio.Reader) (Frame, error) {
	var b [8]byte
	if _, err := io.ReadFull(r, b[:2]); err != nil {
		return Frame{}, err
	}
	f := Frame{Op: b[0] & 0x0F, More: b[0]&0x80 == 0, Unmasked: b[1]&0x80 == 0}
	if b[0]&0x70 != 0 || !f.Unmasked {
		return f, fmt.Errorf("a server's frame starts with % x", b[:2])
	}
	length, err := readLength(r, b[1]&0x7F)
	if err != nil {
		return f, err
	}
	if f.Op >= Close && (length > 125 || f.More) {
		return f, fmt.Errorf("a control frame of %d bytes, final: %v", length, !f.More)
	}
	payload := make([]byte, length)
	_, err = io.ReadFull(r, payload)
	f.Payload = string(payload)
	return f, err
}

func readLength(r *bufio.Reader, short byte) (uint64, error) {
	if short < 126 {
		return uint64(short), nil
	}
	var b [8]byte
	wide, least := b[6:], uint64(126)
	if short == 127 {
		wide, least = b[:], 1<<16
	}
	if _, err := io.ReadFull(r, wide); err != nil {
		return 0, err
	}
	length := binary.BigEndian.Uint64(b[:])
	if length < least || length > 1<<30 {
		return 0, errors.New("a length that is not minimal, or absurd")
	}
	return length, nil
}
