package command

import (
	"context"
	"fmt"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// nameResolve is what plugins see as the command that set a resolver or a guard
// off, where no command of a client's is under way.
const nameResolve = protocol.MeshPrefix + "subscribe-collection"

// Resolver returns the router as what asks the plugins of the present table
// about collections.
func (r *Router) Resolver() engine.Resolver { return resolving{r} }

// resolving is a router as an engine.Resolver.
type resolving struct{ *Router }

// Resolve implements engine.Resolver.
func (r resolving) Resolve(ctx context.Context, s *hub.Session, x *exposure.Collection, id string) ([]string, error) {
	c, end := r.background(s)
	defer end()
	resolver := c.table.Resolvers[x.Resolver]
	if resolver == nil {
		return nil, protocol.NewError(abi.CodePlugin, fmt.Sprintf("Resolver %q is not loaded", x.Resolver))
	}
	return resolver.Resolve(ctx, c, id)
}

// MayRead implements engine.Resolver.
func (r resolving) MayRead(ctx context.Context, s *hub.Session, record string) bool {
	c, end := r.background(s)
	defer end()
	return c.mayRead(ctx, record)
}

// background makes a call that no client waits for.
func (r *Router) background(s *hub.Session) (c *Call, end func()) {
	t := r.Acquire()
	c = NewCall(s, nameResolve, nil, nil)
	c.table = t
	return c, func() {
		c.Release()
		t.Release()
	}
}
