package command

import (
	"context"
	"errors"
	"fmt"

	"github.com/mesh-host/mesh-host/abi"
)

// Refusal is an answer to a handshake: no.
type Refusal struct {
	// Status is the HTTP status, 400 to 599.
	Status int
	// Message is the body, for people.
	Message string
}

// Error implements error.
func (r *Refusal) Error() string { return fmt.Sprintf("refused with %d: %s", r.Status, r.Message) }

// errUnavailable answers a handshake that no one could decide on.
var errUnavailable = &Refusal{Status: 503, Message: "authentication is not available, try again later"}

// Authenticate asks the authenticators in order: the first refusal wins, the
// first identity stays. It is refused with 503 where one of them fails, or
// where a plugin named in required is not loaded or has no authenticate hook,
// so that deleting, breaking or replacing a guard never opens the door. The
// identity is nil for an anonymous session.
func (r *Router) Authenticate(ctx context.Context, required []string, h *abi.Handshake) (*abi.Identity, *Refusal) {
	t := r.Acquire()
	defer t.Release()
	if plugin := t.Missing(required); plugin != "" {
		r.log.Error("handshake refused: a plugin named in auth.require is not loaded or does not authenticate", "plugin", plugin)
		return nil, errUnavailable
	}
	var identity *abi.Identity
	for _, a := range t.Authenticators {
		found, err := a.Authenticate(ctx, h)
		var refusal *Refusal
		switch {
		case errors.As(err, &refusal):
			return nil, refusal
		case err != nil:
			r.log.Error("handshake refused: an authenticate hook failed", "error", err)
			return nil, errUnavailable
		case identity == nil:
			identity = found
		}
	}
	return identity, nil
}
