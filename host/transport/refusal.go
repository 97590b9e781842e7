package transport

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/gobwas/ws"
)

// refusal is an HTTP answer to a handshake that goes no further.
type refusal struct {
	status  int
	message string
}

func (r *refusal) Error() string { return r.message }

var (
	errHeadSize  = &refusal{http.StatusRequestHeaderFieldsTooLarge, "request head is larger than handshake.header_size"}
	errEarly     = &refusal{http.StatusBadRequest, "data was sent before the WebSocket handshake had ended"}
	errNotHTTP   = &refusal{http.StatusBadRequest, "this is not an HTTP request"}
	errMalformed = &refusal{http.StatusBadRequest, "malformed HTTP request"}
	errKey       = &refusal{http.StatusBadRequest, "Sec-WebSocket-Key is not 16 bytes in base64"}
)

// asRefusal returns the answer to a handshake that failed with err.
func asRefusal(err error) *refusal {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r
	}
	if r, ok := errors.AsType[*ws.ConnectionRejectedError](err); ok {
		return &refusal{r.StatusCode(), r.Error()}
	}
	return errMalformed
}

// response is the whole answer. Two statuses owe the client headers: RFC 6455
// section 4.4, RFC 9110 sections 15.5.6 and 15.5.22.
func (r *refusal) response() []byte {
	extra := ""
	switch r.status {
	case http.StatusUpgradeRequired:
		extra = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
	case http.StatusMethodNotAllowed:
		extra = "Allow: GET\r\n"
	}
	return fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n%sContent-Length: %d\r\n\r\n%s",
		r.status, http.StatusText(r.status), extra, len(r.message), r.message)
}

// refuse answers a connection that is no session, where there is anything to
// say, and closes it.
func (s *Server) refuse(conn net.Conn, err error) {
	s.metrics.refused.Add(1)
	s.log.Debug("handshake refused", "remote", conn.RemoteAddr(), "error", err)
	if r, ok := errors.AsType[*refusal](err); ok {
		_ = conn.SetDeadline(time.Now().Add(lingerTime))
		_, _ = conn.Write(r.response())
		linger(conn)
	}
	_ = conn.Close()
}

// How long and for how many bytes a refused client is still read from.
const (
	lingerTime = time.Second
	lingerSize = 256 << 10
)

// linger waits for the peer to end the connection: closing a socket with
// unread data resets it, and the peer might never read why (RFC 9112 section
// 9.6).
func linger(conn net.Conn) {
	if half, ok := conn.(halfCloser); ok && half.CloseWrite() == nil {
		_, _ = io.CopyN(io.Discard, conn, lingerSize)
	}
}

// halfCloser is a connection that can end one direction.
type halfCloser interface{ CloseWrite() error }
