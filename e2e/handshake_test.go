//go:build linux

package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// first returns the first n frames of a new connection, and then a reply, so
// that a frame too many shows.
func (h *host) first(t *testing.T, n int, d dialing) (subprotocol string, frames []frame) {
	t.Helper()
	w, err := h.connect(t, d)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.send(`{"id":1,"command":"noop"}`); err != nil {
		t.Fatal(err)
	}
	for range n + 1 {
		text, err := w.next()
		if err != nil {
			t.Fatal(err)
		}
		var f frame
		if err := json.Unmarshal(text, &f); err != nil {
			t.Fatal(err)
		}
		frames = append(frames, f)
	}
	if last := frames[n]; last.Command != "noop" || string(last.Payload) != "true" {
		t.Errorf("frame %d is %s %s", n+1, last.Command, last.Payload)
	}
	return w.conn.Subprotocol(), frames[:n]
}

func TestAssignID(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, c := range []struct {
		name, config string
		offered      []string
		subprotocol  string
		commands     []string
	}{
		{"no subprotocol", "", nil, "", []string{"mesh/assign-id", "rt/assign-id"}},
		{"mesh.v1", "", []string{"mesh.v1"}, "mesh.v1", []string{"mesh/assign-id"}},
		{"mesh.v1 among others", "", []string{"mesh.v9", "mesh.v1", "chat"}, "mesh.v1", []string{"mesh/assign-id"}},
		{"another family", "", []string{"chat"}, "", []string{"mesh/assign-id", "rt/assign-id"}},
		{"only rt", `protocol.assign_id = ["rt"]`, nil, "", []string{"rt/assign-id"}},
		{"none", `protocol.assign_id = []`, nil, "", nil},
		{"none, but mesh.v1", `protocol.assign_id = []`, []string{"mesh.v1"}, "mesh.v1", []string{"mesh/assign-id"}},
	} {
		h := start(t, setup{config: c.config})
		subprotocol, frames := h.first(t, len(c.commands), dialing{subprotocols: c.offered})
		if subprotocol != c.subprotocol {
			t.Errorf("%s: subprotocol %q", c.name, subprotocol)
		}
		for i, f := range frames {
			var id string
			if json.Unmarshal(f.Payload, &id) != nil || len(id) < 22 || f.Command != c.commands[i] || f.ID != nil {
				t.Errorf("%s: frame %+v", c.name, f)
			}
			if i > 0 && string(f.Payload) != string(frames[0].Payload) || i == 0 && seen[id] {
				t.Errorf("%s: id %s", c.name, id)
			}
			seen[id] = true
		}
	}
}

func TestUnknownSubprotocolIsRefused(t *testing.T) {
	t.Parallel()
	h := start(t, setup{})
	if body := h.refuses(t, dialing{subprotocols: []string{"mesh.v2", "mesh.v9"}}, http.StatusBadRequest); !strings.Contains(body, "mesh.v1") {
		t.Errorf("the refusal says %q", body)
	}
}

func TestBuiltinsInEveryDialect(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{conformance}})
	for _, d := range []dialing{{}, {subprotocols: []string{"mesh.v1"}}} {
		c := h.dial(t, d)
		for _, prefix := range []string{"mesh/", "rt/", ""} {
			if reply := c.call(t, prefix+"noop", "{}"); reply != "true" {
				t.Errorf("%snoop: %s", prefix, reply)
			}
			if reply := c.call(t, prefix+"get-my-connection-metadata", "{}"); reply != `{"metadata":null}` {
				t.Errorf("%sget-my-connection-metadata: %s", prefix, reply)
			}
		}
		for _, unknown := range []string{"mesh/echo", "rt/echo", "mesh/mesh/noop", "rt/mesh/noop", "MESH/noop", "mesh/", "/noop", " noop"} {
			if f := c.fails(t, unknown, "{}"); f.Code != "ENOTFOUND" {
				t.Errorf("%q gives %v", unknown, f)
			}
		}
	}
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: `handshake.origins = ["https://app.example.com", "https://*.example.org"]`})
	for origin, allowed := range map[string]bool{
		"https://app.example.com": true, "https://a.example.org": true, "https://example.org": false,
		"https://app.example.com.evil.net": false, "http://app.example.com": false, "null": false,
	} {
		d := dialing{header: http.Header{"Origin": {origin}}}
		if allowed {
			h.dial(t, d)
		} else {
			h.refuses(t, d, http.StatusForbidden)
		}
	}
	h.dial(t, dialing{}) // no browser
}
