//go:build linux

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// accessConfig names the guards of a puppet: reading and writing a record are
// two questions, and each is decided by the first pattern that says it.
const accessConfig = `
[[records]]
pattern = "/^both:.+$/"
guard = "puppet.allows"
writable = true
write_guard = "puppet.fails"
[[records]]
pattern = "/^readers:.+$/"
guard = "puppet.refuses"
[[records]]
pattern = "/^readers:.+$/"
writable = true
[[records]]
pattern = "/^writers:.+$/"
writable = true
write_guard = "puppet.forbids"
[[records]]
pattern = "/^writers:shut:.+$/"
guard = "puppet.refuses"
[[records]]
pattern = "/^split:.+$/"
guard = "puppet.traps"
[[records]]
pattern = "/^split:open:.+$/"
writable = true
[[records]]
pattern = "/^split:open:late:.+$/"
[[records]]
pattern = "/^plain:.+$/"
[[records]]
pattern = "/^all:.+$/"
writable = true
`

func writableError(id string) string {
	return fmt.Sprintf(`Record "%s" is not writable by this connection.`, id)
}

// Reading and writing have guards of their own; a writable record is read by
// everyone only where nothing else is said.
func TestRecordGuards(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: accessConfig + puppetConfig("puppet") + "[plugins.puppet]\nlog_rate = 10000\n", content: puppets(t, "puppet")})
	for _, x := range []struct {
		id    string
		read  bool
		write string // the code that a write fails with, "" for none, "-" for a record that is not writable
	}{
		{"both:x", true, "EOWN"},
		{"readers:x", false, ""},
		{"writers:x", true, "EOWN"},
		{"writers:shut:x", false, "EOWN"},
		{"split:x", false, "-"},
		{"split:open:x", false, ""},
		{"split:open:late:x", false, ""},
		{"plain:x", true, "-"},
		{"all:x", true, ""},
		{"closed", false, "-"},
	} {
		c := h.dial(t, v1)
		if reply := c.call(t, "mesh/subscribe-record", object("recordId", x.id)); strings.HasPrefix(reply, `{"success":true,"record":null`) != x.read || !x.read && reply != `{"success":false}` {
			t.Errorf("%s: subscribed with %s", x.id, reply)
		}
		for _, strategy := range []string{"replace", "merge"} {
			reply, err := c.ask("mesh/publish-record-update", recordWrite(x.id, `{"a":1}`, `"strategy":"`+strategy+`"`))
			c.checkWrite(t, x.id, x.write, reply, err)
		}
		for _, operation := range []string{`{"op":"write","recordId":%q,"value":2}`, `{"op":"delete","recordId":%q}`} {
			reply, err := c.ask("mesh/transaction", `{"operations":[`+fmt.Sprintf(operation, x.id)+`]}`)
			c.checkWrite(t, x.id, x.write, reply, err)
		}
		// What the server side does is not guarded.
		h.set(t, x.id, `"set"`)
		want := 0
		if x.read {
			want = 1
		}
		if x.write == "" && x.read {
			want = 4
		}
		if n := len(c.records(t, want)); n != want {
			t.Errorf("%s: %d pushes, not %d", x.id, n, want)
		}
	}
}

func (c *client) checkWrite(t *testing.T, id, code, reply string, err error) {
	t.Helper()
	f, _ := err.(*failure) //nolint:errorlint // never wrapped
	switch {
	case code == "" && err != nil, code != "" && f == nil:
		t.Errorf("%s: a write is answered %s, %v", id, reply, err)
	case code == "-" && (f.Message != writableError(id) || f.Code != "ESERVER" || f.Name != "Error"):
		t.Errorf("%s: a write fails with %+v", id, f)
	case code != "" && code != "-" && f.Code != code:
		t.Errorf("%s: a write fails with %+v, not with %s", id, f, code)
	}
}

// A write to what is not writable fails in the words that clients know, through
// every dialect, and changes nothing.
func TestWriteToNonWritableRecord(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: recordsConfig})
	h.set(t, "read:x", `{"a":1}`)
	watcher := h.dial(t, v1)
	watcher.followsIn(t, "full", "read:x", 1)
	for _, dialect := range dialects {
		c := h.dial(t, dialing{})
		for _, id := range []string{"read:x", "closed", "Open:x", "open:", `read:{x}*`, "read:ü"} {
			want := `{"error":` + encoded(writableError(id)) + `,"code":"ESERVER","name":"Error"}`
			for _, payload := range []string{recordWrite(id, "1"), recordWrite(id, `{"a":1}`, `"strategy":"merge"`), recordWrite(id, "1", `"expectVersion":7`)} {
				if reply, err := c.ask(dialect+"publish-record-update", payload); err == nil || reply != want {
					t.Errorf("%s is answered %s, not %s", payload, reply, want)
				}
			}
			f := c.fails(t, dialect+"transaction", `{"operations":[{"op":"write","recordId":"open:x","value":1},{"op":"delete","recordId":`+encoded(id)+`}]}`)
			if f.Message != writableError(id) || f.Code != "ESERVER" || f.Name != "Error" || !sameJSON(string(f.Data), object("recordId", id)) {
				t.Errorf("in a transaction: %+v", f)
			}
		}
	}
	if s := h.stored(t, "read:x"); string(s.Value) != `{"a":1}` || s.Version != 1 {
		t.Errorf("it has become %+v", s)
	}
	if s := h.stored(t, "open:x"); s.Version != 0 {
		t.Errorf("a part of a transaction was made: %+v", s)
	}
	if n := len(watcher.records(t, 0)); n != 0 {
		t.Errorf("%d pushes", n)
	}
}

// The server ends subscriptions, and says so.
func TestServerEndsRecordSubscriptions(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: recordsConfig})
	for i, d := range []dialing{v1, {}, {}} {
		dialect := dialects[i]
		c, other := h.dial(t, d), h.dial(t, v1)
		id := "read:end " + dialect
		c.call(t, dialect+"subscribe-record", object("recordId", id))
		other.call(t, "mesh/subscribe-record", object("recordId", id))
		end := object("recordId", id, "connectionId", c.id, "reason", "enough")
		h.opSays(t, "records.unsubscribe", end, `{"unsubscribed":true}`)
		h.unsubscribedAgain(t, "records.unsubscribe", end)
		h.set(t, id, "1")
		if got := c.receives(t, dialect+"unsubscribed", 1); !slices.Equal(got, []string{`{"kind":"record","name":` + encoded(id) + `,"reason":"enough"}`}) {
			t.Errorf("%sunsubscribed: %q", dialect, got)
		}
		if got := c.records(t, 0); len(got) != 0 {
			t.Errorf("after the end comes %+v", got)
		}
		other.told(t, id+" 1 1")
		c.says(t, dialect+"unsubscribe-record", object("recordId", id), "false")
		c.call(t, dialect+"subscribe-record", object("recordId", id))
		h.set(t, id, "2")
		c.told(t, id+" 2 2")
	}
	h.opSays(t, "records.unsubscribe", `{"recordId":"read:end","connectionId":"nobody"}`, `{"unsubscribed":false}`)
}

// Records count towards what one session may be subscribed to.
func TestTooManyRecordSubscriptions(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: recordsConfig + "[limits]\nsubscriptions = 5\n[[channels]]\npattern = \"c\"\n[[collections]]\npattern = \"all\"\nrecords = \"/^open:.+$/\"\n"})
	c := h.dial(t, v1)
	c.call(t, "mesh/subscribe-channel", `{"channel":"c"}`)
	c.call(t, "mesh/subscribe-collection", `{"collectionId":"all"}`)
	record := func(i int) string { return fmt.Sprintf(`{"recordId":"open:%d"}`, i) }
	for i := range 3 {
		c.call(t, "mesh/subscribe-record", record(i))
	}
	c.denied(t, "mesh/subscribe-record", record(3), "ELIMIT", "limits.subscriptions")
	c.call(t, "mesh/subscribe-record", record(2)) // anew
	c.says(t, "mesh/unsubscribe-record", record(1), "true")
	c.call(t, "mesh/subscribe-record", record(3))
	c.says(t, "mesh/unsubscribe-collection", `{"collectionId":"all"}`, "true")
	c.call(t, "mesh/subscribe-record", record(4))
	c.denied(t, "mesh/subscribe-collection", `{"collectionId":"all"}`, "ELIMIT", "limits.subscriptions")
	for i := range 5 {
		h.set(t, fmt.Sprint("open:", i), "1")
	}
	c.told(t, "open:0 1 1", "open:2 1 1", "open:3 1 1", "open:4 1 1")
	_ = c.conn.CloseNow()
	eventually(t, patience, "its subscriptions are gone", func() bool { return h.metric(t, "mesh_host_topics") == 0 })
}

// All records together have a bound; at it what makes them no larger goes on.
func TestTooManyRecords(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: recordsConfig + "[limits]\nrecords_size = \"64KiB\"\n"})
	c := h.dial(t, v1)
	text := `"` + strings.Repeat("x", 10_000) + `"`
	i := 0
	for ; i < 20; i++ {
		reply, err := c.ask("mesh/publish-record-update", recordWrite(fmt.Sprint("open:", i), text))
		if err == nil {
			continue
		}
		f, _ := err.(*failure) //nolint:errorlint // never wrapped
		if f == nil || f.Code != "ELIMIT" || f.Name != "LimitError" || !strings.Contains(f.Message, "limits.records_size") {
			t.Fatalf("record %d: %s, %v", i, reply, err)
		}
		break
	}
	if i < 3 || i > 6 {
		t.Errorf("%d records of 10 kB fit into 64 KiB", i)
	}
	if s := h.stored(t, fmt.Sprint("open:", i)); s.Version != 0 {
		t.Errorf("what did not fit is there: %+v", s.version)
	}
	c.denied(t, "mesh/transaction", `{"operations":[{"op":"write","recordId":"open:0","value":1},{"op":"write","recordId":"open:t","value":`+text+`},{"op":"write","recordId":"open:u","value":`+text+`}]}`, "ELIMIT", "limits.records_size")
	if s := h.stored(t, "open:0"); s.Version != 1 {
		t.Errorf("a part of a transaction was made: %+v", s.version)
	}
	c.delete(t, "open:0")
	c.delete(t, "open:1")
	c.write(t, "open:last", text)
}
