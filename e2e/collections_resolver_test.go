//go:build linux

package e2e

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// resolver has resolvers of collections that are what their names say.
//
//go:embed testdata/resolver.wasm
var resolver []byte

func TestResolverIsUpToDate(t *testing.T) {
	t.Parallel()
	fresh := filepath.Join(t.TempDir(), "resolver.wasm")
	if out, err := exec.Command("wat2wasm", "testdata/resolver.wat", "-o", fresh).CombinedOutput(); err != nil {
		t.Fatalf("wat2wasm (Debian package wabt): %v\n%s", err, out)
	}
	if module, err := os.ReadFile(fresh); err != nil || !bytes.Equal(module, resolver) {
		t.Errorf("testdata/resolver.wasm is not made from resolver.wat: %v", err)
	}
}

// resolverConfig has the plugin register collections, given as inline tables, a
// guard that allows and one that refuses, and records behind it.
func resolverConfig(collections ...string) string {
	return `
[plugins.resolver]
log_rate = 10000
[plugins.resolver.config]
name = "resolver"
capabilities = [{name = "records.read"}]
guards = [{name = "allows", handler = 5}, {name = "refuses", handler = 6}]
records = [{pattern = "/^hidden:.+$/", guard = "refuses"}]
collections = [` + strings.Join(collections, ", ") + "]\n"
}

// resolvedConfig has a collection for each kind of resolver.
func resolvedConfig() string {
	return recordsConfig + `
[[records]]
pattern = "/^r[0-9]+$/"
writable = true
[[records]]
pattern = "/^list:.+$/"
[[records]]
pattern = "/^[A-Za-z0-9_-]{20,}$/"
` + resolverConfig(
		`{pattern = "/^\\[.*$/", handler = 1, records = ["/^open:.+$/"]}`,
		`{pattern = "/^\\{.*$/", handler = 1}`,
		`{pattern = "/^list:.+$/", handler = 2, records = ["/^list:.+$/", "/^open:.+$/"]}`,
		`{pattern = "/^shared:.+$/", handler = 2, records = ["/^shared:.+$/"], shared = true}`,
		`{pattern = "mine", handler = 3, records = ["none"]}`,
		`{pattern = "mine, shared", handler = 3, shared = true}`,
		`{pattern = "many", handler = 4, records = ["/^r[0-9]+$/"], limit = 1000}`,
		`{pattern = "none", handler = 5}`,
		`{pattern = "refused", handler = 6}`,
		`{pattern = "guarded", handler = 5, guard = "refuses"}`,
	)
}

// resolverCalls is how often the plugin was called.
func (h *host) resolverCalls(t *testing.T) int {
	t.Helper()
	return int(h.metric(t, `mesh_host_plugin_calls_total{plugin="resolver"}`))
}

// Of what a resolver names a client sees what is there and what it may read,
// each once, in the resolver's order.
func TestResolvedCollections(t *testing.T) {
	t.Parallel()
	h := start(t, setup{content: map[string][]byte{"resolver.wasm": resolver}, config: resolvedConfig()})
	c := h.dial(t, v1)
	for _, id := range []string{"open:b", "open:a", "open:ü", "read:x", "hidden:x", "closed", "open:null"} {
		h.set(t, id, `{"of":`+encoded(id)+`}`)
	}
	h.set(t, "open:null", "null")
	h.set(t, "open:gone", "1")
	h.op(t, "records.delete", `{"recordId":"open:gone"}`)
	for id, want := range map[string][]string{
		`["open:b","open:a"]`:                       {"open:b", "open:a"},
		`[]`:                                        {},
		`[ "open:a" , "read:x" ]`:                   {"open:a", "read:x"},
		`["open:\u00fc","open:ü"]`:                  {"open:ü"},
		`["open:a","open:missing","open:gone"]`:     {"open:a"},
		`["missing"]`:                               {},
		`["open:a","open:b","open:a","open:a"]`:     {"open:a", "open:b"},
		`["hidden:x","open:a","closed","hidden:y"]`: {"open:a"},
		`["open:null"]`:                             {"open:null"},
		`["","open:a","a\u0000b"]`:                  {"open:a"},
		"none":                                      {},
	} {
		c.collects(t, id, want...)
	}
	for _, x := range []*client{h.dial(t, v1), h.dial(t, v1)} {
		x.collects(t, "mine")
		h.set(t, x.id, "1")
		x.collects(t, "mine", x.id)
		x.collects(t, "mine, shared") // which has no connection
	}
	c.says(t, "mesh/subscribe-collection", `{"collectionId":"guarded"}`, refusedCollection)
}

// What a resolver answers wrongly refuses that subscription, with an error, and
// costs no one else anything.
func TestBadResolvers(t *testing.T) {
	t.Parallel()
	puppet := "[plugins.puppet]\nlog_rate = 10000\ndeadline = \"300ms\"\n[plugins.puppet.config]\nname = \"puppet\"\n"
	for name, handler := range map[string]int{"traps": 4, "spins": 3, "recurses": 5, "grows": 6, "outside": 7, "huge": 8, "unjson": 9, "truncated": 10, "status": 11, "exits": 12, "errs": 15, "forbids": 17, "text": 20} {
		puppet += fmt.Sprintf("[[plugins.puppet.config.collections]]\npattern = %q\nhandler = %d\n", name, handler)
	}
	content := puppets(t, "puppet")
	content["resolver.wasm"] = resolver
	// What answers nothing but rubbish would be suspended.
	h := start(t, setup{content: content, config: resolvedConfig() + puppet, env: []string{"MESH_PLUGINS_RESOLVER_BREAKER=0"}})
	h.set(t, "open:a", `1`)
	c, other := h.dial(t, v1), h.dial(t, v1)
	other.collects(t, `["open:a"]`, "open:a")
	for id, code := range map[string]string{
		"traps": "EPLUGIN", "spins": "ETIMEOUT", "recurses": "EPLUGIN or ETIMEOUT", "grows": "EPLUGIN", "outside": "EPLUGIN", "huge": "EPLUGIN", "unjson": "EPLUGIN",
		"truncated": "EPLUGIN", "status": "EPLUGIN", "exits": "EPLUGIN", "errs": "EOWN", "forbids": "EOWN", "text": "EPLUGIN", "refused": "EDENIED",
		`["open:a",7]`: "EPLUGIN", `[null]`: "EPLUGIN", `[["open:a"]]`: "EPLUGIN", `[{"id":"open:a"}]`: "EPLUGIN", `[true]`: "EPLUGIN",
		`["open:a"`: "EPLUGIN", `["open:a",]`: "EPLUGIN", `[rubbish]`: "EPLUGIN", `["open:a"]]`: "EPLUGIN", `{"a":1}`: "EPLUGIN", `{}`: "EPLUGIN",
	} {
		for _, dialect := range dialects {
			f := c.fails(t, dialect+"subscribe-collection", object("collectionId", id))
			if !strings.Contains(code, f.Code) {
				t.Errorf("%s is answered %+v, not %s", id, f, code)
			}
			c.says(t, dialect+"unsubscribe-collection", object("collectionId", id), "false")
		}
	}
	for _, x := range []*client{c, other} {
		x.collects(t, `["open:a"]`, "open:a")
	}
	h.set(t, "open:a", "2")
	other.told(t, "open:a 2 2")
	c.told(t, "open:a 2 2")
}

// A hundred thousand ids are looked at as far as a collection may have records,
// and cost no more than that.
func TestResolverOfManyIDs(t *testing.T) {
	t.Parallel()
	h := start(t, setup{content: map[string][]byte{"resolver.wasm": resolver}, config: resolvedConfig() + "[limits]\nhooks = 65536\n"})
	c := h.dial(t, v1)
	want := []string{"r00000", "r00007", "r00500", "r00999"}
	for _, id := range append(slices.Clone(want), "r99999") {
		h.set(t, id, "1")
	}
	before := usageOf(t, h.pid())
	at := time.Now()
	for range 5 {
		c.collects(t, "many", want...)
	}
	took, after := time.Since(at), usageOf(t, h.pid())
	t.Logf("each in %v; before %v, after %v", took/5, before, after)
	if took > 10*time.Second || after.resident-before.resident > 64<<20 {
		t.Errorf("it takes %v, and %v instead of %v", took, after, before)
	}
	h.set(t, "r00008", "1")
	if d := c.diffs(t, 1); !slices.Equal(changesOf(t, d[0].Added), []string{"r00008"}) {
		t.Errorf("the diff is %+v", d)
	}
	c.says(t, "mesh/unsubscribe-collection", `{"collectionId":"many"}`, "true")
	eventually(t, patience, "nothing is left of it", func() bool { return h.metric(t, "mesh_host_topics") == 0 })
}

// A collection is resolved again when a record has changed that its patterns
// match, and only then; a shared one once for all.
func TestResolvedAgain(t *testing.T) {
	t.Parallel()
	h := start(t, setup{content: map[string][]byte{"resolver.wasm": resolver}, config: resolvedConfig()})
	for i := range 6 {
		h.set(t, fmt.Sprint("open:", i), fmt.Sprint(i))
	}
	h.set(t, "list:x", `["open:0"]`)
	h.set(t, "shared:x", `["open:0","open:1"]`)
	calls := h.resolverCalls(t)
	const n = 5
	own, shared := h.dialMany(t, n, v1), h.dialMany(t, n, v1)
	for i := range n {
		own[i].collects(t, "list:x", "open:0")
		shared[i].collects(t, "shared:x", "open:0", "open:1")
	}
	if got := h.resolverCalls(t) - calls; got > 2*n {
		t.Errorf("%d subscriptions make %d calls", 2*n, got)
	}
	calls = h.resolverCalls(t)
	// What neither depends on.
	for i := range 20 {
		h.set(t, "read:x", fmt.Sprint(i))
	}
	rest(400 * time.Millisecond)
	if got := h.resolverCalls(t) - calls; got != 0 {
		t.Errorf("a record that does not matter makes %d calls", got)
	}
	h.set(t, "shared:x", `["open:1","open:2"]`)
	for _, c := range shared {
		if d := c.diffs(t, 1); !slices.Equal(changesOf(t, d[0].Added), []string{"open:2"}) || !slices.Equal(changesOf(t, d[0].Removed), []string{"open:0"}) {
			t.Errorf("the diff is %+v", d)
		}
	}
	if got := h.resolverCalls(t) - calls; got != len(h.all()) { // one on each node
		t.Errorf("a change of what is shared makes %d calls", got)
	}
	calls = h.resolverCalls(t)
	h.set(t, "list:x", `["open:3"]`)
	for _, c := range own {
		c.diffs(t, 1)
	}
	if got := h.resolverCalls(t) - calls; got < 1 || got > n {
		t.Errorf("a change of what is not shared makes %d calls", got)
	}
	// What the resolver says wrongly later leaves the collection as it is.
	lines := h.log.len()
	h.set(t, "list:x", `[7]`)
	h.awaitLog(t, lines, map[string]string{"collection": "list:x"})
	h.set(t, "open:3", `"changed"`)
	for _, c := range own {
		c.told(t, `open:3 2 "changed"`)
		if d := c.diffs(t, 1); len(d) != 1 {
			t.Errorf("the diffs are %+v", d)
		}
	}
	h.set(t, "list:x", `["open:4","hidden:x","open:3"]`)
	for _, c := range own {
		if d := c.diffs(t, 2)[1]; d.Version != 3 || !slices.Equal(changesOf(t, d.Added), []string{"open:4"}) || len(d.Removed) != 0 {
			t.Errorf("the diff is %+v", d)
		}
	}
	// A deletion removes, also what the resolver still names.
	h.op(t, "records.delete", `{"recordId":"open:4"}`)
	for _, c := range own {
		if d := c.diffs(t, 3)[2]; len(d.Added) != 0 || !slices.Equal(changesOf(t, d.Removed), []string{"open:4"}) {
			t.Errorf("the diff is %+v", d)
		}
	}
}
