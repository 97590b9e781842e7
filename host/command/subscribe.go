package command

import (
	"context"

	"github.com/mesh-host/mesh-host/host/hub"
)

// beginning is a subscription that a client asks for.
type beginning struct {
	// refusal is the reply where the client may not have it.
	refusal []byte
	// may asks the guard.
	may func() bool
	// begin begins it, and makes the reply. release lets its pushes flow; nil
	// where it has not begun after all.
	begin func() (reply []byte, release func(), err error)
	// undo ends it again.
	undo func()
}

// subscribe begins a subscription or answers the refusal. What the server has
// ended since the guard was asked does not begin, for what the guard has said may
// no longer hold, nor does what would have a reply that is too large: its client
// would not have what the pushes build on.
func (b *realtime) subscribe(c *Call, s beginning) error {
	ends := b.engine.Ends(c.Session)
	if !s.may() {
		c.Reply(s.refusal)
		return nil
	}
	reply, release, err := s.begin()
	switch {
	case err != nil:
		return err
	case b.engine.Ends(c.Session) != ends:
		s.undo()
		c.Reply(s.refusal)
		return nil
	case len(reply) > b.engine.ReplySize():
		s.undo()
		return b.tooLarge()
	}
	c.ReplyWith(reply)
	if release != nil {
		c.AfterReply(release)
	}
	return nil
}

// unsubscribe is a built-in that ends the subscription that a field names.
func unsubscribe(field string, end func(context.Context, *hub.Session, string) bool) HandlerFunc {
	return func(ctx context.Context, c *Call) error {
		in := c.fields()
		name := in.name(field)
		if err := in.err(); err != nil {
			return err
		}
		return c.replyBool(end(ctx, c.Session, name))
	}
}
