//go:build linux

package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

const tokens = "[plugins.auth.config.tokens]\n\"right\" = \"ann\"\n\"other\" = \"bob\"\n"

func TestTokens(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{auth, conformance}, config: tokens})

	for token, user := range map[string]string{"right": "ann", "other": "bob"} {
		c := h.dial(t, dialing{query: "x=1&token=" + token})
		if reply := c.call(t, "secret.whoami", ""); !strings.Contains(reply, `"`+user+`"`) {
			t.Errorf("secret.whoami: %s", reply)
		}
		if reply := c.call(t, "whoami", ""); !strings.Contains(reply, fmt.Sprintf(`"connectionId":%q`, c.id)) ||
			!strings.Contains(reply, fmt.Sprintf(`"locals":{"user":%q`, user)) || strings.Contains(reply, `"metadata":null`) {
			t.Errorf("whoami: %s", reply)
		}
		reply := c.call(t, "get-my-connection-metadata", "{}")
		if !strings.Contains(reply, fmt.Sprintf(`"user":%q`, user)) || strings.Contains(reply, `"metadata":null`) {
			t.Errorf("metadata: %s", reply)
		}
		if strings.Contains(reply, token) {
			t.Errorf("the token is in the metadata: %s", reply)
		}
	}

	anonymous := h.dial(t, dialing{})
	for _, command := range []string{"secret.whoami", "secret.whoami"} {
		if f := anonymous.fails(t, command, ""); f.Code != "EDENIED" || f.Name != "DeniedError" {
			t.Errorf("%s gives %+v", command, f)
		}
	}
	if f := anonymous.fails(t, "secret.none", ""); f.Code != "ENOTFOUND" {
		t.Errorf("existence is checked first, not %v", f)
	}
	anonymous.echoes(t)

	for _, query := range []string{"token=wrong", "token=RIGHT", "token=right%20", "token=", "token=wrong&token=right"} {
		if body := h.refuses(t, dialing{query: query}, http.StatusUnauthorized); body == "" {
			t.Errorf("%s is refused without a word", query)
		}
	}
}

// Deleting a guard's file never opens the door.
func TestRequiredPluginGoesAndComesBack(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{auth, conformance}, config: "[auth]\nrequire = [\"auth\"]\n" + tokens})
	before := h.dial(t, dialing{query: "token=right"})
	before.call(t, "secret.whoami", "")

	h.remove(t, auth)
	h.awaitLog(t, 0, map[string]string{"msg": "plugin unloaded", "file": auth})
	h.refuses(t, dialing{query: "token=right"}, http.StatusServiceUnavailable)
	h.refuses(t, dialing{}, http.StatusServiceUnavailable)
	if status, _ := get(t, "http://"+h.address+"/readyz"); status != http.StatusServiceUnavailable {
		t.Errorf("/readyz: %d", status)
	}
	if f := before.fails(t, "echo", "1"); f.Code != "EPLUGIN" {
		t.Errorf("a command without its guard gives %v", f)
	}
	if got := before.call(t, "mesh/noop", ""); got != "true" {
		t.Errorf("the session does not live on: noop gives %s", got)
	}
	if f := before.fails(t, "secret.whoami", ""); f.Code != "ENOTFOUND" {
		t.Errorf("a command of a plugin that is gone gives %v", f)
	}

	h.install(t, auth, builtPlugin(t, auth))
	eventually(t, patience, "handshakes succeed again", func() bool {
		_, err := h.tryDial(t, dialing{query: "token=right"})
		return err == nil
	})
	before.call(t, "secret.whoami", "")
	h.refuses(t, dialing{query: "token=wrong"}, http.StatusUnauthorized)
}

// A broken file does not open it either: the guard before goes on.
func TestRequiredPluginOverwrittenWithRubbish(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{auth, conformance}, config: "[auth]\nrequire = [\"auth\"]\n" + tokens})
	h.install(t, auth, []byte("rubbish"))
	h.awaitLog(t, 0, map[string]string{"level": "ERROR", "file": auth})
	h.dial(t, dialing{query: "token=right"}).call(t, "secret.whoami", "")
	h.refuses(t, dialing{query: "token=wrong"}, http.StatusUnauthorized)
}

// A plugin of the right name that authenticates nobody is no guard.
func TestRequiredPluginWithoutTheHook(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{conformance}, config: "[auth]\nrequire = [\"conformance\"]\n"})
	h.refuses(t, dialing{}, http.StatusServiceUnavailable)
	if status, body := get(t, "http://"+h.address+"/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(body, `"conformance"`) {
		t.Errorf("/readyz is %d %q though nobody gets in", status, body)
	}
	h.awaitLog(t, 0, map[string]string{"level": "ERROR", "plugin": "conformance", "msg": "auth.require"})
}
