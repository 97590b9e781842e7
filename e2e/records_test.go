//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// recordsConfig has records that everyone writes, and some that only the server
// side does.
const recordsConfig = `
[[records]]
pattern = "/^open:.+$/"
writable = true
[[records]]
pattern = "/^read:.+$/"
[[records]]
pattern = "/^short:.+$/"
writable = true
ttl = "1s"
[liveness]
ping_interval = 0
latency_interval = 0
`

// A record's life: it is missing, made, changed, deleted and made again, and
// every subscriber sees each version once, in its own mode and dialect.
func TestRecordLife(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: recordsConfig})
	writer := h.dial(t, v1)
	var watchers []*client
	for i, d := range []dialing{v1, v1, {}, {}, {}, {}} {
		c := h.dial(t, d)
		dialect, mode := []string{"mesh/", "mesh/", "mesh/", "rt/", "rt/", ""}[i], []string{"full", "patch"}[i%2]
		c.says(t, dialect+"subscribe-record", object("recordId", "open:life", "mode", mode), `{"success":true,"record":null,"version":0}`)
		watchers = append(watchers, c)
	}
	begun := writer.write(t, "open:life", `{"a":1,"list":[1,2,3]}`)
	if begun.Version != 1 {
		t.Fatalf("begun at %+v", begun)
	}
	for i, value := range []string{`{"a":2,"list":[1,2,3]}`, `{"a":2,"list":[0,1,2,3],"b":{"c":null}}`, `[]`, `"text"`, `{"a":1}`} {
		if v := writer.write(t, "open:life", value); v != (version{begun.Epoch, int64(i + 2)}) {
			t.Fatalf("the next version is %+v after %+v", v, begun)
		}
	}
	if v := writer.delete(t, "open:life"); v != 7 {
		t.Errorf("deleted at version %d", v)
	}
	if v := writer.write(t, "open:life", `{"again":true}`); v != (version{begun.Epoch, 8}) {
		t.Errorf("made again at %+v", v)
	}
	for _, c := range watchers {
		c.told(t, `open:life 1 {"a":1,"list":[1,2,3]}`, `open:life 2 {"a":2,"list":[1,2,3]}`, `open:life 3 {"a":2,"b":{"c":null},"list":[0,1,2,3]}`,
			`open:life 4 []`, `open:life 5 "text"`, `open:life 6 {"a":1}`, `open:life 7 -`, `open:life 8 {"again":true}`)
	}
	for i, c := range watchers {
		dialect := []string{"mesh/", "mesh/", "mesh/", "rt/", "rt/", ""}[i]
		frames, _ := c.pushes.from(0)
		for _, f := range frames {
			if name := f.Command; strings.Contains(name, "record-") && name != dialect+"record-update" && name != dialect+"record-deleted" {
				t.Errorf("watcher %d gets %s", i, name)
			}
			if p, err := readRecordPush(f); err == nil && p.RecordID != "" && p.Version != 7 && (p.Patch != nil) != (i%2 == 1) {
				t.Errorf("watcher %d gets %s", i, f.Payload)
			}
		}
		c.says(t, dialect+"unsubscribe-record", `{"recordId":"open:life"}`, "true")
		c.says(t, dialect+"unsubscribe-record", `{"recordId":"open:life"}`, "false")
	}
	writer.write(t, "open:life", "9")
	for _, c := range watchers {
		if n := len(c.records(t, 8)); n != 8 {
			t.Errorf("after the end there are %d pushes", n)
		}
	}
}

// What the replies are, byte for byte, in every dialect.
func TestRecordReplies(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: recordsConfig})
	for _, dialect := range dialects {
		c := h.dial(t, dialing{})
		id := "open:reply of " + dialect
		at := c.wrote(t, c.call(t, dialect+"publish-record-update", recordWrite(id, `{"b":1, "a":[1.0]}`)))
		stands := fmt.Sprintf(`"version":1,"epoch":%q`, at.Epoch)
		subscribed := `{"success":true,"record":{"b":1, "a":[1.0]},` + stands
		since := func(epoch, number string) string {
			return `{"recordId":` + encoded(id) + `,"epoch":` + encoded(epoch) + `,"version":` + number + `}`
		}
		for _, try := range []struct{ payload, want string }{
			{object("recordId", id), subscribed + `}`},
			{object("recordId", id, "mode", "full"), subscribed + `}`},
			{object("recordId", id, "mode", "patch"), subscribed + `}`},
			{`{"recordId":` + encoded(id) + `,"mode":null,"epoch":null,"version":null,"unknown":[]}`, subscribed + `}`},
			{since(at.Epoch, "1"), `{"success":true,` + stands + `,"recovered":true,"patches":[]}`},
			{since(at.Epoch, `"1"`), `{"success":true,` + stands + `,"recovered":true,"patches":[]}`},
			{since(at.Epoch, "2"), subscribed + `,"recovered":false}`},
			{since(at.Epoch, "-1"), subscribed + `,"recovered":false}`},
			{since(at.Epoch, "9223372036854775807"), subscribed + `,"recovered":false}`},
			{since(at.Epoch, "-9223372036854775808"), subscribed + `,"recovered":false}`},
			{since(at.Epoch, "1e300"), subscribed + `,"recovered":false}`},
			{since("another", "1"), subscribed + `,"recovered":false}`},
			{since(at.Epoch+"x", "1"), subscribed + `,"recovered":false}`},
			{object("recordId", "closed"), `{"success":false}`},
			{object("recordId", "open:"), `{"success":false}`},
			{object("recordId", "Open:x"), `{"success":false}`},
			{object("recordId", "x open:x"), `{"success":false}`},
			{object("recordId", "open:never"), `{"success":true,"record":null,"version":0}`},
		} {
			c.says(t, dialect+"subscribe-record", try.payload, try.want)
		}
		for payload, field := range map[string]string{
			`{"recordId":"open:x","mode":"half"}`:                    "mode",
			`{"recordId":"open:x","mode":7}`:                         "mode",
			`{"recordId":"open:x","epoch":7,"version":1}`:            "epoch",
			`{"recordId":"open:x","epoch":"e","version":{}}`:         "version",
			`{"recordId":"open:x","epoch":"e","version":"x"}`:        "version",
			`{"recordId":"open:x","recordId":"open:x"}`:              "recordId",
			`{"RecordId":"open:x"}`:                                  "recordId",
			`{"recordId":"open:x","mode":"full","mode":"patch"}`:     "mode",
			`{"recordId":"open:x","newValue":1,"options":[]}`:        "",
			`{"recordId":"open:x","mode":"full","M\u006fde":"full"}`: "mode",
		} {
			if field == "" {
				c.denied(t, dialect+"publish-record-update", payload, "EPAYLOAD", "options")
				continue
			}
			c.denied(t, dialect+"subscribe-record", payload, "EPAYLOAD", field)
		}
		// The same value makes no version, and the reply says where the record is.
		c.says(t, dialect+"publish-record-update", recordWrite(id, `{"a":[1],"b":1}`), `{"success":true,`+stands+`}`)
		reply := c.call(t, dialect+"transaction", `{"operations":[{"op":"write","recordId":`+encoded(id)+`,"value":2},{"op":"delete","recordId":"open:nothing"}]}`)
		if _, results, _ := strings.Cut(reply, `,"results":`); results != `[{"op":"write","recordId":`+encoded(id)+`,"success":true,"version":2},{"op":"delete","recordId":"open:nothing","success":true,"version":0}]}` {
			t.Errorf("the transaction is answered %s", reply)
		}
	}
}

// An equal value, however it is written, changes nothing: no version, no push,
// and not the text of what is there.
func TestEqualValueMakesNoVersion(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: recordsConfig})
	c := h.dial(t, v1)
	for i, pair := range []struct {
		first, equal, other string
	}{
		{`{"a":1,"b":[1,{"c":2}]}`, `{"b":[1.0,{"c":2e0}],"a":1.00}`, `{"a":1,"b":[{"c":2},1]}`},
		{`1`, `1.0`, `1.1`},
		{`100`, `1e2`, `1e3`},
		{`0`, `-0`, `0.1`},
		{`"\u00fc/"`, `"ü\/"`, `"u"`},
		{`9007199254740993`, `9007199254740993.0`, `9007199254740992`},
		{`1e400`, `10e399`, `1e401`},
		{`{"\u0061":null}`, ` { "a" : null } `, `{}`},
		{`[]`, `[ ]`, `{}`},
		{`""`, `""`, `0`},
		{`false`, `false`, `null`},
		{`0.1`, `1e-1`, `0.10000000000000001`},
	} {
		id := fmt.Sprint("open:equal ", i)
		c.followsIn(t, "full", id, 0)
		before := len(c.records(t, 0))
		begun := c.write(t, id, pair.first)
		for range 2 {
			if v := c.write(t, id, pair.equal); v != begun {
				t.Errorf("%s after %s is %+v", pair.equal, pair.first, v)
			}
		}
		if v := h.set(t, id, pair.equal); v != 1 {
			t.Errorf("%s set after %s is version %d", pair.equal, pair.first, v)
		}
		if got := string(h.stored(t, id).Value); got != strings.TrimSpace(pair.first) {
			t.Errorf("%s has become %s", pair.first, got)
		}
		if v := c.write(t, id, pair.other); v.Version != 2 {
			t.Errorf("%s after %s is version %d", pair.other, pair.first, v.Version)
		}
		if n := len(c.records(t, before+2)); n != before+2 {
			t.Errorf("%d pushes for two versions", n-before)
		}
	}
	// Merging what is there already is nothing either.
	c.write(t, "open:merged", `{"a":{"b":1}}`)
	for _, strategy := range []string{"merge", "deepMerge"} {
		for _, part := range []string{`{}`, `{"a":{"b":1}}`} {
			if v := c.write(t, "open:merged", part, `"strategy":"`+strategy+`"`); v.Version != 1 {
				t.Errorf("%s of %s makes version %d", strategy, part, v.Version)
			}
		}
	}
}

// Values are what was written: numbers as they were spelled, members in their
// order, and whatever looks like nothing is a value.
func TestRecordValues(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: recordsConfig})
	c, watcher, patched := h.dial(t, v1), h.dial(t, v1), h.dial(t, v1)
	const id = "open:values"
	watcher.followsIn(t, "full", id, 0)
	patched.followsIn(t, "patch", id, 0)
	values := []string{
		`0`, `""`, `false`, `null`, `[]`, `{}`, `true`, `-0`, `{"b":-0,"a":[-0.0]}`,
		`9007199254740993`, `{"id":9007199254740993,"max":18446744073709551615,"more":123456789012345678901234567890.123456789}`,
		`1e400`, `{"huge":[1e400,-1E+400,1e-400]}`, `1.10`, `{"z":1,"a":2,"m":{"y":1.50,"b":[3,2,1]},"":null}`,
		`"\ud83d\ude80 \u0000 \" \\ \/ \b\f\n\r\t"`, `{"` + "\u2028" + `":"<script>&amp;"}`, `[null,[null],{"a":null}]`,
		`{"__proto__":1,"constructor":{"prototype":[]}}`, `{"a/b":1,"m~n":2,"":3," ":{"~1":4,"~0":5}}`, `{"a/b":2,"m~n":2,"":4," ":{"~1":5,"~0":5}}`,
	}
	var at version
	for i, value := range values {
		at = c.write(t, id, value)
		if at.Version != int64(i+1) {
			t.Fatalf("%s is version %d, not %d", value, at.Version, i+1)
		}
		if got := string(h.stored(t, id).Value); got != value {
			t.Errorf("stored is %s, not %s", got, value)
		}
		want := fmt.Sprintf(`{"success":true,"record":%s,"version":%d,"epoch":%q}`, value, at.Version, at.Epoch)
		c.says(t, "mesh/subscribe-record", object("recordId", id), want)
		c.call(t, "mesh/unsubscribe-record", object("recordId", id))
	}
	pushes := watcher.records(t, len(values))
	var replayed json.RawMessage
	for i, p := range patched.records(t, len(values)) {
		if string(pushes[i].Full) != values[i] || pushes[i].Version != int64(i+1) {
			t.Errorf("pushed is %+v, not %s", pushes[i], values[i])
		}
		var err error
		if replayed, err = applied(replayed, p.Patch); err != nil || canonical(replayed) != canonical([]byte(values[i])) {
			t.Errorf("the patch %s makes %s, not %s: %v", p.Patch, replayed, values[i], err)
		}
	}
	// null is a value, and not a missing record.
	null := c.write(t, "open:null", `null`)
	c.says(t, "mesh/subscribe-record", object("recordId", "open:null"), fmt.Sprintf(`{"success":true,"record":null,"version":1,"epoch":%q}`, null.Epoch))
	h.opSays(t, "records.list", `{"pattern":"open:null","values":true}`, fmt.Sprintf(`{"records":[{"recordId":"open:null","version":1,"epoch":%q,"value":null}]}`, null.Epoch))
	c.denied(t, "mesh/publish-record-update", recordWrite("open:null", "1", `"expectVersion":0`), "ECONFLICT", "1")
	if v := c.delete(t, "open:null"); v != 2 {
		t.Errorf("deleting null is version %d", v)
	}
	h.opSays(t, "records.list", `{"pattern":"open:null","values":true}`, `{"records":[]}`)
}

// The strategies of a write.
func TestRecordStrategies(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: recordsConfig})
	c := h.dial(t, v1)
	for i, try := range []struct{ strategy, first, then, want string }{
		{"replace", `{"a":1,"b":2}`, `{"b":3}`, `{"b":3}`},
		{"merge", `{"a":1,"b":{"c":1,"d":2}}`, `{"b":{"c":2},"e":3}`, `{"a":1,"b":{"c":2},"e":3}`},
		{"deepMerge", `{"a":1,"b":{"c":1,"d":2}}`, `{"b":{"c":2},"e":3}`, `{"a":1,"b":{"c":2,"d":2},"e":3}`},
		{"deepMerge", `{"l":[1,2,3],"o":{"x":{"y":{"z":1}}}}`, `{"l":[4],"o":{"x":{"y":{"w":2}}}}`, `{"l":[4],"o":{"x":{"y":{"w":2,"z":1}}}}`},
		{"merge", `{"a":1}`, `{"a":null}`, `{"a":null}`},
		{"deepMerge", `{"a":{"b":1}}`, `{"a":7}`, `{"a":7}`},
		{"deepMerge", `{"a":7}`, `{"a":{"b":1}}`, `{"a":{"b":1}}`},
		{"merge", `[1]`, `{"a":1}`, `{"a":1}`},
		{"merge", `{"a":1}`, `[1]`, `[1]`},
		{"deepMerge", `"text"`, `{"a":1}`, `{"a":1}`},
		{"merge", `{"a":1}`, `null`, `null`},
		{"merge", `{"n":9007199254740993,"m":1.10}`, `{"k":1e400}`, `{"k":1e400,"m":1.10,"n":9007199254740993}`},
		{"merge", ``, `{"a":1}`, `{"a":1}`},
		{"deepMerge", ``, `7`, `7`},
	} {
		id := fmt.Sprint("open:strategy ", i)
		want := int64(1)
		if try.first != "" {
			c.write(t, id, try.first)
			want++
		}
		if v := c.write(t, id, try.then, `"strategy":"`+try.strategy+`"`); v.Version != want {
			t.Errorf("%s of %s to %s is version %d", try.strategy, try.then, try.first, v.Version)
		}
		if got := canonical(h.stored(t, id).Value); got != try.want {
			t.Errorf("%s of %s to %s makes %s", try.strategy, try.then, try.first, got)
		}
	}
	// A merged value keeps the order and the text of what it does not touch.
	c.write(t, "open:kept", `{"z":1.0,"a":[ 1 ],"m":{"b":2}}`)
	c.write(t, "open:kept", `{"a":2,"new":3}`, `"strategy":"merge"`)
	if got := string(h.stored(t, "open:kept").Value); got != `{"z":1.0,"a":2,"m":{"b":2},"new":3}` {
		t.Errorf("merged is %s", got)
	}
}

// A record deletes itself when its time has passed, once, and a write begins
// the time anew.
func TestRecordTTL(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: recordsConfig})
	c, patched := h.dial(t, v1), h.dial(t, v1)
	c.followsIn(t, "full", "short:a", 0)
	patched.followsIn(t, "patch", "short:a", 0)
	begun := time.Now()
	c.write(t, "short:a", `{"n":1}`)
	h.op(t, "records.set", `{"recordId":"read:own","value":1,"ttl":300}`)
	for _, x := range []*client{c, patched} {
		x.told(t, `short:a 1 {"n":1}`, `short:a 2 -`)
	}
	if took := time.Since(begun); took < 900*time.Millisecond || took > 10*time.Second {
		t.Errorf("it is gone after %v", took)
	}
	eventually(t, patience, "the one with a time of its own is gone", func() bool { return string(h.stored(t, "read:own").Value) == "null" })
	if s := h.stored(t, "short:a"); string(s.Value) != "null" || s.Version != 2 {
		t.Errorf("what is left is %+v", s)
	}
	// While it is written it stays.
	for end := time.Now().Add(1500 * time.Millisecond); time.Now().Before(end); rest(100 * time.Millisecond) {
		c.write(t, "short:a", `{"n":2}`)
	}
	if s := h.stored(t, "short:a"); string(s.Value) != `{"n":2}` || s.Version != 3 {
		t.Errorf("written all the time it is %+v", s)
	}
	c.told(t, `short:a 1 {"n":1}`, `short:a 2 -`, `short:a 3 {"n":2}`, `short:a 4 -`)
	rest(300 * time.Millisecond)
	if got := c.records(t, 4); len(got) != 4 {
		t.Errorf("it goes %d times", len(got)-3)
	}
}

// The writer, too, learns of what it has written through its subscription, and
// two windows see each other.
func TestTwoWindows(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: recordsConfig})
	for i, d := range []dialing{v1, {}} {
		dialect := []string{"mesh/", "rt/"}[i]
		one, two := h.dial(t, d), h.dial(t, d)
		id := func(n int) string { return fmt.Sprint("open:cursor ", i, n) }
		for _, c := range []*client{one, two} {
			for n := range 2 {
				c.call(t, dialect+"subscribe-record", object("recordId", id(n)))
			}
		}
		for n := range 20 {
			one.call(t, dialect+"publish-record-update", recordWrite(id(0), fmt.Sprintf(`{"x":%d}`, n)))
			two.call(t, dialect+"publish-record-update", recordWrite(id(1), fmt.Sprintf(`{"y":%d}`, n)))
		}
		for _, c := range []*client{one, two} {
			var got [2][]string
			for _, p := range c.records(t, 40) {
				k := slices.Index([]string{id(0), id(1)}, p.RecordID)
				got[k] = append(got[k], string(p.Full))
			}
			for k, key := range []string{"x", "y"} {
				for n, value := range got[k] {
					if want := fmt.Sprintf(`{%q:%d}`, key, n); value != want {
						t.Errorf("update %d is %s", n, value)
					}
				}
				if len(got[k]) != 20 {
					t.Errorf("%d updates", len(got[k]))
				}
			}
		}
	}
}

// A subscription that begins anew, in another mode, is one still.
func TestRecordSubscribedAnew(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: recordsConfig})
	c := h.dial(t, v1)
	c.followsIn(t, "full", "open:anew", 0)
	c.followsIn(t, "full", "open:anew", 0)
	at := c.write(t, "open:anew", `{"a":1,"filler":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}`)
	c.records(t, 1) // what is on its way when a subscription begins anew is in its reply
	c.followsIn(t, "patch", "open:anew", 1)
	c.write(t, "open:anew", `{"a":2}`, `"strategy":"merge"`)
	c.records(t, 2)
	r := c.follows(t, fmt.Sprintf(`{"recordId":"open:anew","epoch":%q,"version":1}`, at.Epoch))
	if r.Recovered == nil || !*r.Recovered || r.Record != nil || len(r.Patches) != 1 || r.Patches[0].Version != 2 {
		t.Errorf("recovered with %+v", r)
	}
	c.write(t, "open:anew", `{"a":3}`)
	pushes := c.records(t, 3)
	if len(pushes) != 3 || pushes[0].Full == nil || pushes[1].Patch == nil || string(pushes[2].Full) != `{"a":3}` {
		t.Errorf("pushed are %+v", pushes)
	}
}
