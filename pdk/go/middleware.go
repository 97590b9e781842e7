package mesh

import "github.com/mesh-host/mesh-host/pdk/go/internal/codec"

// MiddlewareCall is a command on its way to its handler. A middleware that
// returns nil lets it pass, or answers it if Reply was called; one that
// returns an error refuses it.
type MiddlewareCall struct {
	*Call
	payload, locals, reply JSON
}

// SetPayload replaces the payload for the middleware that follows and for the
// handler. nil changes nothing.
func (c *MiddlewareCall) SetPayload(payload JSON) { c.payload = payload }

// SetLocals merges the members of an object over the command's locals, which
// later middleware and the handler read. The last call counts.
func (c *MiddlewareCall) SetLocals(object JSON) { c.locals = object }

// Reply answers the command in the handler's stead; nil: null. Nothing after
// this middleware runs.
func (c *MiddlewareCall) Reply(payload JSON) {
	if payload == nil {
		payload = JSON("null")
	}
	c.reply = payload
}

// response encodes what the middleware decided.
func (c *MiddlewareCall) response() []byte {
	if c.reply != nil {
		return c.Call.reply(c.reply)
	}
	if c.payload == nil && c.locals == nil {
		return continues
	}
	out := c.memory.buffer(len(continues) + 8 + len(c.payload) + len(c.locals))
	out = codec.AppendInt(out, statusContinue)
	out = codec.AppendBytes(out, c.payload)
	return c.memory.keep(codec.AppendBytes(out, c.locals))
}
