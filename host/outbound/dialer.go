package outbound

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
)

// dialer makes a plugin's connections and bounds how many there are: net/http
// goes on connecting for a request that has ended, so that the calls which run
// do not bound them.
type dialer struct {
	policy *Policy
	open   atomic.Int64
}

// errConnections refuses one connection more.
var errConnections = errors.New("too many open connections")

// dial connects to "host:port". Where the host is an address the operator has
// named it, since no other origin contains it.
func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if d.open.Add(1) > maxOpen {
		d.open.Add(-1)
		return nil, errConnections
	}
	dial := &net.Dialer{Timeout: dialTimeout, Control: d.policy.control}
	if host, _, err := net.SplitHostPort(address); err == nil {
		if _, err := netip.ParseAddr(host); err == nil {
			dial.Control = nil
		}
	}
	c, err := dial.DialContext(ctx, network, address)
	if err != nil {
		d.open.Add(-1)
		return nil, err
	}
	return &conn{Conn: c, closed: sync.OnceFunc(func() { d.open.Add(-1) })}, nil
}

// conn is a connection that is counted until it is closed.
type conn struct {
	net.Conn
	closed func()
}

// Close implements net.Conn.
func (c *conn) Close() error {
	err := c.Conn.Close()
	c.closed()
	return err
}
