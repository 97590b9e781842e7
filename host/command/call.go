package command

import (
	"sync"

	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// Yielder gives up its session's turn to read. Whoever runs a command calls
// Yield when it is about to wait, or is found to run long, so that the session
// goes on reading elsewhere. It never blocks, may be called any number of
// times while the command runs, and from any goroutine.
type Yielder interface{ Yield() }

// Call is one command on its way through middleware to its handler. It belongs
// to the goroutine that runs it; its bytes are valid until the run ends.
type Call struct {
	// Session is the caller.
	Session *hub.Session
	// Name is the command's name; mesh/<name> for a built-in, whatever the
	// dialect it was called in.
	Name string
	// Payload is JSON text, nil where the frame had none.
	Payload []byte
	// Locals is a JSON object that middleware has set, nil where none has.
	Locals []byte

	table   *Table
	after   []func()
	replied bool
	reply   []byte
	payload []byte // owned copy behind Payload once middleware replaced it
	yielder Yielder
}

var calls = sync.Pool{New: func() any { return new(Call) }}

// maxKept bounds the buffers that a pooled call keeps, in bytes.
const maxKept = 64 << 10

// NewCall takes a call from the pool; Release gives it back. yielder may be
// nil.
func NewCall(s *hub.Session, name string, payload []byte, yielder Yielder) *Call {
	c := calls.Get().(*Call)
	c.Session, c.Name, c.Payload, c.yielder = s, name, payload, yielder
	return c
}

// Release ends the life of the call and of its bytes.
func (c *Call) Release() {
	reply, payload := c.reply, c.payload
	if cap(reply) > maxKept {
		reply = nil
	}
	if cap(payload) > maxKept {
		payload = nil
	}
	clear(c.after)
	*c = Call{reply: reply[:0], payload: payload[:0], after: c.after[:0]}
	calls.Put(c)
}

// Reply answers the command with a copy of body, JSON text; middleware that
// replies ends the run.
func (c *Call) Reply(body []byte) {
	c.replied = true
	c.reply = append(c.reply[:0], body...)
}

// ReplyWith is Reply with a body that is the call's from then on.
func (c *Call) ReplyWith(body []byte) { c.replied, c.reply = true, body }

// Result is the reply's JSON text, nil where nothing was said (null).
func (c *Call) Result() []byte {
	if !c.replied || len(c.reply) == 0 {
		return nil
	}
	return c.reply
}

// SetPayload replaces the payload with a copy of body, JSON text; an empty one
// takes it away.
func (c *Call) SetPayload(body []byte) {
	c.payload = append(c.payload[:0], body...)
	c.Payload = nil
	if len(body) > 0 {
		c.Payload = c.payload
	}
}

// AddLocals merges a JSON object over the locals, shallowly.
func (c *Call) AddLocals(object []byte) {
	c.Locals = protocol.Merge(c.Locals, object, false)
}

// AfterReply has fn called once the reply is in the session's outbox, or there
// is none to come. fn must not block.
func (c *Call) AfterReply(fn func()) { c.after = append(c.after, fn) }

// Replied runs what waits for the reply. Whoever runs a command calls it once
// the reply is in the session's outbox.
func (c *Call) Replied() {
	for _, fn := range c.after {
		fn()
	}
}

// Yield tells the caller's session to read on elsewhere; see Yielder.
func (c *Call) Yield() {
	if c.yielder != nil {
		c.yielder.Yield()
	}
}
