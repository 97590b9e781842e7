package outbound

import (
	"fmt"
	"net/netip"
	"slices"
	"syscall"
)

// special are the networks that are not the internet's (RFC 6890 and the
// registries that it began), beside those that netip knows: whoever could reach
// them through the server could reach the server's neighbours.
var special = prefixes(
	"0.0.0.0/8",        // this network
	"100.64.0.0/10",    // between a provider and its customers
	"168.63.129.16/32", // of no registry: what a virtual machine's host serves to it in one large cloud
	"192.0.0.0/24",     // protocol assignments
	"192.0.2.0/24",     // documentation
	"192.88.99.0/24",   // 6to4 relays
	"198.18.0.0/15",    // benchmarks
	"198.51.100.0/24",  // documentation
	"203.0.113.0/24",   // documentation
	"240.0.0.0/4",      // reserved, and broadcast
	"::/96",            // IPv4-compatible
	"64:ff9b:1::/48",   // translation within a network
	"100::/64",         // discard
	"2001::/23",        // protocol assignments, Teredo among them
	"2001:db8::/32",    // documentation
	"2002::/16",        // 6to4, which holds an IPv4 address
	"3fff::/20",        // documentation
	"5f00::/16",        // segment routing
	"fec0::/10",        // site-local
)

// translated is where IPv6 networks put the addresses of IPv4 (RFC 6052).
var translated = netip.MustParsePrefix("64:ff9b::/96")

func prefixes(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		all[i] = netip.MustParsePrefix(text)
	}
	return all
}

// isPublic reports whether an address is one of the internet.
func isPublic(a netip.Addr) bool {
	if translated.Contains(a) {
		b := a.As16()
		a = netip.AddrFrom4([4]byte(b[12:]))
	}
	return a.IsGlobalUnicast() && !a.IsPrivate() && !contains(special, a)
}

func contains(networks []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(a) })
}

// mayReach reports whether a policy lets a resolved address be connected to.
func (p *Policy) mayReach(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return isPublic(a) || contains(p.Networks, a)
}

// privateError refuses an address.
type privateError struct{ address netip.Addr }

// Error implements error.
func (e *privateError) Error() string { return fmt.Sprintf("the address %s is not public", e.address) }

// control is asked for each address that a connection is about to be made to,
// after its name has been resolved: what a name meant before does not count.
func (p *Policy) control(_, address string, _ syscall.RawConn) error {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("outbound: %w", err)
	}
	if !p.mayReach(a.Addr()) {
		return &privateError{a.Addr()}
	}
	return nil
}
