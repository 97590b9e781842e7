package plugin

import (
	"context"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/command"
	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/plugin/guest"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// resolver is what says which records a plugin's collection has.
type resolver struct{ call }

var (
	_ command.Resolver = (*resolver)(nil)
	_ guest.Receiver   = (*resolution)(nil)
)

// Resolve implements command.Resolver.
func (r *resolver) Resolve(ctx context.Context, c *command.Call, collection string) ([]string, error) {
	request := abi.Request{Kind: abi.KindResolve, Name: collection}
	if s := c.Session; s != nil {
		request.ConnectionID, request.User, request.Metadata = s.ID(), s.User(), s.Metadata()
	}
	answer := &resolution{call: c}
	if err := r.run(ctx, request, answer, c.Name); err != nil {
		return nil, err
	}
	return answer.ids, nil
}

// resolution receives a resolver's answer: a list of ids, of which it keeps no
// more than a collection can have.
type resolution struct {
	call *command.Call
	ids  []string
}

// Yield implements guest.Receiver.
func (r *resolution) Yield() { r.call.Yield() }

// Receive implements guest.Receiver.
func (r *resolution) Receive(a abi.Response) error {
	switch a.Status {
	case abi.StatusContinue:
		return nil
	case abi.StatusReply:
		return r.read(a.Body)
	}
	return failure(a)
}

// maxResolved bounds how many ids of an answer are looked at: those that are
// there twice, or that the client may not read, count as well.
const maxResolved = 10 * exposure.MaxCollection

func (r *resolution) read(body []byte) (err error) {
	if !protocol.Valid(body) || !protocol.IsArray(body) {
		return guest.Malformed("the resolver's answer is not a JSON array")
	}
	protocol.EachElement(body, func(element []byte) bool {
		id, ok := protocol.Text(element)
		if !ok {
			err = guest.Malformed("the resolver's answer has an id that is no string")
			return false
		}
		r.ids = append(r.ids, id)
		return len(r.ids) < maxResolved
	})
	return err
}
