//go:build linux

package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// Nobody reads the metadata of others, or writes any, unless the operator or a
// plugin lets it.
func TestMetadataIsClosedByDefault(t *testing.T) {
	t.Parallel()
	h := start(t, setup{})
	a, b := h.dial(t, v1), h.dial(t, v1)
	h.describe(t, a, `{"secret":1}`)
	for _, dialect := range dialects {
		a.says(t, dialect+"get-my-connection-metadata", "{}", `{"metadata":{"secret":1}}`)
		a.says(t, dialect+"get-connection-metadata", object("connectionId", a.id), `{"metadata":{"secret":1}}`)
		b.denied(t, dialect+"get-connection-metadata", object("connectionId", a.id), "EDENIED", "same room")
		// Who is not there is not told from who is.
		b.denied(t, dialect+"get-connection-metadata", `{"connectionId":"nobody"}`, "EDENIED", "same room")
		a.denied(t, dialect+"set-my-connection-metadata", `{"metadata":{"a":1}}`, "EDENIED", "metadata.client_writable")
	}
	a.says(t, "mesh/get-my-connection-metadata", "{}", `{"metadata":{"secret":1}}`)
	for _, c := range []*client{a, b} {
		c.call(t, "mesh/join-room", `{"roomName":"both"}`)
	}
	b.says(t, "mesh/get-connection-metadata", object("connectionId", a.id), `{"metadata":{"secret":1}}`)
	a.says(t, "mesh/get-connection-metadata", object("connectionId", b.id), `{"metadata":null}`)
	a.call(t, "mesh/leave-room", `{"roomName":"both"}`)
	b.denied(t, "mesh/get-connection-metadata", object("connectionId", a.id), "EDENIED", "same room")
}

func TestClientWritableMetadata(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{auth}, config: tokens + "[metadata]\nclient_writable = [\"nick\", \"color\"]\n[limits]\nmetadata_size = \"1KiB\"\n"})
	c := h.dial(t, dialing{query: "token=right"})
	has := func(metadata string) {
		t.Helper()
		c.says(t, "mesh/get-my-connection-metadata", "{}", `{"metadata":`+metadata+`,"user":"ann"}`)
		h.opSays(t, "connections.metadata.get", object("connectionId", c.id), `{"metadata":`+metadata+`,"user":"ann"}`)
	}
	has(`{"user":"ann"}`)
	for _, step := range []struct{ payload, want string }{
		{`{"metadata":{"nick":"A"}}`, `{"user":"ann","nick":"A"}`},
		{`{"metadata":{"color":{"h":1,"s":[1]}},"options":{"strategy":"merge"}}`, `{"user":"ann","nick":"A","color":{"h":1,"s":[1]}}`},
		{`{"metadata":{"color":{"s":[2],"l":3}},"options":{"strategy":"deepMerge"}}`, `{"user":"ann","nick":"A","color":{"h":1,"s":[2],"l":3}}`},
		{`{"metadata":{"color":null},"options":{}}`, `{"user":"ann","color":null}`},
		{`{"metadata":{},"options":{"strategy":"replace"}}`, `{"user":"ann"}`},
		{`{"metadata":{"nick":"B"},"options":null}`, `{"user":"ann","nick":"B"}`},
	} {
		c.says(t, "mesh/set-my-connection-metadata", step.payload, `{"success":true}`)
		has(step.want)
	}
	for _, bad := range []struct{ payload, code, part string }{
		{`{"metadata":{"user":"root"}}`, "EDENIED", "user"},
		{`{"metadata":{"nick":"C","admin":true}}`, "EDENIED", "admin"},
		{`{"metadata":{"admin":true},"options":{"strategy":"deepMerge"}}`, "EDENIED", "admin"},
		{`{"metadata":{"us\u0065r":"root"}}`, "EDENIED", "user"},
		{`{"metadata":{"nick":"C","nick\u0000":1}}`, "EDENIED", ""},
		{`{"metadata":null}`, "EPAYLOAD", "metadata"},
		{`{"metadata":"nick"}`, "EPAYLOAD", "metadata"},
		{`{"metadata":["nick"]}`, "EPAYLOAD", "metadata"},
		{`{"metadata":7,"options":{"strategy":"merge"}}`, "EPAYLOAD", "metadata"},
		{`{}`, "EPAYLOAD", "metadata"},
		{``, "EPAYLOAD", "metadata"},
		{`{"metadata":{"nick":"C"},"options":"merge"}`, "EPAYLOAD", "options"},
		{`{"metadata":{"nick":"C"},"options":{"strategy":7}}`, "EPAYLOAD", "options.strategy"},
		{`{"metadata":{"nick":"C"},"options":{"strategy":"append"}}`, "EPAYLOAD", "strategy"},
		{`{"metadata":{"nick":"` + strings.Repeat("x", 1100) + `"}}`, "ETOOLARGE", "limits.metadata_size"},
	} {
		c.denied(t, "mesh/set-my-connection-metadata", bad.payload, bad.code, bad.part)
	}
	// Many small writes do not outgrow the limit either.
	c.says(t, "mesh/set-my-connection-metadata", `{"metadata":{"nick":"`+strings.Repeat("x", 600)+`"}}`, `{"success":true}`)
	c.denied(t, "mesh/set-my-connection-metadata", `{"metadata":{"color":"`+strings.Repeat("y", 600)+`"},"options":{"strategy":"merge"}}`, "ETOOLARGE", "limits.metadata_size")
	c.says(t, "mesh/set-my-connection-metadata", `{"metadata":{"nick":"B"}}`, `{"success":true}`)
	has(`{"user":"ann","nick":"B"}`)
}

// With "*" everything is the client's, but for who it is.
func TestAllMetadataWritable(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{auth}, config: tokens + "[metadata]\nclient_writable = [\"*\"]\n"})
	c := h.dial(t, dialing{query: "token=right"})
	for _, step := range []struct{ payload, want string }{
		{`{"metadata":{"user":"root"}}`, `{"user":"root"}`},
		{`{"metadata":"text"}`, `"text"`},
		{`{"metadata":{"a":1},"options":{"strategy":"merge"}}`, `{"a":1}`},
		{`{"metadata":null}`, `null`},
	} {
		c.says(t, "mesh/set-my-connection-metadata", step.payload, `{"success":true}`)
		c.says(t, "mesh/get-my-connection-metadata", "{}", `{"metadata":`+step.want+`,"user":"ann"}`)
	}
	c.denied(t, "mesh/set-my-connection-metadata", `{"metadata":"x","options":{"strategy":"merge"}}`, "EPAYLOAD", "metadata")
	h.opSays(t, "users.connections", `{"user":"ann"}`, `{"connections":`+list(c.id)+`}`)
	h.opSays(t, "users.connections", `{"user":"root"}`, `{"connections":[]}`)
}

// describe sets a client's metadata as an operator and waits until its own node
// has heard of it, which may be another than the one that was asked.
func (h *host) describe(t *testing.T, c *client, metadata string) {
	t.Helper()
	h.op(t, "connections.metadata.set", fmt.Sprintf(`{"connectionId":%q,"metadata":%s}`, c.id, metadata))
	eventually(t, patience, "its node knows the metadata "+metadata, func() bool {
		return strings.HasPrefix(c.call(t, "mesh/get-my-connection-metadata", "{}"), `{"metadata":`+metadata)
	})
}

func TestMetadataOperations(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: "[limits]\nmetadata_size = \"1KiB\"\n"})
	a, b := h.dial(t, v1), h.dial(t, v1)
	h.describe(t, a, `{"a":{"x":1}}`)
	h.opSays(t, "connections.metadata.set", fmt.Sprintf(`{"connectionId":%q,"metadata":{"a":{"y":2}},"strategy":"deepMerge"}`, a.id), `{"metadata":{"a":{"x":1,"y":2}}}`)
	a.comesToSay(t, "mesh/get-my-connection-metadata", "{}", `{"metadata":{"a":{"x":1,"y":2}}}`)
	b.call(t, "mesh/join-room", `{"roomName":"r"}`)
	h.opSays(t, "connections.metadata.list", `{"roomName":"r"}`, `[{"`+b.id+`":null}]`)
	h.opSays(t, "connections.metadata.list", `{"roomName":"empty"}`, `[]`)
	for _, bad := range []struct {
		request, code, part string
		status              int
	}{
		{`{"connectionId":"nobody","metadata":1}`, "ENOTFOUND", "connection", 404},
		{object("connectionId", a.id), "EPAYLOAD", "metadata", 400},
		{`{"connectionId":"` + a.id + `","metadata":[],"strategy":"merge"}`, "EPAYLOAD", "metadata", 400},
		{`{"connectionId":"` + a.id + `","metadata":{},"strategy":"x"}`, "EPAYLOAD", "strategy", 400},
		{`{"connectionId":"` + a.id + `","metadata":"` + strings.Repeat("x", 1100) + `"}`, "ETOOLARGE", "limits.metadata_size", 413},
	} {
		if status, f := h.opFails(t, "connections.metadata.set", bad.request); status != bad.status || f.Code != bad.code || !strings.Contains(f.Message, bad.part) {
			t.Errorf("%.90s gives %d %v", bad.request, status, &f)
		}
	}
	_ = a.conn.CloseNow()
	eventually(t, patience, "its metadata goes with it", func() bool {
		return h.op(t, "connections.metadata.list", "{}") == `[{"`+b.id+`":null}]`
	})
	if status, f := h.opFails(t, "connections.metadata.get", object("connectionId", a.id)); status != 404 {
		t.Errorf("its metadata gives %d %v", status, &f)
	}
}
