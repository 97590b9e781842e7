package plugin

import (
	"context"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/command"
	"github.com/mesh-host/mesh-host/host/plugin/guest"
)

// guardHandler is a plugin's guard.
type guardHandler struct{ call }

var (
	_ command.Guard  = (*guardHandler)(nil)
	_ guest.Receiver = (*guardCall)(nil)
)

// Ask implements command.Guard.
func (h *guardHandler) Ask(ctx context.Context, c *command.Call, name string, a abi.Access, value []byte) error {
	request := abi.Request{
		Kind: abi.KindGuard, Name: name,
		ConnectionID: c.Session.ID(), User: c.Session.User(), Metadata: c.Session.Metadata(),
		Payload: value, Detail: a.Append(nil),
	}
	return h.run(ctx, request, (*guardCall)(c), c.Name)
}

// guardCall is a command.Call that receives a guard's answer: only continuing
// allows.
type guardCall command.Call

// Yield implements guest.Receiver.
func (r *guardCall) Yield() { (*command.Call)(r).Yield() }

// Receive implements guest.Receiver.
func (r *guardCall) Receive(a abi.Response) error {
	if a.Status == abi.StatusContinue {
		return nil
	}
	return failure(a)
}
