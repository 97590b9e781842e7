package plugin

import (
	"context"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/command"
	"github.com/mesh-host/mesh-host/host/plugin/guest"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// commandHandler is a plugin's command.
type commandHandler struct{ call }

var (
	_ command.Handler = (*commandHandler)(nil)
	_ command.Handler = (*middlewareHandler)(nil)
	_ guest.Receiver  = (*commandCall)(nil)
	_ guest.Receiver  = (*middlewareCall)(nil)
)

// Serve implements command.Handler.
func (h *commandHandler) Serve(ctx context.Context, c *command.Call) error {
	return h.run(ctx, requestOf(abi.KindCommand, c), (*commandCall)(c), c.Name)
}

// middlewareHandler is a plugin's middleware.
type middlewareHandler struct{ call }

// Serve implements command.Handler.
func (h *middlewareHandler) Serve(ctx context.Context, c *command.Call) error {
	return h.run(ctx, requestOf(abi.KindMiddleware, c), (*middlewareCall)(c), c.Name)
}

// requestOf describes a command to whoever handles it; middleware is told the
// command's name too, not its own.
func requestOf(kind abi.Kind, c *command.Call) abi.Request {
	return abi.Request{
		Kind: kind, Name: c.Name,
		ConnectionID: c.Session.ID(), User: c.Session.User(), Metadata: c.Session.Metadata(),
		Locals: c.Locals, Payload: c.Payload,
	}
}

// commandCall is a command.Call that receives its handler's answer. It is the
// call itself under another name, so that it costs no memory of its own.
type commandCall command.Call

// Yield implements guest.Receiver.
func (r *commandCall) Yield() { (*command.Call)(r).Yield() }

// Receive implements guest.Receiver.
func (r *commandCall) Receive(a abi.Response) error {
	switch a.Status {
	case abi.StatusContinue:
		return nil // nothing to say: null
	case abi.StatusReply:
		return reply((*command.Call)(r), a.Body)
	}
	return failure(a)
}

// middlewareCall is a command.Call that receives its middleware's answer.
type middlewareCall command.Call

// Yield implements guest.Receiver.
func (r *middlewareCall) Yield() { (*command.Call)(r).Yield() }

// Receive implements guest.Receiver.
func (r *middlewareCall) Receive(a abi.Response) error {
	c := (*command.Call)(r)
	switch a.Status {
	case abi.StatusContinue:
		return amend(c, a)
	case abi.StatusReply:
		return reply(c, a.Body)
	}
	return failure(a)
}

func reply(c *command.Call, body []byte) error {
	if body == nil {
		body = null
	}
	if !protocol.Valid(body) {
		return guest.Malformed("the reply is not JSON")
	}
	c.Reply(body)
	return nil
}

var null = []byte("null")

// amend changes the call as middleware asks: all of it or, where a part is
// malformed, nothing.
func amend(c *command.Call, a abi.Response) error {
	if a.Body != nil && !protocol.Valid(a.Body) {
		return guest.Malformed("the new payload is not JSON")
	}
	if a.Locals != nil && !(protocol.Valid(a.Locals) && protocol.IsObject(a.Locals)) {
		return guest.Malformed("the locals are not a JSON object")
	}
	if a.Body != nil {
		c.SetPayload(a.Body)
	}
	if a.Locals != nil {
		c.AddLocals(a.Locals)
	}
	return nil
}

// failure reads an answer that is an error or a refusal.
func failure(a abi.Response) error {
	switch {
	case a.Status == abi.StatusRefuse && a.Body == nil:
		return protocol.NewError(abi.CodeDenied, "Refused")
	case a.Status != abi.StatusError && a.Status != abi.StatusRefuse:
		return guest.Malformed("the status is %d", a.Status)
	}
	var e abi.Error
	if err := e.Decode(a.Body); err != nil {
		return guest.Malformed("the error does not decode: %v", err)
	}
	return visible(&e)
}

// The bounds of a guest's error, in bytes; what is longer is cut.
const (
	maxErrorWord    = 64
	maxErrorMessage = 4096
)

// visible makes what a client sees of a guest's error.
func visible(e *abi.Error) error {
	if e.Data != nil && !protocol.Valid(e.Data) {
		return guest.Malformed("the error's data is not JSON")
	}
	code := protocol.CutText(e.Code, maxErrorWord)
	if code == "" {
		code = abi.CodeServer
	}
	made := protocol.NewError(code, protocol.CutText(e.Message, maxErrorMessage))
	if e.Name != "" {
		made.Name = protocol.CutText(e.Name, maxErrorWord)
	}
	made.Data = append([]byte(nil), e.Data...) // nil stays nil
	return made
}
