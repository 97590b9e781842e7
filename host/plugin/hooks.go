package plugin

import (
	"context"
	"errors"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/command"
	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/plugin/guest"
	"github.com/mesh-host/mesh-host/host/protocol"
)

var (
	_ command.Authenticator = (*authenticator)(nil)
	_ command.Observer      = (*observer)(nil)
	_ command.RoomObserver  = (*observer)(nil)

	_ command.RecordObserver = (*observer)(nil)
)

// authenticator is a plugin's authenticate hook.
type authenticator struct{ call }

// Authenticate implements command.Authenticator.
func (a *authenticator) Authenticate(ctx context.Context, h *abi.Handshake) (*abi.Identity, error) {
	d := new(decision)
	request := abi.Request{Kind: abi.KindAuthenticate, Name: eventAuthenticate, Detail: h.Append(nil)}
	if err := a.run(ctx, request, d, eventAuthenticate); err != nil {
		return nil, err
	}
	return d.identity, nil
}

// decision receives the answer of an authenticate hook.
type decision struct{ identity *abi.Identity }

// Yield implements guest.Receiver.
func (*decision) Yield() {}

// Receive implements guest.Receiver.
func (d *decision) Receive(a abi.Response) error {
	switch a.Status {
	case abi.StatusContinue:
		return nil // abstains
	case abi.StatusReply:
		return d.accept(a.Body)
	case abi.StatusError, abi.StatusRefuse:
		return refusal(a)
	}
	return guest.Malformed("the status is %d", a.Status)
}

func (d *decision) accept(body []byte) error {
	identity := new(abi.Identity)
	if !protocol.Valid(body) || !protocol.IsObject(body) {
		return guest.Malformed("the identity is not a JSON object")
	}
	if err := decodeStrictly(body, identity); err != nil {
		return guest.Malformed("the identity is wrong: %v", err)
	}
	if identity.User != "" {
		if err := protocol.CheckName(identity.User); err != nil {
			return guest.Malformed("the identity's user: %v", err)
		}
	}
	d.identity = identity
	return nil
}

// The HTTP statuses of a refused handshake.
const (
	minRefusal     = 400
	maxRefusal     = 599
	defaultRefusal = 401
)

func refusal(a abi.Response) error {
	r := &command.Refusal{Status: defaultRefusal, Message: "Refused"}
	if a.Body == nil {
		return r
	}
	var e abi.Error
	if err := e.Decode(a.Body); err != nil {
		return guest.Malformed("the refusal does not decode: %v", err)
	}
	if a.Status == abi.StatusRefuse && e.HTTP != 0 {
		r.Status = int(min(max(e.HTTP, minRefusal), maxRefusal))
	}
	if e.Message != "" {
		r.Message = protocol.CutText(e.Message, maxErrorMessage)
	}
	return r
}

// observer is a plugin's hooks for sessions that come and go, for the rooms that
// they join and leave, and for records; any may be missing.
type observer struct {
	connect, disconnect, join, leave *call
	update, removed                  *recordHook
}

// Connected implements command.Observer.
func (o *observer) Connected(ctx context.Context, s *hub.Session) {
	if o.connect != nil {
		o.connect.notify(ctx, abi.Request{
			Kind: abi.KindConnect, Name: eventConnect,
			ConnectionID: s.ID(), User: s.User(), Metadata: s.Metadata(),
		})
	}
}

// Disconnected implements command.Observer.
func (o *observer) Disconnected(ctx context.Context, s *hub.Session, cause hub.Cause) {
	if o.disconnect == nil {
		return
	}
	departure := abi.Departure{Code: int64(cause.Code), Reason: cause.Reason}
	o.disconnect.notify(ctx, abi.Request{
		Kind: abi.KindDisconnect, Name: eventDisconnect,
		ConnectionID: s.ID(), User: s.User(), Metadata: s.Metadata(),
		Detail: departure.Append(nil),
	})
}

// RoomChanged implements command.RoomObserver.
func (o *observer) RoomChanged(ctx context.Context, e engine.RoomEvent) {
	hook, kind, name := o.leave, abi.KindLeave, eventLeave
	if e.Joined {
		hook, kind, name = o.join, abi.KindJoin, eventJoin
	}
	if hook == nil {
		return
	}
	change := abi.RoomChange{Room: e.Room, Reason: e.Reason}
	hook.notify(ctx, abi.Request{
		Kind: kind, Name: name,
		ConnectionID: e.Connection, User: e.User, Metadata: e.Metadata,
		Detail: change.Append(nil),
	})
}

// patience is how many more times a notification waits for an instance.
const patience = 2

// notify runs a handler that has no one to answer to: what goes wrong is
// logged.
func (c *call) notify(ctx context.Context, request abi.Request) {
	if ctx.Err() != nil {
		return
	}
	err := c.serve(ctx, request, unheard{})
	for range patience {
		if !errors.Is(err, guest.ErrBusy) {
			break
		}
		err = c.serve(ctx, request, unheard{}) // an event is not lost to a busy moment
	}
	if err == nil || ctx.Err() != nil || errors.Is(err, errSuspended) { // which is logged once
		return
	}
	if logged, _ := c.version.explain(err, c.what, request.Name); !logged {
		c.version.fault("plugin did not do its part", c.what, err)
	}
}

// unheard receives the answer of a handler that no one waits for: only an
// error is of interest.
type unheard struct{}

// Yield implements guest.Receiver.
func (unheard) Yield() {}

// Receive implements guest.Receiver.
func (unheard) Receive(a abi.Response) error {
	switch a.Status {
	case abi.StatusContinue, abi.StatusReply:
		return nil
	}
	return failure(a)
}
