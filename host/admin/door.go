package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// door decides who may call the API. With a token it is whoever carries that.
// Without one it is every program on this machine, but no web page that its
// browser shows: not one of another site, which an Origin header gives away,
// and not one whose name its owner has made to resolve to this machine (DNS
// rebinding), which the Host header does.
type door struct {
	open bool
	// token is hashed, so that the comparison tells nothing of its length.
	token [sha256.Size]byte
}

func newDoor(token string) door {
	return door{open: token == "", token: sha256.Sum256([]byte(token))}
}

// refuses returns what a request is refused with, if it is.
func (d *door) refuses(r *http.Request) (reply, bool) {
	if !d.open {
		return d.checkToken(r.Header.Values("Authorization"))
	}
	if len(r.Header.Values("Origin")) > 0 {
		return refuse(http.StatusForbidden, abi.CodeDenied, "Web pages may not call the admin API while it has no admin.token"), true
	}
	if !IsLoopback(hostOf(r.Host)) {
		return refuse(http.StatusForbidden, abi.CodeDenied,
			"Host %q is not this machine: use localhost or 127.0.0.1, or set admin.token", protocol.CutText(r.Host, protocol.MaxName)), true
	}
	return reply{}, false
}

func (d *door) checkToken(headers []string) (reply, bool) {
	const scheme = "Bearer "
	challenge, problem := `Bearer realm="mesh-host"`, "The header Authorization: Bearer <admin.token> is missing"
	if len(headers) == 1 && len(headers[0]) > len(scheme) && strings.EqualFold(headers[0][:len(scheme)], scheme) {
		given := sha256.Sum256([]byte(strings.TrimLeft(headers[0][len(scheme):], " ")))
		if subtle.ConstantTimeCompare(given[:], d.token[:]) == 1 {
			return reply{}, false
		}
		// RFC 6750, section 3.1.
		challenge, problem = challenge+`, error="invalid_token"`, "The token is not admin.token"
	}
	return refuse(http.StatusUnauthorized, abi.CodeDenied, "%s", problem).with("WWW-Authenticate", challenge), true
}
