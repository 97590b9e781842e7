//go:build linux

package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

const jwtGuard = "jwt-guard-rust.wasm"

// jwtSecret is the one that jwtConfig has in base64url.
const jwtSecret = "0123456789abcdef0123456789abcdef"

const jwtConfig = `
[auth]
require = ["jwt-guard"]

[[rooms]]
pattern = "staff"
guard = "jwt-guard.members"

[plugins.jwt-guard.config]
issuer = "https://id.example"
audience = ["chat"]
query = "token"
leeway_seconds = 0
expiry_seconds = 1
claims = ["name"]
guards = {members = {claim = "role", any = ["member"]}}

[[plugins.jwt-guard.config.keys]]
kid = "k1"
secret = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"
`

// signed makes a token with the standard library, which shares nothing with the
// plugin.
func signed(header, claims string) string {
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(header)) + "." + encode([]byte(claims))
	mac := hmac.New(sha256.New, []byte(jwtSecret))
	mac.Write([]byte(text))
	return text + "." + encode(mac.Sum(nil))
}

func tokenOf(user string, expires time.Time, more string) string {
	return signed(`{"alg":"HS256","typ":"JWT","kid":"k1"}`,
		fmt.Sprintf(`{"sub":%q,"iss":"https://id.example","aud":"chat","exp":%d%s}`, user, expires.Unix(), more))
}

func TestJSONWebTokens(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{jwtGuard}, config: jwtConfig})
	later := time.Now().Add(time.Hour)

	// By the header and by the query, with the user and the claims of the token.
	right := tokenOf("ann", later, `,"name":"Ann","role":"member","secret":"x"`)
	for _, d := range []dialing{{query: "token=" + right}, {header: http.Header{"Authorization": {"Bearer " + right}}}} {
		c := h.dial(t, d)
		if reply := c.call(t, "get-my-connection-metadata", "{}"); !strings.Contains(reply, `"user":"ann"`) ||
			!strings.Contains(reply, fmt.Sprintf(`{"jwt":{"expires":%d,"claims":{"name":"Ann","role":"member"}}}`, later.Unix()*1000)) {
			t.Errorf("the metadata is %s", reply)
		}
		if reply := c.call(t, "mesh/join-room", `{"roomName":"staff"}`); !strings.Contains(reply, `"success":true`) {
			t.Errorf("a member joins: %s", reply)
		}
	}
	guest := h.dial(t, dialing{query: "token=" + tokenOf("bob", later, `,"role":"guest"`)})
	if f := guest.fails(t, "mesh/join-room", `{"roomName":"staff"}`); f.Code != "EDENIED" {
		t.Errorf("a guest joins: %v", f)
	}

	claims := fmt.Sprintf(`{"sub":"ann","iss":"https://id.example","aud":"chat","exp":%d}`, later.Unix())
	none := signed(`{"alg":"none","kid":"k1"}`, claims)
	for token, why := range map[string]string{
		"": "malformed", "x": "malformed", right[:len(right)-1]: "", right + "=": "malformed", right + "A": "",
		none:                                  "signature",
		none[:strings.LastIndex(none, ".")+1]: "signature",
		signed(`{"alg":"RS256","kid":"k1"}`, claims):                                                   "signature",
		signed(`{"alg":"HS256"}`, claims):                                                              "key",
		signed(`{"alg":"HS256","kid":"k2"}`, claims):                                                   "key",
		tokenOf("ann", time.Now().Add(-time.Second), ""):                                               "expired",
		tokenOf("ann", later, `,"aud":"chat"`):                                                         "malformed",
		tokenOf("ann", later, `,"nbf":`+fmt.Sprint(later.Unix())):                                      "not valid yet",
		strings.Replace(right, ".", ".e", 1):                                                           "signature",
		signed(`{"alg":"HS256","kid":"k1"}`, strings.Replace(claims, "id.example", "evil.example", 1)): "issuer",
	} {
		if body := h.refuses(t, dialing{query: "token=" + token}, http.StatusUnauthorized); !strings.Contains(body, why) {
			t.Errorf("%s is refused with %q, not %q", token, body, why)
		}
	}
	h.refuses(t, dialing{}, http.StatusUnauthorized)
	h.refuses(t, dialing{query: "token=" + right + strings.Repeat("A", 9000)}, http.StatusUnauthorized)

	// Without the plugin nobody gets in.
	h.remove(t, jwtGuard)
	h.awaitLog(t, 0, map[string]string{"msg": "plugin unloaded", "file": jwtGuard})
	h.refuses(t, dialing{query: "token=" + right}, http.StatusServiceUnavailable)
}

func TestJSONWebTokenRunsOut(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{jwtGuard}, config: jwtConfig})
	lasting := h.dial(t, dialing{query: "token=" + tokenOf("ann", time.Now().Add(time.Hour), "")})
	expires := time.Now().Add(4 * time.Second).Truncate(time.Second)
	short := h.dial(t, dialing{query: "token=" + tokenOf("bob", expires, "")})
	short.call(t, "mesh/noop", "")
	if code := short.closed(t, patience); code != 4103 {
		t.Errorf("closed with %d", code)
	}
	if early := time.Until(expires); early > 0 {
		t.Errorf("closed %v before its time", early)
	}
	lasting.call(t, "mesh/noop", "")
}
