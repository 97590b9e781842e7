package transport

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gobwas/ws"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// handshake takes a new connection to its session, or to the plain HTTP
// server.
func (s *Server) handshake(conn net.Conn, deadline time.Time) {
	head, rest, err := s.readHead(conn)
	switch {
	case err != nil:
		s.refuse(conn, err)
	case !isUpgrade(head):
		s.settled(conn)
		_ = conn.SetDeadline(time.Time{})
		s.plain.give(conn, append(head, rest...))
	case len(rest) > 0:
		s.refuse(conn, errEarly)
	default:
		s.upgrade(conn, head, deadline)
	}
}

// upgrade answers the handshake (RFC 6455 section 4.2). The session is
// registered before the 101 response leaves, and the response, the assign-id
// frames and whatever was pushed meanwhile leave in this order.
func (s *Server) upgrade(conn net.Conn, head []byte, deadline time.Time) {
	if err := checkHead(head); err != nil {
		s.refuse(conn, err)
		return
	}
	a := &attempt{
		server: s, conn: conn, deadline: deadline,
		handshake: abi.Handshake{Method: http.MethodGet, RemoteAddress: conn.RemoteAddr().String()},
	}
	var response bytes.Buffer
	_, err := a.upgrader().Upgrade(struct {
		io.Reader
		io.Writer
	}{bytes.NewReader(head), &response})
	if err != nil {
		s.refuse(conn, asRefusal(err))
		return
	}
	_ = conn.SetDeadline(time.Time{})
	session, first := a.connection.session, append(response.Bytes(), a.assignID()...)
	if s.start(a.connection, first) {
		return
	}
	session.Close(goingAway)
	_ = session.Uncork(first)
	session.Drain()
	a.connection.end()
}

// attempt is one handshake on its way.
type attempt struct {
	server     *Server
	conn       net.Conn
	deadline   time.Time
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

// onRequest reads the request's target, in origin or absolute form (RFC 9112
// section 3.2).
func (a *attempt) onRequest(uri []byte) error {
	target := string(uri)
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return errMalformed
	}
	if u.Host != "" && target[0] != '/' {
		_, rest, _ := strings.Cut(target, "://")
		target = "/" + strings.TrimPrefix(rest[min(len(rest), strings.IndexAny(rest+"/", "/?")):], "/")
	}
	if target[0] != '/' {
		return errMalformed
	}
	a.handshake.Path, a.handshake.Query, _ = strings.Cut(asText(target), "?")
	return nil
}

// asText replaces what is not UTF-8: hooks are given text, and of a message with
// other bytes in it a plugin may find nothing at all.
func asText(sent string) string { return strings.ToValidUTF8(sent, "\uFFFD") }

func (a *attempt) onHeader(key, value []byte) error {
	name := asText(strings.ToLower(string(key)))
	if name == "origin" {
		a.origin = string(value)
	}
	a.addHeader(name, value)
	return nil
}

func (a *attempt) addHeader(name string, value []byte) {
	a.handshake.Headers = append(a.handshake.Headers, name, asText(string(value)))
}

// onProtocol reads the client's offer and takes the one subprotocol that is
// spoken here.
func (a *attempt) onProtocol(value []byte) (string, bool) {
	for name := range strings.SplitSeq(string(value), ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue // RFC 9110 section 5.6.1
		}
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
		return nil, &refusal{http.StatusForbidden, "origin " + a.origin + " is not allowed (handshake.origins)"}
	}
	if a.server.hub.Full() {
		return nil, &refusal{http.StatusServiceUnavailable, hub.ErrFull.Error()}
	}
	if err := a.checkProtocol(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithDeadline(a.server.base, a.deadline)
	defer cancel()
	identity, refused := a.server.router.Authenticate(ctx, o.RequiredAuth, &a.handshake)
	switch {
	case refused != nil:
		return nil, &refusal{refused.Status, refused.Message}
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, &refusal{http.StatusServiceUnavailable, "authentication took longer than handshake.timeout"}
	}
	return nil, a.register(ctx, identity)
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
		return &refusal{http.StatusBadRequest, "unknown subprotocol; this server speaks: " + protocol.SubprotocolV1}
	}
	return nil
}

func (a *attempt) register(ctx context.Context, identity *abi.Identity) error {
	info := hub.Info{RemoteAddress: a.handshake.RemoteAddress, Subprotocol: a.chosen}
	if identity != nil {
		info.User, info.Metadata = identity.User, identity.Metadata
	}
	if limit := a.server.options.MetadataSize; limit > 0 && len(info.Metadata) > limit {
		a.server.log.Error("handshake refused: an identity's metadata is larger than limits.metadata_size", "size", len(info.Metadata))
		return &refusal{http.StatusServiceUnavailable, "authentication is not available, try again later"}
	}
	c := newConnection(a.server, a.conn)
	session, err := a.server.hub.Register(c, info)
	if err != nil {
		return &refusal{http.StatusServiceUnavailable, err.Error()}
	}
	c.session = session
	if a.chosen != "" {
		session.SetDialect(protocol.DialectMesh)
	}
	if sessions := a.server.options.Sessions; sessions != nil {
		if err := sessions.Open(ctx, session); err != nil {
			c.refused.Store(true)
			session.End()
			if e := protocol.AsError(err); e == nil || e.Code != abi.CodeUnavailable { // which is logged once for all
				a.server.log.Error("handshake refused: the session could not be opened", "error", err)
			}
			return &refusal{http.StatusServiceUnavailable, "the server is not available, try again later"}
		}
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

func newConnection(s *Server, conn net.Conn) *connection {
	c := &connection{server: s, conn: conn, source: newSource(conn), sink: newSink(conn)}
	c.in.limit = s.options.MessageSize
	c.lane.limit = s.options.CommandsInFlight
	c.lane.freed.L = &c.lane.mu
	return c
}
