//go:build linux

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/gobwas/ws"
)

// payloadSize is the size of the JSON payload that is echoed, in bytes.
const payloadSize = 128

// request returns the text of a command. The host's reply to it is the same
// text, byte for byte, so host and floor are checked and counted alike.
func request(id int, command string) []byte {
	return fmt.Appendf(nil, `{"id":%d,"command":%q,"payload":%s}`, id, command, payload())
}

func payload() string {
	const words = "the quick brown fox jumps over the lazy dog and "
	text := strings.Repeat(words, payloadSize/len(words)+1)
	return `{"text":"` + text[:payloadSize-len(`{"text":""}`)] + `"}`
}

// appendMasked adds a client's frame. The mask is always the same: what counts
// is that it has to be taken off.
func appendMasked(dst, text []byte) []byte {
	mask := [4]byte{0x5a, 0xc3, 0x17, 0x88}
	dst = appendHead(dst, 0x80, len(text))
	dst = append(dst, mask[:]...)
	dst = append(dst, text...)
	ws.Cipher(dst[len(dst)-len(text):], mask, 0)
	return dst
}

// appendHead adds the head of a final text frame; masked is 0x80 or 0.
func appendHead(dst []byte, masked byte, size int) []byte {
	const finalText = 0x81
	switch {
	case size < 126:
		return append(dst, finalText, masked|byte(size))
	case size <= 0xFFFF:
		return binary.BigEndian.AppendUint16(append(dst, finalText, masked|126), uint16(size))
	}
	return binary.BigEndian.AppendUint64(append(dst, finalText, masked|127), uint64(size))
}

// frame is a final WebSocket frame as it lies in a buffer.
type frame struct {
	op   ws.OpCode
	mask [4]byte
	body []byte // still masked
	size int    // with its head, in bytes
}

var errFrame = errors.New("a frame is fragmented, compressed or over 64 KiB")

// next reads the first frame of b; its size is 0 where it has not arrived
// whole. There is nothing here that a peer of ours does not send.
func next(b []byte) (f frame, err error) {
	if len(b) < 2 {
		return f, nil
	}
	head, length := 2, int(b[1]&0x7F)
	if b[0]&0xF0 != 0x80 || length == 127 {
		return f, errFrame
	}
	if length == 126 {
		if len(b) < 4 {
			return f, nil
		}
		head, length = 4, int(binary.BigEndian.Uint16(b[2:]))
	}
	if b[1]&0x80 != 0 {
		if len(b) < head+4 {
			return f, nil
		}
		f.mask = [4]byte(b[head:])
		head += 4
	}
	if len(b) < head+length {
		return f, nil
	}
	f.op, f.body, f.size = ws.OpCode(b[0]&0x0F), b[head:head+length], head+length
	return f, nil
}
