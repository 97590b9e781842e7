package transport

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gobwas/ws"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/protocol"
)

var endOfHead = []byte("\r\n\r\n")

// handshake takes a new connection to its session, or to the plain HTTP
// server.
func (s *Server) handshake(conn net.Conn) {
	_ = conn.SetDeadline(time.Now().Add(s.options.HandshakeTimeout))
	head, rest, err := s.readHead(conn)
	switch {
	case err != nil:
		s.refuse(conn, err)
	case !isUpgrade(head):
		_ = conn.SetDeadline(time.Time{})
		s.plain.give(conn, append(head, rest...))
	case len(rest) > 0:
		s.refuse(conn, errEarly)
	default:
		s.upgrade(conn, head)
	}
}

// refusal is an HTTP answer to a handshake that goes no further.
type refusal struct {
	status  int
	message string
}

func (r *refusal) Error() string { return r.message }

var (
	errHeadSize = &refusal{http.StatusRequestHeaderFieldsTooLarge, "request head is larger than handshake.header_size"}
	errEarly    = &refusal{http.StatusBadRequest, "data was sent before the WebSocket handshake had ended"}
)

// readHead reads up to the empty line that ends a request's head. rest is what
// came after it.
func (s *Server) readHead(conn net.Conn) (head, rest []byte, err error) {
	buffer := make([]byte, 0, 1024)
	for {
		if len(buffer) == cap(buffer) {
			buffer = append(buffer, 0)[:len(buffer)]
		}
		n, err := conn.Read(buffer[len(buffer):cap(buffer)])
		searched := max(0, len(buffer)-len(endOfHead))
		buffer = buffer[:len(buffer)+n]
		if i := bytes.Index(buffer[searched:], endOfHead); i >= 0 {
			end := searched + i + len(endOfHead)
			return buffer[:end:end], buffer[end:], nil
		}
		if len(buffer) > s.options.HeaderSize {
			return nil, nil, errHeadSize
		}
		if err != nil {
			return nil, nil, err
		}
	}
}

// isUpgrade reports whether a request asks for the websocket protocol.
func isUpgrade(head []byte) bool {
	for line := range bytes.Lines(head) {
		name, value, ok := bytes.Cut(line, []byte(":"))
		if ok && bytes.EqualFold(bytes.TrimSpace(name), []byte("upgrade")) &&
			bytes.Contains(bytes.ToLower(value), []byte("websocket")) {
			return true
		}
	}
	return false
}

// refuse answers a connection that is no session, where there is anything to
// say, and closes it.
func (s *Server) refuse(conn net.Conn, err error) {
	s.metrics.refused.Add(1)
	var r *refusal
	if errors.As(err, &r) {
		_, _ = fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s",
			r.status, http.StatusText(r.status), len(r.message), r.message)
	}
	_ = conn.Close()
}

// upgrade answers the handshake (RFC 6455 section 4.2). The session is
// registered before the 101 response leaves, and the response, the assign-id
// frames and whatever was pushed meanwhile leave in this order.
func (s *Server) upgrade(conn net.Conn, head []byte) {
	a := &attempt{server: s, conn: conn, handshake: abi.Handshake{Method: http.MethodGet, RemoteAddress: conn.RemoteAddr().String()}}
	var response bytes.Buffer
	_, err := a.upgrader().Upgrade(struct {
		io.Reader
		io.Writer
	}{bytes.NewReader(head), &response})
	if err != nil {
		s.metrics.refused.Add(1)
		s.log.Debug("handshake refused", "remote", conn.RemoteAddr(), "error", err)
		_, _ = conn.Write(response.Bytes())
		_ = conn.Close()
		return
	}
	_ = conn.SetDeadline(time.Time{})
	session, first := a.connection.session, append(response.Bytes(), a.assignID()...)
	if s.start(a.connection) {
		_ = session.Uncork(first)
		return
	}
	session.Close(goingAway)
	_ = session.Uncork(first)
	session.Drain()
	session.End()
}

// attempt is one handshake on its way.
type attempt struct {
	server     *Server
	conn       net.Conn
	handshake  abi.Handshake
	host       string
	origin     string
	offered    []string // subprotocols
	chosen     string
	connection *connection
}

func (a *attempt) upgrader() ws.Upgrader {
	return ws.Upgrader{
		ReadBufferSize: 4096,
		OnRequest:      a.onRequest,
		OnHost: func(host []byte) error {
			a.host = string(host)
			a.addHeader("host", host)
			return nil
		},
		OnHeader:        a.onHeader,
		ProtocolCustom:  a.onProtocol,
		OnBeforeUpgrade: a.beforeUpgrade,
	}
}

func (a *attempt) onRequest(uri []byte) error {
	a.handshake.Path, a.handshake.Query, _ = strings.Cut(string(uri), "?")
	return nil
}

func (a *attempt) onHeader(key, value []byte) error {
	name := strings.ToLower(string(key))
	if name == "origin" {
		a.origin = string(value)
	}
	a.addHeader(name, value)
	return nil
}

func (a *attempt) addHeader(name string, value []byte) {
	a.handshake.Headers = append(a.handshake.Headers, name, string(value))
}

// onProtocol reads the client's offer and takes the one subprotocol that is
// spoken here.
func (a *attempt) onProtocol(value []byte) (string, bool) {
	for name := range strings.SplitSeq(string(value), ",") {
		name = strings.TrimSpace(name)
		a.offered = append(a.offered, name)
		if name == protocol.SubprotocolV1 {
			a.chosen = name
		}
	}
	a.addHeader("sec-websocket-protocol", value)
	return a.chosen, true
}

// beforeUpgrade makes the checks in their order (Origin, limits, subprotocol,
// authentication) and registers the session.
func (a *attempt) beforeUpgrade() (ws.HandshakeHeader, error) {
	o := &a.server.options
	if a.origin != "" && !o.AllowOrigin(a.origin, a.host) {
		return nil, reject(http.StatusForbidden, "origin "+a.origin+" is not allowed (handshake.origins)")
	}
	if a.server.hub.Full() {
		return nil, reject(http.StatusServiceUnavailable, hub.ErrFull.Error())
	}
	if err := a.checkProtocol(); err != nil {
		return nil, err
	}
	identity, refused := a.server.router.Authenticate(a.server.base, o.RequiredAuth, &a.handshake)
	if refused != nil {
		return nil, reject(refused.Status, refused.Message)
	}
	return nil, a.register(identity)
}

// checkProtocol refuses a client that speaks only versions of the protocol
// that are not known here.
func (a *attempt) checkProtocol() error {
	unknown := 0
	for _, name := range a.offered {
		if strings.HasPrefix(name, protocol.SubprotocolFamily) {
			unknown++
		}
	}
	if a.chosen == "" && unknown > 0 && unknown == len(a.offered) {
		return reject(http.StatusBadRequest, "unknown subprotocol; this server speaks: "+protocol.SubprotocolV1)
	}
	return nil
}

func (a *attempt) register(identity *abi.Identity) error {
	info := hub.Info{RemoteAddress: a.handshake.RemoteAddress, Subprotocol: a.chosen}
	if identity != nil {
		info.User, info.Metadata = identity.User, identity.Metadata
	}
	c := newConnection(a.server, a.conn)
	session, err := a.server.hub.Register(c, info)
	if err != nil {
		return reject(http.StatusServiceUnavailable, err.Error())
	}
	c.session = session
	if a.chosen != "" {
		session.SetDialect(protocol.DialectMesh)
	}
	a.connection = c
	return nil
}

// assignID returns the frames that tell the client its connection id.
func (a *attempt) assignID() []byte {
	id := protocol.AppendString(nil, a.connection.session.ID())
	if a.chosen != "" {
		return protocol.AppendPush(nil, protocol.MeshPrefix+"assign-id", id)
	}
	var frames []byte
	for _, prefix := range a.server.options.AssignID {
		frames = protocol.AppendPush(frames, prefix+"/assign-id", id)
	}
	return frames
}

func reject(status int, message string) error {
	return ws.RejectConnectionError(ws.RejectionStatus(status), ws.RejectionReason(message))
}

func newConnection(s *Server, conn net.Conn) *connection {
	c := &connection{server: s, conn: conn, source: newSource(conn)}
	c.in.limit = s.options.MessageSize
	c.lane.limit = s.options.CommandsInFlight
	c.lane.freed.L = &c.lane.mu
	return c
}
