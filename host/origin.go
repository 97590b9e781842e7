package host

import "strings"

// newOriginCheck returns the test of a handshake's Origin header (RFC 6454)
// against HandshakeConfig.Origins. A page of the server's own origin always
// passes.
func newOriginCheck(allowed []string) func(origin, host string) bool {
	return func(origin, host string) bool {
		if _, own, ok := strings.Cut(origin, "://"); ok && strings.EqualFold(own, host) {
			return true
		}
		for _, pattern := range allowed {
			if matchOrigin(pattern, origin) {
				return true
			}
		}
		return false
	}
}

// matchOrigin holds an origin against one pattern: "*" is every origin, and
// "scheme://*.domain" every one of its subdomains.
func matchOrigin(pattern, origin string) bool {
	if pattern == "*" || pattern == origin {
		return true
	}
	scheme, domain, ok := strings.Cut(pattern, "*")
	return ok && len(origin) > len(scheme)+len(domain) &&
		strings.HasPrefix(origin, scheme) && strings.HasSuffix(origin, domain)
}
