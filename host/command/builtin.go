package command

import (
	"context"

	"github.com/mesh-host/mesh-host/host/protocol"
)

// NameNoop is the built-in that does nothing and never waits for other
// commands: clients measure with it.
const NameNoop = protocol.MeshPrefix + "noop"

var truth = []byte("true")

// builtins are the server's own commands, by name without prefix.
func builtins() map[string]*Command {
	return map[string]*Command{
		"noop": {Name: NameNoop, Concurrent: true, Handler: HandlerFunc(noop)},
		"get-my-connection-metadata": {
			Name:    protocol.MeshPrefix + "get-my-connection-metadata",
			Handler: HandlerFunc(getMyConnectionMetadata),
		},
	}
}

func noop(_ context.Context, c *Call) error {
	c.Reply(truth)
	return nil
}

func getMyConnectionMetadata(_ context.Context, c *Call) error {
	reply := append([]byte(nil), `{"metadata":`...)
	if metadata := c.Session.Metadata(); metadata != nil {
		reply = append(reply, metadata...)
	} else {
		reply = append(reply, "null"...)
	}
	if user := c.Session.User(); user != "" {
		reply = append(reply, `,"user":`...)
		reply = protocol.AppendString(reply, user)
	}
	c.Reply(append(reply, '}'))
	return nil
}
