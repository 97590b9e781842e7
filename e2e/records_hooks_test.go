//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
)

// recordHooked is how often a hook of a record has run, and what it saw last.
type recordHooked struct {
	Count int
	Last  struct {
		ConnectionID, User, RecordID, Reason string
		Metadata, Value                      json.RawMessage
		version
	}
}

// recordRan waits until a hook of a record has run n times, and never once more,
// and returns what it saw.
func (c *client) recordRan(t *testing.T, event, id string, n int) (h recordHooked) {
	t.Helper()
	look := func() bool {
		h = recordHooked{}
		if err := json.Unmarshal([]byte(c.call(t, "hooks", object("event", event, "recordId", id))), &h); err != nil {
			t.Fatal(err)
		}
		return h.Count >= n
	}
	if !polled(patience, look) || h.Count != n {
		t.Fatalf("the hook %s of %s has run %d times, not %d", event, id, h.Count, n)
	}
	return h
}

// hookedVersions are the versions of a record that its hooks were told of.
func (c *client) hookedVersions(t *testing.T, id string) (versions []int64) {
	t.Helper()
	var kept struct{ Value []int64 }
	if err := json.Unmarshal([]byte(c.call(t, "kv.get", object("key", "versions:"+id))), &kept); err != nil {
		t.Fatal(err)
	}
	return kept.Value
}

func upTo(n int64) (numbers []int64) {
	for i := range n {
		numbers = append(numbers, i+1)
	}
	return numbers
}

// The hooks of records run once for each version, see what it is and who wrote
// it, and why a record has gone.
func TestRecordHooks(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{auth, conformance}, config: tokens + `
[[records]]
pattern = "/^hooked:short:.+$/"
writable = true
ttl = "1s"
`})
	watcher := h.dial(t, v1)
	c := h.dial(t, dialing{query: "token=right", subprotocols: v1.subprotocols})
	const id = "hooked:a"
	at := c.write(t, id, `{"n":1}`)
	saw := func(event string, n int, want version, connection, value, reason string) {
		t.Helper()
		x := watcher.recordRan(t, event, id, n).Last
		user, metadata := "ann", `{"user":"ann"}`
		if connection == "" {
			user, metadata = "", "null"
		}
		if x.version != want || x.ConnectionID != connection || x.User != user || string(x.Metadata) != metadata && connection != "" ||
			x.RecordID != id || string(x.Value) != value || x.Reason != reason {
			t.Errorf("%s sees %+v", event, x)
		}
	}
	saw("recordUpdate", 1, at, c.id, `{"n":1}`, "")
	c.write(t, id, `{"n":1.0}`) // no version
	c.write(t, id, `{"m":9007199254740993}`, `"strategy":"merge"`)
	saw("recordUpdate", 2, version{at.Epoch, 2}, c.id, `{"n":1,"m":9007199254740993}`, "")
	h.set(t, id, `null`)
	saw("recordUpdate", 3, version{at.Epoch, 3}, "", `null`, "")
	c.transact(t, writeOp(id, `[4]`), writeOp("hooked:b", `1`))
	saw("recordUpdate", 4, version{at.Epoch, 4}, c.id, `[4]`, "")
	watcher.recordRan(t, "recordUpdate", "hooked:b", 1)
	c.delete(t, id)
	saw("recordRemoved", 1, version{at.Epoch, 5}, c.id, `[4]`, "deleted")
	c.delete(t, id)
	h.op(t, "records.delete", object("recordId", id))
	c.call(t, "records.set", `{"recordId":"hooked:a","value":6}`) // the plugin's own, which sets off its own hook
	saw("recordUpdate", 5, version{at.Epoch, 6}, "", `6`, "")
	h.op(t, "records.delete", object("recordId", id))
	saw("recordRemoved", 2, version{at.Epoch, 7}, "", `6`, "deleted")
	if got := watcher.hookedVersions(t, id); !slices.Equal(got, upTo(7)) {
		t.Errorf("the hooks were told of %v", got)
	}
	c.write(t, "hooked:short:a", `"short"`)
	if x := watcher.recordRan(t, "recordRemoved", "hooked:short:a", 1).Last; x.Reason != "expired" || x.ConnectionID != "" || string(x.Value) != `"short"` || x.Version != 2 {
		t.Errorf("expiry is seen as %+v", x)
	}
	// A write that is refused, or part of a transaction that fails, is none.
	c.fails(t, "mesh/publish-record-update", recordWrite(id, "1", `"expectVersion":1`))
	c.fails(t, "mesh/transaction", `{"operations":[`+writeOp(id, "1")+","+writeOp("closed", "1")+`]}`)
	c.write(t, "shared:x", "1") // of which no hook wants to know
	watcher.recordRan(t, "recordUpdate", id, 5)
	watcher.recordRan(t, "recordUpdate", "shared:x", 0)
}

// Many write at once: the hooks see every version once, and those of a record in
// their order.
func TestRecordHooksOfManyWriters(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{conformance}})
	watcher := h.dial(t, v1)
	const clients, writes, records = 10, 30, 3
	var group sync.WaitGroup
	for i, c := range h.dialMany(t, clients, v1) {
		group.Go(func() {
			for n := range writes {
				id := fmt.Sprint("hooked:many ", (i+n)%records)
				if _, err := c.ask("mesh/publish-record-update", recordWrite(id, fmt.Sprintf(`{"c%d":%d}`, i, n), `"strategy":"merge"`)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	for r := range records {
		id := fmt.Sprint("hooked:many ", r)
		at := h.stored(t, id).Version
		watcher.recordRan(t, "recordUpdate", id, int(at))
		if len(h.others) > 0 {
			continue // the order is that of each node, and the plugin's list is not one change
		}
		if got := watcher.hookedVersions(t, id); !slices.Equal(got, upTo(at)) {
			t.Errorf("%s: the hooks were told of %v", id, got)
		}
	}
}

// A hook of records that fails is logged, and holds up nothing.
func TestRecordHooksThatFail(t *testing.T) {
	t.Parallel()
	config := recordsConfig + "[plugins.defaults]\nlog_rate = 10000\ndeadline = \"300ms\"\n"
	content := make(map[string][]byte)
	handlers := map[string]int{"trapper": 4, "spinner": 3, "failer": 15, "exiter": 12, "liar": 11, "refuser": 16}
	for name, handler := range handlers {
		for _, event := range []string{"recordUpdate", "recordRemoved"} {
			config += fmt.Sprintf("[[plugins.%s.config.hooks]]\nevent = %q\nhandler = %d\nrecords = [\"/^open:.+$/\"]\n", name, event, handler)
		}
		maps.Copy(content, puppets(t, name))
	}
	h := start(t, setup{config: config, content: content})
	c := h.dial(t, v1)
	c.followsIn(t, "full", "open:x", 0)
	c.write(t, "open:x", "1")
	c.write(t, "open:x", "2")
	c.delete(t, "open:x")
	c.told(t, "open:x 1 1", "open:x 2 2", "open:x 3 -")
	for name := range handlers {
		for _, event := range []string{"recordUpdate", "recordRemoved"} {
			r, ok := h.log.find(0, patience, func(r record) bool {
				return r["plugin"] == name && (r["level"] == "ERROR" || r["level"] == "WARN") && strings.Contains(encoded(r), event)
			})
			if !ok {
				t.Errorf("nothing in the log of %s's hook %s: %v\n%s", name, event, r, h.tail(10))
			}
		}
	}
}

// The guards of the conformance plugin for records: for owners, for values, for
// users; and those that fail.
func TestConformanceRecords(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{auth, conformance}, config: tokens})
	ann := h.dial(t, dialing{query: "token=right", subprotocols: v1.subprotocols})
	anonymous := h.dial(t, v1)
	write := "mesh/publish-record-update"
	for _, c := range []*client{ann, anonymous} {
		c.followsIn(t, "full", "own:ann", 0)
		c.followsIn(t, "full", "checked:x", 0)
		c.denied(t, write, recordWrite("own:bob", "1"), "EDENIED", "not yours")
		c.denied(t, write, recordWrite("record:x", "1"), "ESERVER", "not writable")
		c.says(t, "mesh/subscribe-record", `{"recordId":"secret"}`, `{"success":false}`)
		for _, id := range []string{"bad:trap", "bad:rubbish"} {
			c.says(t, "mesh/subscribe-record", object("recordId", id), `{"success":false}`)
			f := c.fails(t, write, recordWrite(id, "1"))
			if f.Code == "" {
				t.Errorf("%s: %+v", id, f)
			}
		}
		// The guard sees the value as it was sent, and what is wanted.
		c.denied(t, write, recordWrite("checked:x", `{"ok":1, "a":2}`, `"strategy":"merge"`), "EDENIED", `Not this: record write {"ok":1, "a":2}.`)
		c.denied(t, "mesh/transaction", `{"operations":[`+writeOp("shared:t", "1")+","+deleteOp("checked:x")+`]}`, "EDENIED", `Not this: record delete`)
	}
	// It learns how the value is applied, too.
	ann.denied(t, write, recordWrite("merged:x", `{"a":1}`), "EDENIED", `Not so: write replace {"a":1}.`)
	ann.call(t, write, recordWrite("merged:x", `{"a":1}`, `"strategy":"merge"`))
	ann.write(t, "own:ann", `{"x":1}`)
	anonymous.denied(t, write, recordWrite("own:ann", "1"), "EDENIED", "not yours")
	anonymous.write(t, "checked:x", `{"ok":true}`)
	ann.followsIn(t, "full", "private:x", 0)
	anonymous.says(t, "mesh/subscribe-record", `{"recordId":"private:x"}`, `{"success":false}`)
	anonymous.denied(t, write, recordWrite("private:x", "1"), "EDENIED", "known users")
	ann.write(t, "private:x", "1")
	for _, c := range []*client{ann, anonymous} {
		want := []string{`own:ann 1 {"x":1}`, `checked:x 1 {"ok":true}`}
		if c == ann {
			want = append(want, `private:x 1 1`)
		}
		c.told(t, want...)
	}
	h.recordIs(t, "shared:t", "null", 0)
	// A collection shows what its client may read.
	for _, id := range []string{"record:mine", "private:all", "secret"} {
		h.set(t, id, "1")
	}
	ann.collects(t, "mine", "own:ann", "private:all", "record:mine")
	anonymous.collects(t, "mine", "record:mine")
}
