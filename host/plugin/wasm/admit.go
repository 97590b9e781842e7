package wasm

import (
	"context"
	"crypto/rand"
	"math"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/operation"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// Caller is who the host calls of the call that the slot serves are made by.
func (s *Slot) Caller() operation.Caller {
	o := &s.pool.options
	return operation.Caller{Plugin: o.Name, Version: o.Version, Call: s.id, Origins: o.Access.Origins()}
}

// Admit counts a host call and holds it against the plugin's rate and what it
// may ask for. index is capability.IndexOf of the operation, which needs a
// capability, and request is in the flat codec. The error is a *protocol.Error,
// for the guest.
//
// Only every so many calls look at what instances share.
func (s *Slot) Admit(ctx context.Context, index int, request []byte) error {
	s.hostCalls++
	if s.allowed--; s.allowed < 0 {
		if err := s.draw(); err != nil {
			return err
		}
	}
	access := s.pool.options.Access
	if !access.Bounded(index) {
		return nil
	}
	err := access.Check(ctx, index, request)
	switch {
	case err == nil:
		return nil
	case protocol.AsError(err) == nil: // the deadline passed
		return protocol.NewError(abi.CodeTimeout, "The call's deadline has passed")
	}
	s.pool.counters.HostCallsDenied.Add(1)
	return err
}

// draw takes a portion of the plugin's host calls, one of them for this call.
func (s *Slot) draw() error {
	s.allowed = math.MaxInt
	if rate := s.pool.options.HostCalls; rate != nil {
		s.allowed = rate.Take() - 1
	}
	if s.allowed < 0 {
		s.allowed = 0
		s.pool.counters.HostCallsLimited.Add(1)
		return errTooManyHostCalls
	}
	return nil
}

// giveBack returns what is left of the portion.
func (s *Slot) giveBack() {
	if rate := s.pool.options.HostCalls; rate != nil && s.allowed > 0 {
		rate.Give(s.allowed)
		s.allowed = 0
	}
}

var errTooManyHostCalls = protocol.NewError(abi.CodeRateLimit, "More host calls than plugins.<name>.host_calls a second")

// Visible returns what the guest in a slot is told about an error of one of its
// host calls. What is not for plugins to see is logged.
func (r *Runtime) Visible(s *Slot, operation string, err error) *protocol.Error {
	if e := protocol.AsError(err); e != nil {
		return e
	}
	ref := rand.Text()[:12]
	o := &s.pool.options
	r.log.Error("host call failed", "operation", operation,
		"plugin", o.Name, "version", o.Version, "call", s.id, "ref", ref, "error", err)
	return protocol.Internal(ref)
}
