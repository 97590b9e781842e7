package hub

import (
	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// Cause says how a session ended.
type Cause struct {
	// Code is the close code; 1006 where the peer vanished without one.
	Code int
	// Reason is the close reason.
	Reason string
}

// Gone is the cause of a session whose peer vanished (RFC 6455 section 7.4.1,
// code 1006 is never sent).
var Gone = Cause{Code: 1006, Reason: "connection lost"}

var slowConsumer = Cause{Code: abi.CloseSlowConsumer, Reason: "slow consumer"}

// Close ends the session with a close frame. It never blocks; the first cause
// stays. The peer has liveness.close_timeout to answer before the socket is
// closed.
func (s *Session) Close(cause Cause) {
	s.outbox.mu.Lock()
	defer s.outbox.mu.Unlock()
	s.closeLocked(cause)
}

func (s *Session) closeLocked(cause Cause) {
	if !s.closing.CompareAndSwap(nil, &cause) {
		return
	}
	if cause == slowConsumer {
		s.hub.slow.disconnected.Add(1)
	}
	if o := &s.outbox; o.open() {
		if cause.Code == abi.CloseSlowConsumer {
			o.clear() // it would not read it in time
		}
		b := o.next()
		b.bytes = protocol.AppendClose(b.bytes, cause.Code, cause.Reason)
		o.seal()
		s.flushLater()
	}
	s.hub.wheel.Schedule(&s.deadline, s.hub.limits.CloseTimeout)
}

// expire is what the deadline timer does.
func (s *Session) expire() { s.abandon(Gone) }

// abandon ends the session without a close frame: there is no one to read it.
func (s *Session) abandon(cause Cause) {
	s.closing.CompareAndSwap(nil, &cause)
	_ = s.wire.Close()
}

// PeerClosed takes note of the peer's close frame, answers it unless it was
// itself an answer, and closes the socket. reply is the code to answer with, 0
// for none.
func (s *Session) PeerClosed(cause Cause, reply int, reason string) {
	if s.closing.CompareAndSwap(nil, &cause) {
		s.answerClose(reply, reason)
		s.hub.wheel.Schedule(&s.deadline, s.hub.limits.CloseTimeout)
	}
	s.Drain()
	_ = s.wire.Close()
}

func (s *Session) answerClose(code int, reason string) {
	o := &s.outbox
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.open() {
		b := o.next()
		b.bytes = protocol.AppendClose(b.bytes, code, reason)
		o.seal()
	}
}

// Closing returns the cause of the session's end, nil while it is open.
func (s *Session) Closing() *Cause { return s.closing.Load() }

// End takes the session and its subscriptions out of the hub after its socket
// has closed, waits for its last flush, and returns the cause.
func (s *Session) End() Cause {
	s.abandon(Gone)
	s.outbox.mu.Lock()
	s.outbox.kill()
	s.outbox.mu.Unlock()
	s.stopLiveness()
	s.hub.wheel.Stop(&s.deadline)
	s.EndSubscriptions()
	s.tasks.Wait()
	s.hub.remove(s)
	return *s.closing.Load()
}
