package mesh

import "github.com/mesh-host/mesh-host/pdk/go/internal/codec"

// Handshake is the request with which a client asks to connect.
type Handshake struct {
	Method string
	// Path is the request's path, still escaped, without the query.
	Path string
	// Query is the raw query without the question mark; see QueryValue.
	Query string
	// Headers holds names, in lower case, and values in turn; see Header.
	Headers []string
	// RemoteAddress is the peer's host:port.
	RemoteAddress string
}

// Identity is who a connection is, and what it starts with.
type Identity struct {
	// User is the authenticated user, at most 256 bytes without control
	// characters; "" leaves the connection anonymous.
	User string
	// Metadata becomes the connection's metadata; nil leaves null.
	Metadata JSON
}

// QueryValue returns the first value of a query parameter, unescaped, and
// whether there is one.
func (h *Handshake) QueryValue(name string) (value string, ok bool) {
	for rest := h.Query; rest != ""; {
		var pair string
		pair, rest, _ = cut(rest, '&')
		key, value, _ := cut(pair, '=')
		if unescapeQuery(key) == name {
			return unescapeQuery(value), true
		}
	}
	return "", false
}

// Header returns the first value of a header, "" where there is none. The
// case of name does not matter.
func (h *Handshake) Header(name string) string {
	for i := 0; i+1 < len(h.Headers); i += 2 {
		if equalFold(h.Headers[i], name) {
			return h.Headers[i+1]
		}
	}
	return ""
}

// Cookie returns the first value of a cookie as it was sent, and whether there
// is one.
func (h *Handshake) Cookie(name string) (value string, ok bool) {
	for i := 0; i+1 < len(h.Headers); i += 2 {
		if !equalFold(h.Headers[i], "cookie") {
			continue
		}
		for rest := h.Headers[i+1]; rest != ""; {
			var pair string
			pair, rest, _ = cut(rest, ';')
			key, value, found := cut(trimSpace(pair), '=')
			if found && key == name {
				return value, true
			}
		}
	}
	return "", false
}

func decodeHandshake(message []byte) *Handshake {
	f := codec.Decode(message)
	return &Handshake{
		Method: f.String(), Path: f.String(), Query: f.String(),
		Headers: f.Strings(), RemoteAddress: f.String(),
	}
}

// unescapeQuery decodes %XX and +; what is no escape stays as it is.
func unescapeQuery(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+':
			b = append(b, ' ')
		case s[i] == '%' && i+2 < len(s) && hexDigit(s[i+1]) >= 0 && hexDigit(s[i+2]) >= 0:
			b = append(b, byte(hexDigit(s[i+1])<<4|hexDigit(s[i+2])))
			i += 2
		default:
			b = append(b, s[i])
		}
	}
	return string(b)
}

// cut, trimSpace and equalFold stand in for those of package strings, which
// makes a plugin 30 KB larger.

func cut(s string, separator byte) (before, after string, found bool) {
	for i := range len(s) {
		if s[i] == separator {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

func trimSpace(s string) string {
	for s != "" && isSpace(s[0]) {
		s = s[1:]
	}
	for s != "" && isSpace(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

// equalFold compares ASCII text without regard to case.
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// identify encodes the response of an authenticate hook that recognised the
// client, or of one that has nothing to say.
func (c *Call) identify(identity *Identity) []byte {
	if identity == nil {
		return continues
	}
	o := c.Object().Text("user", identity.User)
	if identity.Metadata != nil {
		o.Raw("metadata", identity.Metadata)
	}
	return c.reply(o.JSON())
}
