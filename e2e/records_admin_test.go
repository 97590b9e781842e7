//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// listed is a page of records.list.
type listed struct {
	Records []struct {
		RecordID string
		Value    json.RawMessage
		version
	}
	Cursor string
}

func (h *host) records(t *testing.T, request string) (page listed) {
	t.Helper()
	if err := json.Unmarshal([]byte(h.op(t, "records.list", request)), &page); err != nil {
		t.Fatal(err)
	}
	return page
}

// The operations do what they say, through the admin API.
func TestRecordOperations(t *testing.T) {
	t.Parallel()
	h := start(t, setup{})
	h.opSays(t, "records.get", `{"recordId":"r"}`, `{"value":null,"version":0}`)
	at := h.stored(t, "r")
	set := func(request, value string, version int64, changed bool) {
		t.Helper()
		reply := h.op(t, "records.set", request)
		at = h.stored(t, "r")
		if want := fmt.Sprintf(`{"version":%d,"epoch":%q,"changed":%t}`, version, at.Epoch, changed); reply != want {
			t.Errorf("%s gives %s, not %s", request, reply, want)
		}
		h.opSays(t, "records.get", `{"recordId":"r"}`, fmt.Sprintf(`{"value":%s,"version":%d,"epoch":%q}`, value, version, at.Epoch))
	}
	set(`{"recordId":"r","value":{"b":1,"a":[1.0]}}`, `{"b":1,"a":[1.0]}`, 1, true)
	set(`{"recordId":"r","value":{"a":[1],"b":1.0}}`, `{"b":1,"a":[1.0]}`, 1, false)
	set(`{"recordId":"r","value":{"c":{"d":1}},"strategy":"merge"}`, `{"b":1,"a":[1.0],"c":{"d":1}}`, 2, true)
	set(`{"recordId":"r","value":{"c":{"e":2}},"strategy":"deepMerge","expectVersion":2}`, `{"b":1,"a":[1.0],"c":{"d":1,"e":2}}`, 3, true)
	set(`{"recordId":"r","value":null,"ttl":3600000}`, `null`, 4, true)
	h.opSays(t, "records.delete", `{"recordId":"r","expectVersion":4}`, `{"deleted":true,"version":5}`)
	h.opSays(t, "records.delete", `{"recordId":"r"}`, `{"deleted":false,"version":5}`)
	h.opSays(t, "records.get", `{"recordId":"r"}`, fmt.Sprintf(`{"value":null,"version":5,"epoch":%q}`, at.Epoch))
	h.opSays(t, "records.delete", `{"recordId":"never"}`, `{"deleted":false,"version":0}`)
	set(`{"recordId":"r","value":7,"expectVersion":0}`, `7`, 6, true)
	for request, field := range map[string]string{
		`{"recordId":"r"}`:                                "value",
		`{"value":1}`:                                     "recordId",
		`{"recordId":"r","value":1,"ttl":-1}`:             "ttl",
		`{"recordId":"r","value":1,"ttl":99999999999999}`: "ttl",
		`{"recordId":"r","value":1,"strategy":"add"}`:     "strategy",
		`{"recordId":"r","value":1,"expectVersion":-1}`:   "expectVersion",
		`{"recordId":"r","value":1,"expectVersion":"1"}`:  "expectVersion",
		`{"recordId":"r","value":1,"unknown":1}`:          "unknown",
	} {
		if status, f := h.opFails(t, "records.set", request); status != 400 || f.Code != "EPAYLOAD" || !strings.Contains(f.Message, field) {
			t.Errorf("%s gives %d %v", request, status, &f)
		}
	}
	for i, pattern := range []string{"/(/", "/a", "", "a/", "/^.*$/"} {
		a := h.post(t, "/api/records.list", `{"pattern":`+encoded(pattern)+`}`)
		if bad := i == 0; (a.status == 200) == bad {
			t.Errorf("the pattern %q: %d %s", pattern, a.status, a.body)
		}
	}
	if f := h.stored(t, "r"); string(f.Value) != "7" || f.Version != 6 {
		t.Errorf("it has become %+v", f)
	}
}

// Records are listed in pages that have each once, and nothing that is gone.
func TestRecordsList(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: "[limits]\nreply_size = \"2MiB\"\n"})
	want := make(map[string]string)
	for i := range 120 {
		id, value := fmt.Sprintf("list:%d:%d", i%3, i), fmt.Sprintf(`{"n":%d}`, i)
		h.set(t, id, value)
		want[id] = value
	}
	h.set(t, "list:gone", "1")
	h.op(t, "records.delete", `{"recordId":"list:gone"}`)
	h.set(t, "other", "1")
	for _, try := range []struct {
		pattern string
		limit   int
		prefix  string
	}{{"/^list:.+$/", 7, "list:"}, {"/^list:1:.+$/", 1000, "list:1:"}, {"list:2:2", 1, "list:2:2"}, {"nothing", 10, "nothing"}} {
		seen := make(map[string]bool)
		for cursor, pages := "", 0; ; pages++ {
			request := fmt.Sprintf(`{"pattern":%q,"limit":%d,"values":true`, try.pattern, try.limit)
			if cursor != "" {
				request += `,"cursor":` + encoded(cursor)
			}
			page := h.records(t, request+"}")
			if len(page.Records) > try.limit || pages > 200 {
				t.Fatalf("page %d has %d records", pages, len(page.Records))
			}
			for _, r := range page.Records {
				if seen[r.RecordID] || string(r.Value) != want[r.RecordID] || r.Version != 1 || r.Epoch == "" {
					t.Errorf("listed is %+v", r)
				}
				seen[r.RecordID] = true
			}
			if cursor = page.Cursor; cursor == "" {
				break
			}
		}
		n := 0
		for id := range want {
			if id == try.prefix || strings.HasPrefix(id, try.prefix) && strings.HasSuffix(try.prefix, ":") {
				n++
			}
		}
		if len(seen) != n {
			t.Errorf("%s lists %d of %d", try.pattern, len(seen), n)
		}
	}
	for _, r := range h.records(t, `{"pattern":"/^list:.+$/"}`).Records {
		if r.Value != nil {
			t.Errorf("a value that was not asked for: %+v", r)
		}
	}
	// Values make pages shorter, never too long.
	large := `"` + strings.Repeat("x", 700_000) + `"`
	for i := range 6 {
		h.set(t, fmt.Sprint("large:", i), large)
	}
	n := 0
	for cursor, pages := "", 0; pages < 20; pages++ {
		page := h.records(t, `{"pattern":"/^large:.+$/","values":true,"cursor":`+encoded(cursor)+`}`)
		n += len(page.Records)
		if cursor = page.Cursor; cursor == "" {
			break
		}
	}
	if n != 6 {
		t.Errorf("%d of 6 large records are listed", n)
	}
	for _, request := range []string{`{"limit":-1}`, `{"limit":1001}`, `{"cursor":"\u0000"}`, `{"pattern":"/[/"}`} {
		if a := h.post(t, "/api/records.list", request); a.status == 500 {
			t.Errorf("%s is answered %d %s", request, a.status, a.body)
		}
	}
}

// The command line is a door to them as well.
func TestRecordCommands(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: recordsConfig})
	c := h.dial(t, v1)
	c.followsIn(t, "full", "open:cli", 0)
	api := func(args ...string) string {
		t.Helper()
		code, stdout, stderr := meshHost(t, "", append([]string{"api", "--address", h.admin}, args...)...)
		if code != 0 || stderr != "" {
			t.Fatalf("api %q: code %d, stderr %q", args, code, stderr)
		}
		return strings.TrimSpace(stdout)
	}
	api("records.set", `{"recordId":"open:cli","value":{"n":9007199254740993}}`)
	epoch := h.stored(t, "open:cli").Epoch
	if got := api("records.get", `{"recordId":"open:cli"}`); got != fmt.Sprintf(`{"value":{"n":9007199254740993},"version":1,"epoch":%q}`, epoch) {
		t.Errorf("records.get prints %s", got)
	}
	if got := api("records.list", `{"pattern":"/^open:.*$/"}`); !strings.Contains(got, `"open:cli"`) {
		t.Errorf("records.list prints %s", got)
	}
	if got := api("records.transaction", `{"operations":[{"op":"delete","recordId":"open:cli"}]}`); !strings.Contains(got, `"version":2`) {
		t.Errorf("records.transaction prints %s", got)
	}
	if got := api("records.unsubscribe", object("recordId", "open:cli", "connectionId", c.id)); got != `{"unsubscribed":true}` {
		t.Errorf("records.unsubscribe prints %s", got)
	}
	c.told(t, `open:cli 1 {"n":9007199254740993}`, `open:cli 2 -`)
	code, _, stderr := meshHost(t, "", "api", "--address", h.admin, "records.set", `{"recordId":"open:cli","value":1,"expectVersion":9}`)
	if code != 1 || !strings.Contains(stderr, "ECONFLICT") {
		t.Errorf("a conflict: code %d, %q", code, stderr)
	}
	_, stdout, _ := meshHost(t, "", "api", "--list")
	for _, name := range []string{"records.get", "records.set", "records.delete", "records.list", "records.transaction", "records.unsubscribe", "collections.unsubscribe"} {
		if !strings.Contains(stdout, "\n"+name+" ") {
			t.Errorf("--list does not have %s", name)
		}
	}
}

// exposedRecord and exposedCollection are entries of exposures.list.
type exposedRecord struct {
	Pattern, Guard, WriteGuard, TTL, SlowConsumer, Source string
	Writable                                              bool
}

type exposedCollection struct {
	Pattern, Guard, Resolver, Sort, Source string
	Shared                                 bool
	Records                                []string
	Filter                                 map[string][]json.RawMessage
	Limit                                  int
}

// Records and collections are listed in the order in which they are tried.
func TestExposuresListRecords(t *testing.T) {
	t.Parallel()
	h := start(t, setup{content: map[string][]byte{"resolver.wasm": resolver}, config: `
[[records]]
pattern = "board"
guard = "resolver.allows"
[[records]]
pattern = "/^cursor:.+$/"
writable = true
write_guard = "resolver.refuses"
ttl = "1m"
slow_consumer = "conflate"
[[collections]]
pattern = "/^of:([^:]+)$/"
guard = "resolver.allows"
records = ["board", "/^cursor:.+$/"]
filter = {open = true, "a.b" = ["$1", 1.50]}
sort = "-at.time"
limit = 7
[[collections]]
pattern = "all"
records = "/^.*$/"
` + resolverConfig(`{pattern = "/^\\[.*$/", handler = 1, records = ["/^open:.+$/"], shared = true, limit = 3}`, `{pattern = "x", handler = 2, guard = "refuses"}`)})
	var x struct {
		Records     []exposedRecord
		Collections []exposedCollection
	}
	text := h.op(t, "exposures.list", "{}")
	if err := json.Unmarshal([]byte(text), &x); err != nil {
		t.Fatal(err)
	}
	wantRecords := []exposedRecord{
		{Pattern: "board", Guard: "resolver.allows", SlowConsumer: "disconnect", Source: "config"},
		{Pattern: "/^cursor:.+$/", Writable: true, WriteGuard: "resolver.refuses", TTL: "1m0s", SlowConsumer: "conflate", Source: "config"},
		{Pattern: "/^hidden:.+$/", Guard: "resolver.refuses", SlowConsumer: "disconnect", Source: "resolver"},
	}
	if !slices.Equal(x.Records, wantRecords) {
		t.Errorf("records: %+v", x.Records)
	}
	wantCollections := []exposedCollection{
		{Pattern: "/^of:([^:]+)$/", Guard: "resolver.allows", Records: []string{"board", "/^cursor:.+$/"}, Sort: "-at.time", Limit: 7, Source: "config",
			Filter: map[string][]json.RawMessage{"open": {json.RawMessage("true")}, "a.b": {json.RawMessage(`"$1"`), json.RawMessage("1.5")}}},
		{Pattern: "all", Records: []string{"/^.*$/"}, Limit: 100, Source: "config"},
		{Pattern: "/^\\[.*$/", Resolver: "resolver.0", Records: []string{"/^open:.+$/"}, Shared: true, Limit: 3, Source: "resolver"},
		{Pattern: "x", Guard: "resolver.refuses", Resolver: "resolver.1", Limit: 100, Source: "resolver"},
	}
	if encoded(x.Collections) != encoded(wantCollections) {
		t.Errorf("collections: %s, not %s", encoded(x.Collections), encoded(wantCollections))
	}
}
