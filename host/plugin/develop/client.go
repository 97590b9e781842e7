package develop

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/command"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// client is a connection to a sandbox: a session whose socket is a record of
// what it was sent. Its commands are called by one goroutine at a time.
type client struct {
	host    *sandbox
	session *hub.Session
	socket  *recorder
}

// Client says who a client of a test is.
type Client struct {
	// User and Metadata are what it has authenticated as, without asking the
	// plugin.
	User     string          `json:"user,omitempty"`
	Metadata json.RawMessage `json:"metadata,omitempty"`
	// Query and Headers are those of its handshake. With one of them, the
	// plugin's authenticate hook decides who it is.
	Query   string            `json:"query,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
}

// connect opens a session as a handshake would, hooks included.
func (s *sandbox) connect(ctx context.Context, who Client) (*client, error) {
	info := hub.Info{RemoteAddress: "127.0.0.1:1", Subprotocol: protocol.SubprotocolV1, User: who.User, Metadata: who.Metadata}
	if who.Query != "" || len(who.Headers) > 0 {
		h := abi.Handshake{Method: "GET", Path: "/", Query: who.Query, RemoteAddress: info.RemoteAddress}
		for _, name := range sortedKeys(who.Headers) {
			h.Headers = append(h.Headers, name, who.Headers[name])
		}
		identity, refusal := s.router.Authenticate(ctx, nil, &h)
		if refusal != nil {
			return nil, refusal
		}
		if identity != nil {
			info.User, info.Metadata = identity.User, identity.Metadata
		}
	}
	c := &client{host: s, socket: newRecorder()}
	var err error
	if c.session, err = s.hub.Register(c.socket, info); err != nil {
		return nil, err
	}
	c.session.SetDialect(protocol.DialectMesh)
	if err := s.engine.Open(ctx, c.session); err != nil {
		c.session.End()
		return nil, err
	}
	if err := c.session.Uncork(nil); err != nil {
		return nil, errors.Join(err, c.close(ctx))
	}
	s.router.Connected(ctx, c.session)
	return c, nil
}

// close ends the session as a lost connection would.
func (c *client) close(ctx context.Context) error {
	err := c.socket.Close()
	cause := c.session.End()
	c.host.engine.Close(ctx, c.session)
	c.host.router.Disconnected(ctx, c.session, cause)
	return err
}

// call runs a command and returns its reply, a JSON text: null where the
// plugin said nothing.
func (c *client) call(ctx context.Context, name string, payload []byte) (json.RawMessage, *protocol.Error) {
	table := c.host.router.Acquire()
	defer table.Release()
	found, _ := c.host.router.Resolve(table, []byte(name))
	if found == nil {
		return nil, protocol.NotFound(name)
	}
	call := command.NewCall(c.session, found.Name, payload, nil)
	defer call.Release()
	failed := c.host.router.Run(ctx, table, found, call)
	reply := json.RawMessage("null")
	if result := call.Result(); result != nil {
		reply = bytes.Clone(result)
	}
	call.Replied()
	if err := c.session.Flush(); err != nil && failed == nil && c.session.Closing() == nil {
		failed = protocol.NewError(abi.CodeUnavailable, err.Error())
	}
	return reply, failed
}

// Push is what a client was sent without asking.
type Push struct {
	Command string          `json:"command"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

// recorder is a socket that takes everything and keeps the pushes.
type recorder struct {
	mu     sync.Mutex
	bytes  []byte
	pushes []Push
	closed bool
	err    error
	news   chan struct{} // closed and replaced with each change
}

var _ hub.Wire = (*recorder)(nil)

func newRecorder() *recorder { return &recorder{news: make(chan struct{})} }

// Write implements hub.Wire.
func (r *recorder) Write(frames [][]byte) error {
	_, err := r.TryWrite(frames)
	return err
}

// TryWrite implements hub.Wire.
func (r *recorder) TryWrite(frames [][]byte) ([][]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range frames {
		r.bytes = append(r.bytes, f...)
	}
	r.parse()
	close(r.news)
	r.news = make(chan struct{})
	return nil, nil
}

// Close implements hub.Wire.
func (r *recorder) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	return nil
}

// The opcodes of RFC 6455 section 5.2 that a server sends data with.
const opText = 1

// parse takes the whole frames out of the bytes.
func (r *recorder) parse() {
	for {
		op, payload, size := cutFrame(r.bytes)
		if size == 0 {
			return
		}
		if op == opText {
			var push Push
			if err := json.Unmarshal(payload, &push); err != nil {
				r.err = fmt.Errorf("a frame that is no push: %w", err)
			} else {
				r.pushes = append(r.pushes, push)
			}
		}
		r.bytes = r.bytes[size:]
	}
}

// cutFrame reads a server's frame (RFC 6455 section 5.2), which is not masked;
// size is 0 where it is not there whole.
func cutFrame(b []byte) (op byte, payload []byte, size int) {
	if len(b) < 2 {
		return 0, nil, 0
	}
	head, length := 2, uint64(b[1]&0x7F)
	switch {
	case length == 126 && len(b) >= 4:
		head, length = 4, uint64(binary.BigEndian.Uint16(b[2:]))
	case length == 127 && len(b) >= 10:
		head, length = 10, binary.BigEndian.Uint64(b[2:])
	case length >= 126:
		return 0, nil, 0
	}
	if length > uint64(len(b)-head) {
		return 0, nil, 0
	}
	size = head + int(length)
	return b[0] & 0x0F, bytes.Clone(b[head:size]), size
}

// since returns the pushes from the n-th on, and what is closed when there is
// more.
func (r *recorder) since(n int) (pushes []Push, more <-chan struct{}, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Push(nil), r.pushes[min(n, len(r.pushes)):]...), r.news, r.err
}

// forget drops the pushes: a measurement does not look at them.
func (r *recorder) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pushes = nil
}
