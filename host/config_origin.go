package host

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/mesh-host/mesh-host/host/protocol"
)

// checkOrigin says what is wrong with one element of HandshakeConfig.Origins,
// or "". A pattern that no browser would ever send is wrong too: it would
// keep out whom it was written for.
func checkOrigin(origin string) string {
	if origin == "*" {
		return ""
	}
	scheme, host, ok := strings.Cut(origin, "://")
	if !ok || scheme == "" || host == "" {
		return `write "https://app.example.com", "https://*.example.com" or "*"`
	}
	// The RFC 6454 serialisation that browsers send: lower case, ASCII.
	if origin != strings.ToLower(origin) || !protocol.IsASCII(origin) {
		return "browsers send origins in lower case, and in punycode where a name is not ASCII"
	}
	u, err := url.Parse(scheme + "://" + strings.TrimPrefix(host, "*."))
	switch {
	case err != nil || u.Hostname() == "":
		return "it is not scheme://host or scheme://host:port"
	case u.User != nil || u.Path != "" || u.RawQuery != "" || u.ForceQuery || strings.Contains(host, "#"):
		return "an origin is scheme://host or scheme://host:port, with nothing behind it, no \"/\" either"
	case strings.Contains(u.Host, "*") || strings.Contains(scheme, "*"):
		return `a "*" stands alone, or for subdomains, as in "https://*.example.com"`
	}
	return checkOriginPort(u)
}

// checkOriginPort refuses ports that browsers do not send.
func checkOriginPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		if strings.HasSuffix(u.Host, ":") {
			return "the port is missing"
		}
		return ""
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return fmt.Sprintf("%q is not a port", port)
	}
	if u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80" {
		return "browsers leave out the default port :" + port
	}
	return ""
}
