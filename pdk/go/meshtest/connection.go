package meshtest

import (
	"fmt"
	"time"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
	"github.com/mesh-host/mesh-host/pdk/go/internal/codec"
)

// Connection is a client's connection.
type Connection struct {
	ID string
	// User is the authenticated user, "" for an anonymous connection.
	User string
	// Metadata is any JSON value, nil: none.
	Metadata mesh.JSON

	since time.Time
}

// Push is a frame that the plugin sent to a connection.
type Push struct {
	Command string
	Payload mesh.JSON
}

// Line is a line that the plugin logged.
type Line struct{ Level, Message string }

// Closure is a connection that the plugin closed.
type Closure struct {
	ConnectionID string
	Code         int
	Reason       string
}

// Authenticate asks the plugin's authenticate hooks in their order who the
// client of a handshake is: the first refusal wins, the first identity stays.
// Neither is an anonymous client. The HTTP status of a refusal is that of the
// *mesh.Error, 401 where the hook gave none.
func (h *Host) Authenticate(handshake mesh.Handshake) (*mesh.Identity, error) {
	detail := codec.AppendString(nil, handshake.Method)
	detail = codec.AppendString(detail, handshake.Path)
	detail = codec.AppendString(detail, handshake.Query)
	detail = codec.AppendStrings(detail, handshake.Headers)
	detail = codec.AppendString(detail, handshake.RemoteAddress)
	defer func() { _ = h.settle() }() // Failures has it
	var identity *mesh.Identity
	for _, hook := range h.hooks("authenticate") {
		out := h.call(hook.Handler, request{kind: kindAuthenticate, name: "authenticate", detail: detail})
		if out.err != nil {
			if out.err.HTTP == 0 {
				out.err.HTTP = 401
			}
			return nil, out.err
		}
		if out.status == statusReply && identity == nil {
			user, _ := out.body.Get("user").AsText()
			identity = &mesh.Identity{User: user, Metadata: out.body.Get("metadata")}
		}
	}
	return identity, nil
}

// Run runs one of the plugin's schedules once.
func (h *Host) Run(schedule string) error {
	s, ok := find(h.registration.Schedules, schedule)
	if !ok {
		return fmt.Errorf("meshtest: there is no schedule %q", schedule)
	}
	out := h.call(s.Handler, request{kind: kindSchedule, name: schedule})
	_ = h.settle() // Failures has it
	if out.err != nil {
		return out.err
	}
	return nil
}

// Pushes returns what a connection has been sent, by the plugin or by what it
// subscribes to, in its order.
func (h *Host) Pushes(connectionID string) []Push {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]Push(nil), h.pushes[connectionID]...)
}

// Closed returns the connections that the plugin has closed, in their order.
func (h *Host) Closed() []Closure {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]Closure(nil), h.closed...)
}

// Logs returns the lines that the plugin has logged.
func (h *Host) Logs() []Line {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]Line(nil), h.logs...)
}

func (h *Host) hooks(event string) []registered {
	return h.registration.inOrder(h.registration.Hooks, func(e registered) bool { return e.Event == event })
}

// sender returns a connection as it is now.
func (h *Host) sender(id string) *Connection {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c, ok := h.connections[id]; ok {
		now := *c
		return &now
	}
	return &Connection{ID: id}
}

func (h *Host) connected(id string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.connections[id] != nil
}
