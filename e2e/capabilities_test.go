//go:build linux

package e2e

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// configure changes the configuration file of a running host.
func (h *host) configure(t *testing.T, config string) {
	t.Helper()
	args := h.cmd.Args
	at := slices.Index(args, "--config")
	if err := os.WriteFile(args[at+1], []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
}

// grantLine is what the log says is to be written into the configuration.
var grantLine = regexp.MustCompile(`To grant it, set in \[plugins\.storm\]: (capabilities = \[[^\]]*\])`)

// A plugin that needs more than it is granted does not load. The log has all that
// is missing, and the line that grants it: written into the file as it stands
// there, it does.
func TestGrantFromTheLog(t *testing.T) {
	t.Parallel()
	commands := map[string]int{"fine": 1}
	h := startOne(t, setup{
		content: map[string][]byte{"storm.wasm": storm(t, "storm")}, config: stormPlugin("storm", "capabilities = []", commands),
	})
	c := h.dial(t, dialing{})
	r := h.awaitLog(t, 0, map[string]string{"level": "ERROR", "msg": "plugin not loaded", "file": "storm.wasm", "version": short(storm(t, "storm"))})
	text, _ := r["error"].(string)
	for _, part := range []string{`"kv" (imports kv.get, kv.set)`, `"connections.send" (imports broadcast, connections.send)`} {
		if !strings.Contains(text, part) {
			t.Errorf("the log does not say %s: %s", part, text)
		}
	}
	line := grantLine.FindStringSubmatch(text)
	if line == nil {
		t.Fatalf("no line to grant it: %s", text)
	}
	if f := c.fails(t, "storm.fine", `1`); f.Code != "ENOTFOUND" {
		t.Errorf("before it is granted: %+v", f)
	}
	if p := h.listed(t, "storm"); p.Loaded || !strings.HasSuffix(p.Error, text) {
		t.Errorf("plugins.list says %+v", p)
	}

	h.configure(t, stormPlugin("storm", `capabilities = ["kv"]`, commands)) // half of it
	if _, f := h.opFails(t, "plugins.reload", `{"name":"storm"}`); !strings.Contains(f.Message, `"connections.send"`) || strings.Contains(f.Message, "kv.get") {
		t.Errorf("with half of it: %+v", f)
	}
	h.configure(t, stormPlugin("storm", line[1], commands))
	h.op(t, "plugins.reload", `{"name":"storm"}`)
	if reply := c.call(t, "storm.fine", `1`); reply != `1` {
		t.Errorf("with %s it answers %s", line[1], reply)
	}
	if p := h.listed(t, "storm"); !p.Loaded || p.Error != "" || !slices.Equal(p.Granted, []string{"connections.send", "kv"}) {
		t.Errorf("plugins.list says %+v", p)
	}
}

// A version that asks for more than is granted does not take the place of the one
// that serves.
func TestServesWhileMoreIsAsked(t *testing.T) {
	t.Parallel()
	const granted = `capabilities = ["kv", "connections.send"]`
	config := stormPlugin("storm", granted, map[string]int{"fine": 1})
	h := startOne(t, setup{content: map[string][]byte{"storm.wasm": storm(t, "first")}, config: config})
	c := h.dial(t, dialing{})
	c.call(t, "storm.fine", `1`)
	h.configure(t, config+`
[[plugins.storm.config.capabilities]]
name = "records.write:score:*"
[[plugins.storm.config.capabilities]]
name = "http:https://api.example.com"
`)
	h.install(t, "storm.wasm", storm(t, "second"))
	reload := func() failure { _, f := h.opFails(t, "plugins.reload", `{"name":"storm"}`); return f }
	for _, part := range []string{`records.write:score:*`, `http = ["https://api.example.com"]`} {
		if f := reload(); !strings.Contains(f.Message, part) {
			t.Errorf("%+v does not say %s", f, part)
		}
	}
	if reply := c.call(t, "storm.fine", `1`); reply != `1` {
		t.Errorf("meanwhile it answers %s", reply)
	}
	if p := h.listed(t, "storm"); !p.Loaded || p.Version != short(storm(t, "first")) || p.Error == "" {
		t.Errorf("plugins.list says %+v", p)
	}
}

// Host calls are held against the names of the grant: each name of a transaction,
// and what lists needs all.
func TestGrantsForNames(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{conformance}, config: `
[plugins.conformance]
capabilities = ["kv:/^(mine:.+|hook:.+|last:.+|versions:.+|count)$/", "records:score:*", "channels:news", "connections", "rooms", "presence", "collections"]
`})
	c := h.dial(t, dialing{})
	for _, allowed := range [][2]string{
		{"kv.set", `{"key":"mine:a","value":1}`},
		{"records.set", `{"recordId":"score:a","value":1}`},
		{"records.get", `{"recordId":"score:b"}`},
		{"records.transaction", `{"operations":[{"op":"write","recordId":"score:b","value":1},{"op":"write","recordId":"score:c","value":1}]}`},
		{"channels.publish", `{"channel":"news","message":"x"}`},
	} {
		c.call(t, allowed[0], allowed[1])
	}
	denied := [][3]string{
		{"kv.set", `{"key":"theirs","value":1}`, `not granted for "theirs"`},
		{"kv.get", `{"key":"xmine:a"}`, `not granted for "xmine:a"`},
		{"records.set", `{"recordId":"vault","value":1}`, `"records.write" is not granted for "vault"`},
		{"records.get", `{"recordId":"vault"}`, `"records.read" is not granted for "vault"`},
		{"records.list", `{}`, `for certain names only`},
		{"records.transaction", `{"operations":[{"op":"write","recordId":"score:d","value":1},{"op":"write","recordId":"vault","value":1}]}`, `for "vault"`},
		{"records.transaction", `{"operations":[{"op":"write","recordId":"score:d","value":1},{"op":"delete","recordId":"vault"}]}`, `for "vault"`},
		{"channels.publish", `{"channel":"other","message":"x"}`, `for "other"`},
		{"http.fetch", `{"url":"http://127.0.0.1:2/"}`, `is not among plugins.conformance.http`},
	}
	for _, d := range denied {
		if f := c.fails(t, d[0], d[1]); f.Code != "EDENIED" || !strings.Contains(f.Message, d[2]) {
			t.Errorf("%s %s gives %+v, not %s", d[0], d[1], f, d[2])
		}
	}
	if n := h.metric(t, `mesh_host_plugin_host_calls_denied_total{plugin="conformance"}`); n != float64(len(denied)) {
		t.Errorf("%v host calls were denied, not %d", n, len(denied))
	}
	if reply := c.call(t, "records.get", `{"recordId":"score:d"}`); !strings.Contains(reply, `"version":0`) {
		t.Errorf("half of a denied transaction was made: %s", reply)
	}
	h.opSays(t, "records.list", `{"pattern":"vault"}`, `{"records":[]}`)
}
