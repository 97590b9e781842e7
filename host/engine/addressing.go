package engine

import (
	"context"
	"slices"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// SendTo pushes {command, payload} once to each connection of an audience, and
// returns how many took it; names that nothing has are passed over. payload is
// JSON text, nil for null. A connection that reads too slowly is closed
// instead. It fails with EPAYLOAD or ETOOLARGE.
func (e *Engine) SendTo(ctx context.Context, to backplane.Audience, command string, payload []byte) (int, error) {
	if err := e.checkAudience(to); err != nil {
		return 0, err
	}
	if err := e.checkPush(command, payload); err != nil {
		return 0, err
	}
	defer e.hub.Relieve()
	sent, err := e.node.Bus().Instruct(ctx, to, backplane.Instruction{Push: &backplane.Push{Command: command, Payload: payload}})
	if err != nil {
		return 0, storeError("send", err)
	}
	return sent, nil
}

func (e *Engine) checkPush(command string, payload []byte) error {
	if err := protocol.CheckApplicationName(command); err != nil {
		return payloadError("command", "%v", err)
	}
	if len(payload) > e.limits.ReplySize {
		return tooLarge("payload", len(payload), e.limits.ReplySize, "limits.reply_size")
	}
	if payload == nil {
		return nil
	}
	return checkJSON("payload", payload)
}

func (e *Engine) checkAudience(to backplane.Audience) error {
	if err := e.checkCount("to", to.Names); err != nil {
		return err
	}
	if to.Scope == backplane.InRoom {
		for _, name := range to.Names {
			if err := checkName("roomName", name); err != nil {
				return err
			}
		}
	}
	return e.checkCount("exclude", to.Except)
}

func (e *Engine) checkCount(field string, names []string) error {
	if len(names) > e.limits.Receivers {
		return payloadError(field, "%d names are more than the %d that one call may list; split the list or broadcast", len(names), e.limits.Receivers)
	}
	return nil
}

// set answers whether a name is in a list: a short one is searched as it is, a
// long one through an index from name to first position.
type set struct {
	list  []string
	index map[string]int
}

// shortList is the length up to which a search beats making an index.
const shortList = 16

func newSet(list []string) set {
	s := set{list: list}
	if len(list) > shortList {
		s.index = make(map[string]int, len(list))
		for i, name := range list {
			if _, ok := s.index[name]; !ok {
				s.index[name] = i
			}
		}
	}
	return s
}

func (s *set) has(name string) bool {
	if s.index == nil {
		return slices.Contains(s.list, name)
	}
	_, ok := s.index[name]
	return ok
}

// first reports whether a name's first position in the list is i.
func (s *set) first(name string, i int) bool {
	if s.index == nil {
		return !slices.Contains(s.list[:i], name)
	}
	return s.index[name] == i
}

// Disconnect closes the connections of an audience with a close code that a
// server may send (0 is 4003) and a reason, and returns how many there were.
// It returns before they have ended. It fails with EPAYLOAD.
func (e *Engine) Disconnect(ctx context.Context, to backplane.Audience, code int64, reason string) (int, error) {
	if code == 0 {
		code = abi.CloseKicked
	}
	if !sendable(code) {
		return 0, payloadError("code", "%d is no close code that a server may send: use 1000, 1001, 1008, 1011, 1013 or 4000 to 4999", code)
	}
	if err := checkReason(reason); err != nil {
		return 0, err
	}
	closed, err := e.node.Bus().Instruct(ctx, to, backplane.Instruction{Close: &backplane.Close{Code: int(code), Reason: reason}})
	if err != nil {
		return 0, storeError("disconnect", err)
	}
	return closed, nil
}

func sendable(code int64) bool {
	switch code {
	case abi.CloseNormal, abi.CloseGoingAway, abi.ClosePolicyViolation, abi.CloseInternalError, abi.CloseTryAgainLater:
		return true
	}
	return code >= 4000 && code <= 4999
}
