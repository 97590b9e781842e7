package transport

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/command"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// connection is the reading side of a session. One goroutine at a time holds
// the turn to read. It runs serial commands itself, so that the usual command
// costs no hand-over; a command that waits or runs long yields the turn to
// another goroutine, which goes on reading while this one finishes the command
// and those that queue behind it.
type connection struct {
	server  *Server
	session *hub.Session
	conn    net.Conn
	source  source
	sink    sink
	in      inbound
	lane    lane
	hold    hold
	work    sync.WaitGroup // commands that run beside the reader
	bad     int            // bad frames so far
	grown   bool           // a command has run on the reader's stack
	refused atomic.Bool    // its session ends before it began: the socket is still to tell why
}

// Close implements hub.Wire.
func (c *connection) Close() error {
	if c.refused.Load() {
		return nil
	}
	return c.conn.Close()
}

var (
	_ hub.Wire        = (*connection)(nil)
	_ command.Yielder = (*connection)(nil)
)

// read holds the turn: it takes frames as they arrive and runs their commands,
// until the connection ends or the turn is yielded. Replies leave together
// once nothing more has arrived.
func (c *connection) read() {
	for {
		op, payload, err := c.in.next()
		switch {
		case err == nil:
			if !c.frame(op, payload) {
				return
			}
		case errors.Is(err, errNeedMore):
			_ = c.session.Flush()
			if err := c.source.fill(&c.in); err != nil {
				c.finish()
				return
			}
			c.session.Alive()
		default:
			c.fail(err)
			return
		}
	}
}

// fail closes the connection for a violation and reads no further.
func (c *connection) fail(err error) {
	cause := hub.Cause{Code: abi.CloseProtocolError, Reason: err.Error()}
	var v *violation
	if errors.As(err, &v) {
		cause = hub.Cause{Code: v.code, Reason: v.reason}
	}
	c.session.Close(cause)
	c.session.Drain()
	c.discard()
	c.finish()
}

// discard reads and forgets what the peer still sends, so that closing does
// not reset the connection before the peer has read why (RFC 6455 section
// 7.1.1). The close timeout ends it.
func (c *connection) discard() {
	if half, ok := c.conn.(halfCloser); ok {
		_ = half.CloseWrite()
	}
	c.in.forget() // first: a full buffer has no room to read into
	for c.source.fill(&c.in) == nil {
		c.in.forget()
	}
}

// frame handles one message or control frame and reports whether this
// goroutine still has the turn.
func (c *connection) frame(op ws.OpCode, payload []byte) bool {
	switch op {
	case ws.OpText:
		return c.message(payload)
	case ws.OpPing:
		c.session.Pong(payload)
	case ws.OpClose:
		c.peerClosed(payload)
		return false
	}
	return true
}

// peerClosed answers a close frame (RFC 6455 sections 5.5.1 and 7.4) and ends
// the connection.
func (c *connection) peerClosed(body []byte) {
	cause := hub.Cause{Code: 1005}
	reply, reason := 0, ""
	if len(body) > 0 {
		cause, reply, reason = closeCause(body)
	}
	c.session.PeerClosed(cause, reply, reason)
	c.finish()
}

// closeCause reads the body of a close frame: what it says, and the code and
// reason to answer with.
func closeCause(body []byte) (cause hub.Cause, reply int, reason string) {
	malformed := hub.Cause{Code: abi.CloseProtocolError, Reason: "malformed close frame"}
	if len(body) < 2 {
		return malformed, malformed.Code, malformed.Reason
	}
	code, text := binary.BigEndian.Uint16(body), body[2:]
	if !isCloseCode(code) || !utf8.Valid(text) {
		return malformed, malformed.Code, malformed.Reason
	}
	return hub.Cause{Code: int(code), Reason: string(text)}, int(code), ""
}

// isCloseCode reports whether a peer may send code: those of RFC 6455 section
// 7.4.1 and of its registry (1012 to 1014), of libraries and applications.
func isCloseCode(code uint16) bool {
	switch code {
	case 1004, 1005, 1006:
		return false
	}
	return 1000 <= code && code <= 1014 || 3000 <= code && code <= 4999
}

// message handles a text message and reports whether this goroutine still has
// the turn.
func (c *connection) message(frame []byte) bool {
	if c.session.Closing() != nil {
		return true // nothing that comes now is answered
	}
	e, err := protocol.Scan(frame)
	if err != nil {
		c.badFrame(err)
		return true
	}
	switch string(e.Name) {
	case protocol.Pong:
		return c.renew()
	case protocol.LatencyResponse:
		c.session.LatencyAnswered()
		return c.renew()
	}
	return c.dispatch(e)
}

// renew goes on reading on a fresh goroutine where a command has grown this
// one's stack: a session at rest would keep it. Liveness answers are the time
// for it, since a session at rest gets no other frames.
func (c *connection) renew() bool {
	if !c.grown {
		return true
	}
	c.grown = false
	go c.read()
	return false
}

// badFrame counts a frame that is no command.
func (c *connection) badFrame(err error) {
	c.server.metrics.badFrames.Add(1)
	c.bad++
	if c.bad > c.server.options.BadFrames {
		c.session.Close(hub.Cause{Code: abi.ClosePolicyViolation, Reason: "too many bad frames: " + err.Error()})
	}
}

// dispatch finds a command and has it run, here, beside or later.
func (c *connection) dispatch(e protocol.Envelope) bool {
	table := c.server.router.Acquire()
	found, dialect := c.server.router.Resolve(table, e.Name)
	if found == nil {
		table.Release()
		c.replyError(e.ID, e.Command, protocol.NotFound(string(e.Name)))
		return true
	}
	c.session.SetDialect(dialect)
	r := request{command: found, table: table, id: e.ID, name: e.Command, payload: e.Payload}
	switch c.admit(r) {
	case runHere:
		return c.runHere(r)
	case runBeside:
		c.runBeside(r)
	case dropped:
		table.Release()
	}
	return true
}

// runHere runs a serial command on the reader's goroutine, which keeps the
// turn to read unless the command yields it.
func (c *connection) runHere(r request) bool {
	buffer := c.in.buffer
	c.grown = true
	c.run(r, c)
	kept, last := c.lane.endInline()
	if kept {
		c.ended(last)
		return true
	}
	// Yielded: the buffer that the request pointed into is this goroutine's
	// own now, and so are the serial commands that have queued up.
	if buffer != nil {
		readBuffers.Put(buffer)
	}
	defer c.work.Done()
	for more := true; more; {
		_ = c.session.Flush()
		r, more, last = c.lane.endApart()
		c.ended(last)
		if more {
			c.run(r, nil)
		}
	}
	return false
}

// Yield implements command.Yielder: another goroutine takes over reading, with
// a buffer of its own.
func (c *connection) Yield() {
	c.lane.yield(func() {
		c.work.Add(1)
		c.in.split()
		go func() {
			_ = c.session.Flush()
			c.read()
		}()
	})
}

// runBeside runs a concurrent command; noop answers at once.
func (c *connection) runBeside(r request) {
	if r.command.Name == command.NameNoop && len(r.table.Middleware) == 0 {
		c.run(r, nil)
		c.ended(c.lane.endBeside())
		return
	}
	r = r.owned()
	c.work.Go(func() {
		c.run(r, nil)
		_ = c.session.Flush()
		c.ended(c.lane.endBeside())
	})
}

// run takes one command to its reply.
func (c *connection) run(r request, yielder command.Yielder) {
	call := command.NewCall(c.session, r.command.Name, r.payload, yielder)
	err := c.safely(r, call)
	if err != nil {
		c.replyError(r.id, r.name, err)
	} else {
		c.reply(r.id, r.name, call.Result())
	}
	call.Replied()
	call.Release()
	r.table.Release()
}

// safely runs a command; a panic in it is an internal error of that command
// and no one else's.
func (c *connection) safely(r request, call *command.Call) (failed *protocol.Error) {
	defer func() {
		if p := recover(); p != nil {
			ref := rand.Text()[:12]
			c.server.log.Error("command panicked", "command", r.command.Name, "connection", c.session.ID(),
				"ref", ref, "panic", p, "stack", string(debug.Stack()))
			failed = protocol.Internal(ref)
		}
	}()
	return c.server.router.Run(c.server.base, r.table, r.command, call)
}

// reply answers a command that has an id. Where much waits to be written the
// producer writes it before it goes on.
func (c *connection) reply(id, name, payload []byte) {
	if id == nil {
		return
	}
	if limit := c.server.options.ReplySize; len(payload) > limit {
		c.replyError(id, name, protocol.NewError(abi.CodeTooLarge,
			fmt.Sprintf("Reply of %d bytes is larger than limits.reply_size (%d)", len(payload), limit)))
		return
	}
	if c.session.Reply(id, name, payload) {
		_ = c.session.Flush()
	}
}

func (c *connection) replyError(id, name []byte, err *protocol.Error) {
	if id != nil && c.session.Reply(id, name, err.Append(nil)) {
		_ = c.session.Flush()
	}
}

// ended closes a draining session after the last of its commands.
func (c *connection) ended(last bool) {
	if last {
		c.session.Close(goingAway)
	}
}

var goingAway = hub.Cause{Code: abi.CloseGoingAway, Reason: "server is going away"}

// drain closes the session as soon as the commands in flight have ended.
func (c *connection) drain() {
	if c.lane.drain() {
		c.session.Close(goingAway)
	}
}

// finish ends the session after the last frame: it waits for the commands
// that still run and tells the observers. The holder of the turn calls it.
// There is no one left to write to: a write could wait for ever for a peer
// that has stopped sending and does not read.
func (c *connection) finish() {
	_ = c.conn.Close()
	c.work.Wait()
	c.in.giveBack()
	cause := c.end()
	c.server.router.Disconnected(c.server.base, c.session, cause)
	c.server.forget(c)
}

// end lets go of the session, whose socket is closed or about to be.
func (c *connection) end() hub.Cause {
	cause := c.session.End()
	if sessions := c.server.options.Sessions; sessions != nil {
		sessions.Close(c.server.base, c.session)
	}
	return cause
}
