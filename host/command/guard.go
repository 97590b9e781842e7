package command

import (
	"context"
	"fmt"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// Guard decides whether a client may have what it asks for. nil allows; an
// error refuses, whatever it is: one that could not decide does not open the
// door. It is called from many goroutines at once.
type Guard interface {
	// Ask decides about what the call's client wants of the topic called name;
	// value is the JSON text that it wants to write there, nil where it does
	// not.
	Ask(ctx context.Context, c *Call, name string, a abi.Access, value []byte) error
}

// ask asks the guard called guard, "<plugin>.<guard>"; "" allows everything.
func (c *Call) ask(ctx context.Context, guard, name string, a abi.Access) error {
	return c.askAbout(ctx, guard, name, a, nil)
}

// askAbout is ask about a value that is to be written.
func (c *Call) askAbout(ctx context.Context, guard, name string, a abi.Access, value []byte) error {
	if guard == "" {
		return nil
	}
	g := c.table.Guards[guard]
	if g == nil {
		return protocol.NewError(abi.CodePlugin, fmt.Sprintf("Guard %q is not loaded", guard))
	}
	return g.Ask(ctx, c, name, a, value)
}

// allows is ask where only the answer matters.
func (c *Call) allows(ctx context.Context, guard, name string, a abi.Access) bool {
	return c.ask(ctx, guard, name, a) == nil
}
