package protocol

import (
	"encoding/binary"
	"unicode/utf8"
)

// A frame here is a WebSocket message ready for the wire: an unfragmented,
// unmasked server frame (RFC 6455 section 5.2), so that one encoding serves
// every receiver.

// MaxFrameHeader is the longest header of a server frame, in bytes.
const MaxFrameHeader = 10

const (
	finText  = 0x81
	finClose = 0x88
	finPong  = 0x8A
)

// appendHeader adds the header of a final, unmasked frame.
func appendHeader(dst []byte, first byte, size int) []byte {
	switch {
	case size < 126:
		return append(dst, first, byte(size))
	case size <= 0xFFFF:
		return binary.BigEndian.AppendUint16(append(dst, first, 126), uint16(size))
	}
	return binary.BigEndian.AppendUint64(append(dst, first, 127), uint64(size))
}

var null = []byte("null")

// AppendReply adds the frame of a reply. All three are JSON text: id and
// command as the client sent them, echoed byte for byte, payload nil for null.
func AppendReply(dst, id, command, payload []byte) []byte {
	if payload == nil {
		payload = null
	}
	size := len(`{"id":,"command":,"payload":}`) + len(id) + len(command) + len(payload)
	dst = appendHeader(dst, finText, size)
	dst = append(dst, `{"id":`...)
	dst = append(dst, id...)
	dst = append(dst, `,"command":`...)
	dst = append(dst, command...)
	dst = append(dst, `,"payload":`...)
	dst = append(dst, payload...)
	return append(dst, '}')
}

// AppendPush adds the frame of a push. payload is JSON text; nil is null.
func AppendPush(dst []byte, command string, payload []byte) []byte {
	if payload == nil {
		payload = null
	}
	size := len(`{"command":,"payload":}`) + stringSize(command) + len(payload)
	dst = appendHeader(dst, finText, size)
	dst = append(dst, `{"command":`...)
	dst = AppendString(dst, command)
	dst = append(dst, `,"payload":`...)
	dst = append(dst, payload...)
	return append(dst, '}')
}

// AppendPong adds the pong frame that answers a ping (RFC 6455 section 5.5.3).
func AppendPong(dst, payload []byte) []byte {
	return append(appendHeader(dst, finPong, len(payload)), payload...)
}

// AppendClose adds a close frame (RFC 6455 section 5.5.1). Code 0 leaves the
// body empty; a reason is cut to the 123 bytes that fit.
func AppendClose(dst []byte, code int, reason string) []byte {
	if code == 0 {
		return appendHeader(dst, finClose, 0)
	}
	reason = CutText(reason, 123)
	dst = appendHeader(dst, finClose, 2+len(reason))
	dst = binary.BigEndian.AppendUint16(dst, uint16(code))
	return append(dst, reason...)
}

// CutText returns text cut to at most limit bytes, between two characters.
func CutText(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && text[limit]&0xC0 == 0x80 {
		limit--
	}
	return text[:limit]
}

// IsASCII reports whether text has only printable ASCII, without spaces.
func IsASCII(text string) bool {
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

// stringSize is the length of what AppendString adds.
func stringSize(s string) int {
	size := len(s) + 2
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"', c == '\\', c == '\n', c == '\r', c == '\t':
			size++
		case c < 0x20:
			size += len(`u0000`)
		case c >= utf8.RuneSelf:
			r, width := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && width == 1 {
				size += len("\uFFFD") - 1
			}
			i += width - 1
		}
	}
	return size
}
