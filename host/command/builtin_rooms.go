package command

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/protocol"
)

func (b *realtime) joinRoom(ctx context.Context, c *Call) error {
	room, err := c.room()
	if err != nil {
		return err
	}
	if x := c.table.exposed.Room(room); x != nil {
		if err := c.ask(ctx, x.Guard, room, abi.Access{Topic: abi.TopicRoom, Action: abi.ActionJoin}); err != nil {
			return err
		}
	}
	c.yieldIfCrowded(b.engine)
	in, err := b.enter(ctx, c, room)
	if err != nil {
		return err
	}
	var present []string
	switch {
	case in.tracked == nil:
		present, err = b.engine.Members(ctx, room)
	case in.visible:
		snapshot, failed := b.engine.Present(ctx, room)
		present, err = snapshot.Present, failed
	}
	if err != nil {
		return err
	}
	reply := b.appendPresent(ctx, c, []byte(`{"success":true,"present":`), present, true)
	if len(reply) <= b.engine.ReplySize() {
		c.ReplyWith(append(reply, '}'))
		return nil
	}
	if in.joined {
		_, err = b.engine.Leave(ctx, room, c.Session.ID(), abi.LeftByRequest)
	}
	return errors.Join(b.tooLarge(), err)
}

// yieldIfCrowded lets the session read on where the command will have to wait.
func (c *Call) yieldIfCrowded(e *engine.Engine) {
	if e.Crowded(c.Session.ID()) {
		c.Yield()
	}
}

// tooLarge answers what no reply can carry.
func (b *realtime) tooLarge() error {
	return protocol.NewError(abi.CodeTooLarge, fmt.Sprintf("The reply would be larger than limits.reply_size (%d)", b.engine.ReplySize()))
}

// entered is how a client has come into a room.
type entered struct {
	tracked *exposure.Presence // nil where presence is not tracked
	visible bool               // it is present, and may see who is
	joined  bool               // it was no member before
}

// enter makes the client a member of a room, and present where its presence is
// tracked and the guard lets it be. The guard is asked about a member: it may
// want to know.
func (b *realtime) enter(ctx context.Context, c *Call, room string) (in entered, err error) {
	in.tracked = c.table.exposed.Tracked(room)
	in.visible = in.tracked != nil && in.tracked.Guard == ""
	in.joined, err = b.engine.Join(ctx, room, c.Session.ID(), in.visible)
	if err != nil || in.tracked == nil || in.visible {
		return in, err
	}
	if _, in.visible = c.tracked(ctx, room); in.visible {
		_, err = b.engine.Join(ctx, room, c.Session.ID(), true)
	}
	return in, err
}

// room reads the payload of a command on a room.
func (c *Call) room() (string, error) {
	in := c.fields()
	room := in.name("roomName")
	return room, in.err()
}

// tracked returns the exposure of a room's presence, nil where it is not
// tracked, and whether the client may be present and see who is.
func (c *Call) tracked(ctx context.Context, room string) (x *exposure.Presence, visible bool) {
	x = c.table.exposed.Tracked(room)
	if x == nil {
		return nil, false
	}
	return x, c.allows(ctx, x.Guard, room, abi.Access{Topic: abi.TopicPresence, Action: abi.ActionSubscribe})
}

// appendPresent adds a list of connections as the client's dialect has them:
// ids, or for rt objects with the metadata, null where it may not be read, or
// where half a reply is metadata already: members must not be able to keep
// others out by having much of it. It stops where the reply is too large.
func (b *realtime) appendPresent(ctx context.Context, c *Call, dst []byte, ids []string, readable bool) []byte {
	dst = append(dst, '[')
	for i, id := range ids {
		if len(dst) > b.engine.ReplySize() {
			break
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		if c.Session.Dialect() != protocol.DialectRT {
			dst = protocol.AppendString(dst, id)
			continue
		}
		dst = protocol.AppendString(append(dst, `{"id":`...), id)
		dst = append(dst, `,"metadata":`...)
		metadata := null
		if readable || id == c.Session.ID() {
			metadata = b.metadataOf(ctx, id)
		}
		if len(dst)+len(metadata) > b.engine.ReplySize()/2 {
			metadata = null
		}
		dst = append(append(dst, metadata...), '}')
	}
	return append(dst, ']')
}

func (b *realtime) metadataOf(ctx context.Context, id string) []byte {
	if metadata, _, err := b.engine.Metadata(ctx, id); err == nil && metadata != nil {
		return metadata
	}
	return null
}

var null = []byte("null")

func (b *realtime) leaveRoom(ctx context.Context, c *Call) error {
	room, err := c.room()
	if err != nil {
		return err
	}
	c.yieldIfCrowded(b.engine)
	if _, err := b.engine.Leave(ctx, room, c.Session.ID(), abi.LeftByRequest); err != nil {
		return err
	}
	c.Reply([]byte(`{"success":true}`))
	return nil
}

// refusedPresence answers a subscription that the client may not have.
var refusedPresence = []byte(`{"success":false,"present":[]}`)

func (b *realtime) subscribePresence(ctx context.Context, c *Call) error {
	room, err := c.room()
	if err != nil {
		return err
	}
	var x *exposure.Presence
	return b.subscribe(c, beginning{
		refusal: refusedPresence,
		may: func() (visible bool) {
			x, visible = c.tracked(ctx, room)
			return visible
		},
		begin: func() ([]byte, func(), error) { return b.watch(ctx, c, x, room) },
		undo:  func() { b.engine.Unwatch(ctx, c.Session, room) },
	})
}

// watch begins a subscription to presence, and makes the reply.
func (b *realtime) watch(ctx context.Context, c *Call, x *exposure.Presence, room string) (reply []byte, release func(), err error) {
	member := false
	if c.Session.Dialect() == protocol.DialectRT {
		if member, err = b.engine.IsMember(ctx, room, c.Session.ID()); err != nil {
			return nil, nil, err
		}
	}
	watched, err := b.engine.Watch(ctx, c.Session, x, room)
	if err != nil {
		return nil, nil, err
	}
	reply = b.appendPresent(ctx, c, []byte(`{"success":true,"present":`), watched.Present, member)
	reply = engine.AppendStates(append(reply, `,"states":`...), watched.Snapshot, b.engine.ReplySize())
	return append(reply, '}'), watched.Release, nil
}

func (b *realtime) getPresenceState(ctx context.Context, c *Call) error {
	room, err := c.room()
	if err != nil {
		return err
	}
	if _, visible := c.tracked(ctx, room); !visible {
		c.Reply(refusedPresence)
		return nil
	}
	snapshot, err := b.engine.Present(ctx, room)
	if err != nil {
		return err
	}
	reply := []byte(`{"success":true,"present":[`)
	for i, id := range snapshot.Present {
		if i > 0 {
			reply = append(reply, ',')
		}
		reply = protocol.AppendString(reply, id)
	}
	reply = engine.AppendStates(append(reply, `],"states":`...), snapshot, b.engine.ReplySize())
	if len(reply) > b.engine.ReplySize() {
		return b.tooLarge()
	}
	c.ReplyWith(append(reply, '}'))
	return nil
}

func (b *realtime) publishPresenceState(ctx context.Context, c *Call) error {
	in := c.fields()
	room, state := in.name("roomName"), in.raw("state")
	s := engine.State{Value: state, ExpireAfter: in.duration("expireAfter"), Silent: in.flag("silent")}
	if err := in.err(); err != nil {
		return err
	}
	if falsy(state) {
		return c.replyBool(false)
	}
	if _, visible := c.tracked(ctx, room); !visible {
		return c.replyBool(false)
	}
	set, err := b.engine.SetState(ctx, room, c.Session.ID(), s)
	if err != nil {
		return err
	}
	return c.replyBool(set)
}

// falsy reports whether a value is false to JavaScript: old clients clear a
// state that way and expect no push.
func falsy(value []byte) bool {
	switch string(value) {
	case "", "null", "false", `""`:
		return true
	}
	n, err := strconv.ParseFloat(string(value), 64)
	return err == nil && n == 0
}

func (b *realtime) clearPresenceState(ctx context.Context, c *Call) error {
	room, err := c.room()
	if err != nil {
		return err
	}
	if _, visible := c.tracked(ctx, room); !visible {
		return c.replyBool(false)
	}
	cleared, err := b.engine.SetState(ctx, room, c.Session.ID(), engine.State{})
	if err != nil {
		return err
	}
	return c.replyBool(cleared)
}
