package hub

import (
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// Wire is a session's socket. Write is never called by two goroutines at once
// and may block; Close may be called at any time, any number of times, and
// ends a blocked Write.
type Wire interface {
	Write(frames []byte) error
	Close() error
}

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

// Info is what a handshake has settled about a session.
type Info struct {
	// RemoteAddress is the peer's host:port.
	RemoteAddress string
	// Subprotocol is the one agreed on, "" where none was offered.
	Subprotocol string
	// User is the authenticated user, "" for an anonymous session.
	User string
	// Metadata is JSON text, nil for none.
	Metadata json.RawMessage
}

// Session is one client's connection as the server sees it: identity,
// metadata, outbox, liveness, close cause. It is safe for concurrent use.
type Session struct {
	id   string
	info Info
	hub  *Hub
	wire Wire

	metadata atomic.Pointer[json.RawMessage]
	dialect  atomic.Uint32
	outbox   outbox
	tasks    sync.WaitGroup // flushes on goroutines of their own
	// flushTask is flushSoon, bound once: starting it allocates nothing.
	flushTask func()
	// heartbeat drives liveness while the session is open; deadline ends the
	// wait for the peer's close frame.
	heartbeat, deadline Timer
	liveness            liveness

	closing atomic.Pointer[Cause]
}

// ID returns the connection's id: opaque, unguessable, new for every
// connection.
func (s *Session) ID() string { return s.id }

// User returns the authenticated user, "" for an anonymous session.
func (s *Session) User() string { return s.info.User }

// RemoteAddress returns the peer's host:port.
func (s *Session) RemoteAddress() string { return s.info.RemoteAddress }

// Subprotocol returns the subprotocol agreed on, "" for none.
func (s *Session) Subprotocol() string { return s.info.Subprotocol }

// Metadata returns the connection's metadata as JSON text, nil where none was
// set. It must not be changed.
func (s *Session) Metadata() json.RawMessage {
	if m := s.metadata.Load(); m != nil {
		return *m
	}
	return nil
}

// UpdateMetadata replaces the metadata by what change makes of it, atomically;
// change may run more than once. It returns the metadata in place afterwards,
// and change's error, which leaves everything as it was.
func (s *Session) UpdateMetadata(change func(json.RawMessage) (json.RawMessage, error)) (json.RawMessage, error) {
	for {
		old := s.metadata.Load()
		var before json.RawMessage
		if old != nil {
			before = *old
		}
		after, err := change(before)
		if err != nil {
			return before, err
		}
		if s.metadata.CompareAndSwap(old, &after) {
			return after, nil
		}
	}
}

// Dialect returns the spelling of the server's own names for this session.
func (s *Session) Dialect() protocol.Dialect { return protocol.Dialect(s.dialect.Load()) }

// SetDialect settles the dialect with the session's first built-in call; later
// calls change nothing.
func (s *Session) SetDialect(d protocol.Dialect) {
	if d != protocol.DialectUnknown && s.dialect.Load() == uint32(protocol.DialectUnknown) {
		s.dialect.CompareAndSwap(uint32(protocol.DialectUnknown), uint32(d))
	}
}

// Reply adds a reply's frame to the outbox; id, command
// and payload are JSON text, id and command as the client sent them; a nil
// payload is null. The caller flushes; it must before it produces more where
// Reply returns true.
func (s *Session) Reply(id, command, payload []byte) (full bool) {
	o := &s.outbox
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.open() {
		o.pending = protocol.AppendReply(o.pending, id, command, payload)
	}
	return len(o.pending) >= highWater
}

// Pong answers a ping frame. The caller flushes. Where the last pong has not
// left yet, further ones are dropped with the outbox's bound: RFC 6455 section
// 5.5.3 asks for an answer to the latest ping only.
func (s *Session) Pong(payload []byte) {
	s.outbox.mu.Lock()
	defer s.outbox.mu.Unlock()
	if len(s.outbox.pending) < s.hub.limits.Outbox && s.outbox.open() {
		s.outbox.pending = protocol.AppendPong(s.outbox.pending, payload)
	}
}

// Push hands over an encoded frame and reports whether the session took it. It
// never blocks. A single frame is always accepted into an empty outbox; beyond
// limits.outbox the session is closed as a slow consumer.
func (s *Session) Push(frame []byte) bool {
	o := &s.outbox
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.open() {
		return false
	}
	if o.pushed > 0 && o.pushed+len(frame) > s.hub.limits.Outbox {
		cause := Cause{Code: abi.CloseSlowConsumer, Reason: "slow consumer"}
		s.closeLocked(cause)
		return false
	}
	o.pending = append(o.pending, frame...)
	o.pushed += len(frame)
	s.flushLater()
	return true
}

// flushLater writes on a goroutine of its own; the outbox is locked. Frames
// that are pushed before it runs leave with the same write.
func (s *Session) flushLater() {
	if s.outbox.called || !s.outbox.idle() {
		return
	}
	s.outbox.called = true
	s.tasks.Add(1)
	go s.flushTask()
}

// flushSoon is what runs on the goroutine of flushLater.
func (s *Session) flushSoon() {
	defer s.tasks.Done()
	s.outbox.mu.Lock()
	s.outbox.called = false
	s.outbox.mu.Unlock()
	if _, err := s.outbox.flush(s.wire.Write, true); err != nil {
		s.abandon(Gone)
	}
}

// Flush writes what is pending, and not what others push meanwhile: that would
// hold the caller for as long as they do. It blocks as long as the socket does;
// the error says that the socket is gone.
func (s *Session) Flush() error {
	rest, err := s.outbox.flush(s.wire.Write, false)
	if err != nil {
		s.abandon(Gone)
	}
	if rest {
		s.outbox.mu.Lock()
		defer s.outbox.mu.Unlock()
		s.flushLater()
	}
	return err
}

// Drain flushes and waits until everything is written, by whichever goroutine,
// or the socket is gone.
func (s *Session) Drain() {
	_ = s.Flush()
	s.outbox.drain()
}

// Uncork lets frames out, first ones ahead of whatever was pushed meanwhile:
// the handshake's response and the assign-id frames.
func (s *Session) Uncork(first []byte) error {
	o := &s.outbox
	o.mu.Lock()
	if !o.dead {
		o.pending = append(first, o.pending...)
	}
	o.corked = false
	o.mu.Unlock()
	s.startLiveness()
	return s.Flush()
}

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
	if o := &s.outbox; o.open() {
		if cause.Code == abi.CloseSlowConsumer {
			o.pending, o.pushed = o.pending[:0], 0 // it would not read them in time
		}
		o.pending = protocol.AppendClose(o.pending, cause.Code, cause.Reason)
		o.sealed = true
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
		s.outbox.mu.Lock()
		if s.outbox.open() {
			s.outbox.pending = protocol.AppendClose(s.outbox.pending, reply, reason)
			s.outbox.sealed = true
		}
		s.outbox.mu.Unlock()
		s.hub.wheel.Schedule(&s.deadline, s.hub.limits.CloseTimeout)
	}
	s.Drain()
	_ = s.wire.Close()
}

// Closing returns the cause of the session's end, nil while it is open.
func (s *Session) Closing() *Cause { return s.closing.Load() }

// End takes the session out of the hub after its socket has closed, waits for
// its last flush, and returns the cause.
func (s *Session) End() Cause {
	s.abandon(Gone)
	s.outbox.mu.Lock()
	s.outbox.kill()
	s.outbox.mu.Unlock()
	s.stopLiveness()
	s.hub.wheel.Stop(&s.deadline)
	s.tasks.Wait()
	s.hub.remove(s)
	return *s.closing.Load()
}

// nowMillis is a monotonic clock in milliseconds.
func nowMillis() int64 { return int64(time.Since(epoch) / time.Millisecond) }

var epoch = time.Now()
