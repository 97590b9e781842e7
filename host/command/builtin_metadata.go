package command

import (
	"context"
	"slices"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/protocol"
)

func (b *realtime) getRoomMetadata(ctx context.Context, c *Call) error {
	room, err := c.room()
	if err != nil {
		return err
	}
	member, err := b.engine.IsMember(ctx, room, c.Session.ID())
	if err != nil {
		return err
	}
	if !member && !c.mayReadRoom(ctx, room) {
		return protocol.NewError(abi.CodeDenied, "Only members of the room may read its metadata")
	}
	metadata, err := b.engine.RoomMetadata(ctx, room)
	if err != nil {
		return err
	}
	return c.replyMetadata(metadata, "")
}

// mayReadRoom asks the room's guard for metadata, if it has one.
func (c *Call) mayReadRoom(ctx context.Context, room string) bool {
	x := c.table.exposed.Room(room)
	return x != nil && x.MetadataGuard != "" &&
		c.allows(ctx, x.MetadataGuard, room, abi.Access{Topic: abi.TopicRoom, Action: abi.ActionMetadata})
}

func (b *realtime) getConnectionMetadata(ctx context.Context, c *Call) error {
	in := c.fields()
	id := in.name("connectionId")
	if err := in.err(); err != nil {
		return err
	}
	shared, err := b.engine.ShareRoom(ctx, c.Session.ID(), id)
	if err != nil {
		return err
	}
	if !shared && !b.mayReadConnection(ctx, c, id) {
		return protocol.NewError(abi.CodeDenied, "Only the metadata of connections in the same room may be read")
	}
	metadata, _, err := b.engine.Metadata(ctx, id)
	if err != nil {
		return err
	}
	return c.replyMetadata(metadata, "")
}

// mayReadConnection asks the guards for metadata: the operator's, then those
// of plugins. One that allows suffices.
func (b *realtime) mayReadConnection(ctx context.Context, c *Call, id string) bool {
	allows := func(guard string) bool {
		return guard != "" && c.allows(ctx, guard, id, abi.Access{Topic: abi.TopicConnection, Action: abi.ActionMetadata})
	}
	return allows(b.options.MetadataGuard) || slices.ContainsFunc(c.table.MetadataGuards, allows)
}

func getMyConnectionMetadata(_ context.Context, c *Call) error {
	return c.replyMetadata(c.Session.Metadata(), c.Session.User())
}

func (c *Call) replyMetadata(metadata []byte, user string) error {
	if metadata == nil {
		metadata = null
	}
	reply := append([]byte(`{"metadata":`), metadata...)
	if user != "" {
		reply = protocol.AppendString(append(reply, `,"user":`...), user)
	}
	c.Reply(append(reply, '}'))
	return nil
}

func (b *realtime) setMyConnectionMetadata(ctx context.Context, c *Call) error {
	in := c.fields()
	metadata, strategy := in.value("metadata"), ""
	if options := in.nested("options"); options != nil {
		strategy = options.text("strategy")
		in.join(options)
	}
	if err := in.err(); err != nil {
		return err
	}
	if len(b.options.Writable) == 0 {
		return protocol.NewError(abi.CodeDenied, "Clients may not set metadata here; metadata.client_writable lists what they may")
	}
	if err := b.engine.SetOwnMetadata(ctx, c.Session, metadata, strategy, b.options.Writable); err != nil {
		return err
	}
	c.Reply([]byte(`{"success":true}`))
	return nil
}
