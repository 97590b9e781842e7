//go:build linux

package e2e

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// The opcodes of RFC 6455 section 5.2.
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xA
)

const fin = 0x80

// raw is a client that sends whatever bytes a test wants.
type raw struct {
	conn net.Conn
	in   *bufio.Reader
}

const handshake = "GET / HTTP/1.1\r\nHost: e2e\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// open makes a TCP connection that says nothing yet.
func (h *host) open(t *testing.T) *raw {
	t.Helper()
	conn, err := net.DialTimeout("tcp", h.address, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(2 * patience))
	return &raw{conn, bufio.NewReader(conn)}
}

// shake opens a connection and makes the handshake.
func (h *host) shake(t *testing.T) *raw {
	t.Helper()
	r := h.open(t)
	r.send(t, []byte(handshake))
	if status := r.response(t); status != http.StatusSwitchingProtocols {
		t.Fatalf("the handshake is answered %d", status)
	}
	return r
}

// response reads an HTTP response and returns its status.
func (r *raw) response(t *testing.T) int {
	t.Helper()
	response, err := http.ReadResponse(r.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode == http.StatusSwitchingProtocols {
		return response.StatusCode // what follows is frames
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode
}

func (r *raw) send(t *testing.T, bytes []byte) {
	t.Helper()
	if _, err := r.conn.Write(bytes); err != nil {
		t.Fatal(err)
	}
}

// next reads a frame.
func (r *raw) next() (op byte, payload []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(r.in, head[:]); err != nil {
		return 0, nil, err
	}
	length := uint64(head[1] & 0x7F)
	switch length {
	case 126:
		var extended uint16
		err = binary.Read(r.in, binary.BigEndian, &extended)
		length = uint64(extended)
	case 127:
		err = binary.Read(r.in, binary.BigEndian, &length)
	}
	if err != nil {
		return 0, nil, err
	}
	payload = make([]byte, length)
	_, err = io.ReadFull(r.in, payload)
	return head[0] & 0x0F, payload, err
}

// reply reads to the first text frame that is no push.
func (r *raw) reply(t *testing.T) string {
	t.Helper()
	for {
		op, payload, err := r.next()
		switch {
		case err != nil:
			t.Fatal(err)
		case op == opClose:
			t.Fatalf("closed with %d instead of a reply", closeCode(payload))
		case op == opText && strings.HasPrefix(string(payload), `{"id":`):
			return string(payload)
		}
	}
}

// closed reads to the close frame and returns its code; the connection must
// end after it.
func (r *raw) closed(t *testing.T) int {
	t.Helper()
	for {
		op, payload, err := r.next()
		if err != nil {
			t.Fatalf("no close frame: %v", err)
		}
		if op != opClose {
			continue
		}
		code := closeCode(payload)
		r.send(t, masked(fin|opClose, payload[:2]))
		if _, _, err := r.next(); err == nil {
			t.Error("a frame after the close frame")
		}
		return code
	}
}

func closeCode(payload []byte) int {
	if len(payload) < 2 {
		return 1005
	}
	return int(binary.BigEndian.Uint16(payload))
}

// text is a masked text frame, as a client sends it.
func text(payload string) []byte { return masked(fin|opText, []byte(payload)) }

var mask = []byte{1, 2, 3, 4}

func masked(first byte, payload []byte) []byte {
	b := append(header(first, 0x80, len(payload)), mask...)
	for i, c := range payload {
		b = append(b, c^mask[i%4])
	}
	return b
}

// header is the front of a frame, without the mask.
func header(first, second byte, length int) []byte {
	switch {
	case length < 126:
		return []byte{first, second | byte(length)}
	case length < 1<<16:
		return binary.BigEndian.AppendUint16([]byte{first, second | 126}, uint16(length))
	}
	return binary.BigEndian.AppendUint64([]byte{first, second | 127}, uint64(length))
}

// request is the text of a command.
func request(id, command, payload string) string {
	return fmt.Sprintf(`{"id":%s,"command":%q,"payload":%s}`, id, command, payload)
}
