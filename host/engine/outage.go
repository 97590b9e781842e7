package engine

import (
	"context"
	"errors"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// isAway reports whether an error, of the backplane or as it is told, says that
// the store did not answer: what was asked for may have been done or not, and is
// worth another try.
func isAway(err error) bool {
	if e := protocol.AsError(err); e != nil {
		return e.Code == abi.CodeUnavailable
	}
	return errors.Is(err, backplane.ErrUnavailable) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// failed logs what the store did not take from no one who waits for an answer.
// While it is away, thousands may fail alike: one a minute stands for all.
func (e *Engine) failed(what string, err error, args ...any) {
	if isAway(err) && !e.seldom.say(what) {
		return
	}
	e.log.Error(what, append(args, "error", err)...)
}
