package admin

import (
	"net"
	"net/netip"
	"strings"
)

// IsLoopback reports whether a host, a name or an IP address without port, can
// only mean this machine: localhost, 127.0.0.0/8 and ::1. Other names may
// resolve to it as well, which nobody can rely on; "" is every interface.
func IsLoopback(host string) bool {
	if strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}

// hostOf returns the host of a Host header, which may have a port.
func hostOf(header string) string {
	if host, _, err := net.SplitHostPort(header); err == nil {
		return host
	}
	return strings.TrimSuffix(strings.TrimPrefix(header, "["), "]")
}
