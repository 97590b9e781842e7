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

// maxFrame is more than any body that a peer of ours sends, in bytes.
const maxFrame = 16 << 20

var errFrame = errors.New("a frame is fragmented, compressed or over 16 MiB")

// next reads the first frame of b; its size is 0 where it has not arrived
// whole.
func next(b []byte) (f frame, err error) {
	if f, err = begun(b); err != nil || f.size > len(b) {
		return frame{}, err
	}
	return f, nil
}

// begun reads the first frame of b as far as it has arrived; its size is 0 where
// not even its head has. There is nothing here that a peer of ours does not send.
func begun(b []byte) (f frame, err error) {
	if len(b) < 2 {
		return f, nil
	}
	if b[0]&0xF0 != 0x80 {
		return f, errFrame
	}
	head, length := 2, int(b[1]&0x7F)
	switch length {
	case 126:
		head = 4
	case 127:
		head = 10
	}
	masked := b[1]&0x80 != 0
	if masked {
		head += 4
	}
	if len(b) < head {
		return f, nil
	}
	switch length {
	case 126:
		length = int(binary.BigEndian.Uint16(b[2:]))
	case 127:
		length = int(min(binary.BigEndian.Uint64(b[2:]), maxFrame+1))
	}
	if length > maxFrame {
		return f, errFrame
	}
	if masked {
		f.mask = [4]byte(b[head-4:])
	}
	f.op, f.size = ws.OpCode(b[0]&0x0F), head+length
	f.body = b[head:min(f.size, len(b))]
	return f, nil
}
