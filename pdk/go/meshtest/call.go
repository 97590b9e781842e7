package meshtest

import (
	"encoding/json"
	"fmt"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
	"github.com/mesh-host/mesh-host/pdk/go/internal/codec"
)

// The kinds of call.
const (
	kindCommand      = 1
	kindMiddleware   = 2
	kindGuard        = 3
	kindAuthenticate = 4
	kindConnect      = 5
	kindDisconnect   = 6
	kindSchedule     = 7
	kindJoin         = 8
	kindLeave        = 9
	kindResolve      = 10
	kindUpdate       = 11
	kindRemoved      = 12
)

// The outcomes of a call.
const (
	statusContinue = 0
	statusReply    = 1
	statusError    = 2
	statusRefuse   = 3
)

// request is what a call carries; empty text and nil are absent.
type request struct {
	kind                    int64
	name                    string
	connection              *Connection
	locals, payload, detail []byte
}

func (r *request) encode() []byte {
	b := codec.AppendInt(nil, r.kind)
	b = codec.AppendString(b, r.name)
	var c Connection
	if r.connection != nil {
		c = *r.connection
	}
	b = codec.AppendOptionalString(b, c.ID)
	b = codec.AppendOptionalString(b, c.User)
	b = codec.AppendBytes(b, c.Metadata)
	b = codec.AppendBytes(b, r.locals)
	b = codec.AppendBytes(b, r.payload)
	return codec.AppendBytes(b, r.detail)
}

type response struct {
	status       int64
	body, locals mesh.JSON
	err          *mesh.Error
}

// call runs one handler. Rubbish is an EPLUGIN error, as it is for clients.
func (h *Host) call(handler uint32, r request) response {
	var answer []byte
	encoded := r.encode()
	h.enter(func() { answer = h.guest.Call(handler, encoded) })
	f := codec.Decode(answer)
	status, _ := f.Int()
	out := response{status: status, body: f.Bytes(), locals: f.Bytes()}
	switch {
	case f.Err() != nil:
		return rubbish("the response is malformed")
	case status == statusError || status == statusRefuse:
		out.err = decodeError(out.body)
		if out.err.Data != nil && !json.Valid(out.err.Data) {
			return rubbish(fmt.Sprintf("the error's data is no JSON: %q", out.err.Data))
		}
		return out
	case status != statusContinue && status != statusReply:
		return rubbish(fmt.Sprintf("status %d is unknown", status))
	case out.body != nil && !json.Valid(out.body):
		return rubbish(fmt.Sprintf("the body is no JSON: %q", out.body))
	case out.locals != nil && (!json.Valid(out.locals) || !out.locals.IsObject()):
		return rubbish(fmt.Sprintf("the locals are no JSON object: %q", out.locals))
	}
	return out
}

func rubbish(message string) response {
	return response{status: statusError, err: mesh.NewError(mesh.CodePlugin, message)}
}

// decodeError reads an error and fills in what the host does for a client.
func decodeError(message []byte) *mesh.Error {
	f := codec.Decode(message)
	e := &mesh.Error{Code: f.String(), Name: f.String(), Message: f.String(), Data: f.Bytes()}
	status, _ := f.Int()
	e.HTTP = int(status)
	if e.Code == "" {
		e.Code = mesh.CodeServer
	}
	if e.Name == "" {
		e.Name = mesh.NewError(e.Code, "").Name
	}
	if e.Name == "" {
		e.Name = "Error"
	}
	return e
}

// Call lets a connection send a command: the plugin's global middleware runs
// by its order, then the command's own, then the handler. The payload is JSON
// text, "": none. It returns the reply's payload, or the client's error as a
// *mesh.Error. An unknown connection is an anonymous one of that id.
func (h *Host) Call(connectionID, command, payload string) (mesh.JSON, error) {
	c, ok := find(h.registration.Commands, command)
	if !ok {
		return nil, mesh.NewError(mesh.CodeNotFound, fmt.Sprintf("Command %q not found", command))
	}
	r := request{name: command, connection: h.sender(connectionID)}
	if payload != "" {
		r.payload = []byte(payload)
	}
	chain := h.global()
	for _, name := range c.Middleware {
		own, _ := find(h.registration.Middleware, name)
		chain = append(chain, own)
	}
	reply, err := h.run(chain, c.Handler, r)
	_ = h.settle() // Failures has it
	return reply, err
}

// Pass lets a connection send a command that is not this plugin's, such as
// mesh/join-room, through the plugin's global middleware. It returns nil and
// no error where they let it pass.
func (h *Host) Pass(connectionID, command, payload string) (mesh.JSON, error) {
	r := request{name: command, connection: h.sender(connectionID), payload: []byte(payload)}
	reply, _, err := h.middleware(h.global(), &r)
	_ = h.settle() // Failures has it
	return reply, err
}

// global returns the middleware that runs before every command.
func (h *Host) global() []registered {
	return h.registration.inOrder(h.registration.Middleware, func(m registered) bool { return m.Global })
}

func (h *Host) run(chain []registered, handler uint32, r request) (mesh.JSON, error) {
	reply, done, err := h.middleware(chain, &r)
	if done || err != nil {
		return reply, err
	}
	r.kind = kindCommand
	out := h.call(handler, r)
	if out.err != nil {
		return nil, out.err
	}
	if out.body == nil {
		return mesh.JSON("null"), nil
	}
	return out.body, nil
}

// middleware runs the chain; done where one of it has answered.
func (h *Host) middleware(chain []registered, r *request) (reply mesh.JSON, done bool, err error) {
	r.kind = kindMiddleware
	for _, m := range chain {
		out := h.call(m.Handler, *r)
		if out.err != nil {
			return nil, true, out.err
		}
		if out.status == statusReply {
			return out.body, true, nil
		}
		if out.body != nil {
			r.payload = out.body
		}
		if out.locals != nil {
			r.locals = merge(r.locals, out.locals)
		}
	}
	return nil, false, nil
}

// merge lays the members of an object over those of another.
func merge(under, over []byte) []byte {
	members := map[string]json.RawMessage{}
	for _, object := range [][]byte{under, over} {
		if object != nil {
			_ = json.Unmarshal(object, &members) // both are checked objects
		}
	}
	merged, _ := json.Marshal(members)
	return merged
}
