package mesh

import "unsafe"

// Call is one call of the host into the plugin. It and every JSON value it
// returns are valid until the handler returns: they lie in memory that the
// next call uses again. Copy what must outlive the call. Text is the plugin's
// to keep.
//
// Nothing is decoded before it is asked for.
type Call struct {
	request request
	memory  *memory
}

// Name returns the command's name, the topic's for a guard, the collection's id
// for a resolver, the schedule's for a schedule, and the event's for a hook.
// Built-in commands are named mesh/<name>, whatever the client wrote.
func (c *Call) Name() string { return c.memory.text(c.request.name()) }

// ConnectionID returns the connection's id, "" where the call comes from none.
func (c *Call) ConnectionID() string { return c.memory.text(c.request.connectionID()) }

// User returns the authenticated user, "" for an anonymous connection.
func (c *Call) User() string { return c.memory.text(c.request.user()) }

// Metadata returns the connection's metadata, nil where none is set.
func (c *Call) Metadata() JSON { return c.request.metadata() }

// Locals returns the object that middleware has built up for this command, nil
// where none has.
func (c *Call) Locals() JSON { return c.request.locals() }

// Payload returns the command's payload as the client wrote it, nil where the
// frame had none.
func (c *Call) Payload() JSON { return c.request.payload() }

// Fields reads the payload as an object.
func (c *Call) Fields() *Fields { return c.Payload().Fields() }

// Object starts a JSON object in the call's own memory, without allocating
// while it is small. Like the payload it is valid until the handler returns;
// the function of the same name makes one that lasts.
func (c *Call) Object() *ObjectBuilder {
	return &ObjectBuilder{text: append(c.memory.scratch(), '{')}
}

// reply returns the encoded reply with a body, nil: null. A body that has room
// before it, because it is a part of the request or of a chunk, gets its
// header there and is not copied.
func (c *Call) reply(body JSON) []byte {
	if body == nil {
		return continues
	}
	at := unsafe.Pointer(unsafe.SliceData(body))
	if !c.request.holds(at) && !c.memory.holds(at) {
		return c.memory.reply(body)
	}
	start := unsafe.Add(at, -replyHeader)
	putReplyHeader(start, len(body))
	return unsafe.Slice((*byte)(start), replyHeader+len(body))
}
