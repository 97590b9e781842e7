package command

import (
	"context"
	"slices"

	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// NameNoop is the built-in that does nothing and never waits for other
// commands: clients measure with it.
const NameNoop = protocol.MeshPrefix + "noop"

var (
	truth   = []byte("true")
	falsity = []byte("false")
)

// builtins are the server's own commands that need nothing, by name without
// prefix.
func builtins() map[string]*Command {
	return map[string]*Command{
		"noop": {Name: NameNoop, Concurrent: true, Always: true, Handler: HandlerFunc(noop)},
		"get-my-connection-metadata": {
			Name: protocol.MeshPrefix + "get-my-connection-metadata", Always: true, Handler: HandlerFunc(getMyConnectionMetadata),
		},
	}
}

func noop(_ context.Context, c *Call) error {
	c.Reply(truth)
	return nil
}

// Builtins say how the built-in commands behave.
type Builtins struct {
	// Writable are the keys of its metadata that a client may write, "*" for
	// all.
	Writable []string
	// MetadataGuard names a guard that may let a client read the metadata of
	// connections that it shares no room with, "<plugin>.<guard>".
	MetadataGuard string
}

// realtime are the built-in commands that work on an engine.
type realtime struct {
	engine  *engine.Engine
	options Builtins
}

// Bind adds the built-in commands that work on an engine. It must be called
// before the router is used.
func (r *Router) Bind(e *engine.Engine, o Builtins) {
	b := &realtime{engine: e, options: o}
	for name, serve := range map[string]HandlerFunc{
		"subscribe-channel":          b.subscribeChannel,
		"unsubscribe-channel":        unsubscribe("channel", e.Unsubscribe),
		"publish-channel":            b.publishChannel,
		"get-channel-history":        b.getChannelHistory,
		"join-room":                  b.joinRoom,
		"leave-room":                 b.leaveRoom,
		"subscribe-presence":         b.subscribePresence,
		"unsubscribe-presence":       unsubscribe("roomName", e.Unwatch),
		"get-presence-state":         b.getPresenceState,
		"publish-presence-state":     b.publishPresenceState,
		"clear-presence-state":       b.clearPresenceState,
		"get-room-metadata":          b.getRoomMetadata,
		"get-connection-metadata":    b.getConnectionMetadata,
		"set-my-connection-metadata": b.setMyConnectionMetadata,
		"subscribe-record":           b.subscribeRecord,
		"unsubscribe-record":         unsubscribe("recordId", e.UnsubscribeRecord),
		"publish-record-update":      b.publishRecordUpdate,
		"transaction":                b.transaction,
		"subscribe-collection":       b.subscribeCollection,
		"unsubscribe-collection":     unsubscribe("collectionId", e.UnsubscribeCollection),
	} {
		r.builtins[name] = &Command{Name: protocol.MeshPrefix + name, Handler: serve, Always: slices.Contains(takingBack, name)}
	}
}

// takingBack are the built-ins that only take something back.
var takingBack = []string{
	"unsubscribe-channel", "leave-room", "unsubscribe-presence", "clear-presence-state",
	"unsubscribe-record", "unsubscribe-collection",
}

func (c *Call) replyBool(v bool) error {
	if v {
		c.Reply(truth)
	} else {
		c.Reply(falsity)
	}
	return nil
}
