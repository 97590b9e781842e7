package outbound

import (
	"net/netip"
	"slices"
	"time"
)

// Policy says how one plugin may ask; where, its caller's origins say. It must
// not be changed once it is used.
type Policy struct {
	// Networks are those in which a host that an origin names may lie, besides
	// the internet. An origin that is itself an address needs none.
	Networks []netip.Prefix
	// Timeout bounds one request, redirects and the whole answer included.
	Timeout time.Duration
	// Size bounds the body of a request, and that of an answer after
	// decompression, in bytes.
	Size int64
}

// equal reports whether two policies allow the same.
func (p *Policy) equal(q *Policy) bool {
	return p.Timeout == q.Timeout && p.Size == q.Size && slices.Equal(p.Networks, q.Networks)
}
