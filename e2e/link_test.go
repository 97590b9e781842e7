//go:build linux

package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// link is a client without goroutines: nothing is read unless it is told to,
// and its connection can end anywhere. It belongs to one goroutine.
type link struct {
	raw
	id      string // its connection's
	dialect string
	last    int
}

// hop says how a link connects.
type hop struct {
	// old offers no subprotocol.
	old bool
	// within, unless 0, bounds the life of the connection, and bytes what is
	// read of it: then reading fails, wherever it is.
	within time.Duration
	bytes  int64
	// buffer, unless 0, is the size of the socket's receive buffer.
	buffer int
}

// link connects and is told its id.
func (h *host) link(o hop) (l *link, err error) {
	dialer := net.Dialer{Timeout: patience, Control: func(_, _ string, c syscall.RawConn) (err error) {
		if o.buffer == 0 {
			return nil
		}
		failed := c.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, o.buffer)
		})
		if failed != nil {
			return failed
		}
		return err
	}}
	conn, err := dialer.Dial("tcp", h.address)
	if err != nil {
		return nil, err
	}
	l = &link{raw: raw{conn, bufio.NewReader(conn)}, dialect: "mesh/"}
	if o.bytes > 0 {
		l.in = bufio.NewReader(io.LimitReader(conn, o.bytes))
	}
	if o.within > 0 {
		_ = conn.SetDeadline(time.Now().Add(o.within))
	}
	if err := l.shake(o.old); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return l, nil
}

func (l *link) shake(old bool) error {
	request := handshake
	if !old {
		request = strings.TrimSuffix(handshake, "\r\n") + "Sec-WebSocket-Protocol: mesh.v1\r\n\r\n"
	}
	if _, err := l.conn.Write([]byte(request)); err != nil {
		return err
	}
	if err := l.upgraded(); err != nil {
		return err
	}
	f, err := l.frame()
	if err != nil {
		return err
	}
	return json.Unmarshal(f.Payload, &l.id)
}

// upgraded reads the head of the response, which may end anywhere.
func (l *link) upgraded() error {
	for head := ""; ; {
		line, err := l.in.ReadString('\n')
		if err != nil {
			return err
		}
		if head += line; line != "\r\n" {
			continue
		}
		if !strings.HasPrefix(head, "HTTP/1.1 101 ") {
			return fmt.Errorf("the handshake is answered %q", head)
		}
		return nil
	}
}

// closedWith is the code of a close frame.
type closedWith int

// Error implements error.
func (c closedWith) Error() string { return fmt.Sprintf("closed with %d", int(c)) }

// frame reads the next text frame; the error may be a closedWith.
func (l *link) frame() (f frame, err error) {
	for {
		op, payload, err := l.next()
		switch {
		case err != nil:
			return f, err
		case op == opClose:
			return f, closedWith(closeCode(payload))
		case op == opText:
			return f, json.Unmarshal(payload, &f)
		}
	}
}

// tell sends a built-in command, by its name without prefix, without waiting
// for the reply, and returns the id of the request.
func (l *link) tell(command, payload string) (id string, err error) {
	l.last++
	id = strconv.Itoa(l.last)
	_, err = l.conn.Write(text(request(id, l.dialect+command, payload)))
	return id, err
}

// ask calls a built-in command and gives push what comes before the reply.
func (l *link) ask(command, payload string, push func(frame) error) (json.RawMessage, error) {
	id, err := l.tell(command, payload)
	for err == nil {
		var f frame
		if f, err = l.frame(); err != nil {
			break
		}
		if string(f.ID) == id {
			return f.Payload, failed(f.Payload)
		}
		err = push(f)
	}
	return nil, err
}

// unexpected is for those who expect no pushes but what every client gets.
func unexpected(f frame) error {
	switch f.Command {
	case "mesh/assign-id", "rt/assign-id", "ping", "latency", "latency:request":
		return nil
	}
	return fmt.Errorf("unexpected push %s %s", f.Command, f.Payload)
}
