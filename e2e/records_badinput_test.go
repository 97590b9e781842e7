//go:build linux

package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// recordIs checks what a record is; one that was never there is null at 0.
func (h *host) recordIs(t *testing.T, id, value string, at int64) {
	t.Helper()
	if s := h.stored(t, id); string(s.Value) != value || s.Version != at {
		t.Errorf("%.50s is %.200s at version %d, not %.200s at %d", id, s.Value, s.Version, value, at)
	}
}

// A value of 10 MB is refused by name where the message may be that large, and
// ends the session where it may not.
func TestRecordTooLarge(t *testing.T) {
	t.Parallel()
	text := func(size int) string { return `"` + strings.Repeat("x", size-2) + `"` } // with its quotes
	h := start(t, setup{config: recordsConfig + "[limits]\nmessage_size = \"16MiB\"\noutbox = \"16MiB\"\n"})
	c := h.dial(t, v1)
	c.followsIn(t, "full", "open:large", 0)
	const most = 1 << 20 // limits.record_size
	for _, size := range []int{most + 1, 10_000_000} {
		for _, dialect := range dialects {
			f := c.fails(t, dialect+"publish-record-update", recordWrite("open:large", text(size)))
			if f.Code != "ETOOLARGE" || f.Name != "TooLargeError" || !strings.Contains(f.Message, "limits.record_size") || !strings.Contains(f.Message, fmt.Sprint(most)) {
				t.Errorf("%d bytes are answered %v", size, f)
			}
		}
		f := c.fails(t, "mesh/transaction", `{"operations":[{"op":"write","recordId":"open:small","value":1},{"op":"write","recordId":"open:large","value":`+text(size)+`}]}`)
		if f.Code != "ETOOLARGE" || !sameJSON(string(f.Data), `{"recordId":"open:large"}`) {
			t.Errorf("in a transaction %d bytes are answered %v %s", size, f, f.Data)
		}
	}
	if status, f := h.opFails(t, "records.set", `{"recordId":"open:large","value":`+text(most+1)+`}`); status != 413 || f.Code != "ETOOLARGE" {
		t.Errorf("the server side gets %d %v", status, &f)
	}
	h.recordIs(t, "open:large", "null", 0)
	h.recordIs(t, "open:small", "null", 0)
	// What is made by merging has the same bound.
	c.write(t, "open:large", `{"a":`+text(most/2)+`}`)
	c.denied(t, "mesh/publish-record-update", recordWrite("open:large", `{"b":`+text(most/2)+`}`, `"strategy":"merge"`), "ETOOLARGE", "limits.record_size")
	c.denied(t, "mesh/publish-record-update", recordWrite("open:large", `{"c":{"b":`+text(most/2)+`}}`, `"strategy":"deepMerge"`), "ETOOLARGE", "limits.record_size")
	c.write(t, "open:large", text(most))
	if got := c.records(t, 2); len(got) != 2 || len(got[1].Full) != most {
		t.Errorf("%d pushes", len(got))
	}

	h = start(t, setup{config: recordsConfig})
	c, other := h.dial(t, v1), h.dial(t, v1)
	if err := c.send(`{"id":1,"command":"mesh/publish-record-update","payload":` + recordWrite("open:large", text(10_000_000)) + `}`); err == nil {
		if code := c.closed(t, patience); code != 1009 {
			t.Errorf("closed with %d", code)
		}
	}
	h.recordIs(t, "open:large", "null", 0)
	other.write(t, "open:large", "1")
}

// A frame with a value that is no JSON is no frame, and through the admin API it
// is no request.
func TestRecordOfInvalidJSON(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: recordsConfig})
	c := h.dial(t, v1)
	bad := []string{`{`, `{"a":}`, `[1,]`, `01`, `1.`, `.5`, `+1`, `0x1`, `NaN`, `Infinity`, `'a'`, `"a`, `"\x"`, `{"a" 1}`, `nul`, `{a:1}`}
	for _, value := range bad[:15] {
		if err := c.send(`{"id":"bad","command":"mesh/publish-record-update","payload":` + recordWrite("open:bad", value) + `}`); err != nil {
			t.Fatal(err)
		}
	}
	c.call(t, "mesh/noop", "")
	if n := c.pushes.count(func(f frame) bool { return string(f.ID) == `"bad"` }); n != 0 {
		t.Errorf("%d of them are answered", n)
	}
	if n := h.metric(t, "mesh_host_bad_frames_total"); n != 15 {
		t.Errorf("%v bad frames are counted", n)
	}
	for _, value := range bad {
		if a := h.post(t, "/api/records.set", `{"recordId":"open:bad","value":`+value+`}`); a.status != 400 || a.failure(t).Code != "EPAYLOAD" {
			t.Errorf("%s is answered %d %s", value, a.status, a.body)
		}
	}
	h.recordIs(t, "open:bad", "null", 0)
	c.denied(t, "mesh/publish-record-update", `{"recordId":"open:bad"}`, "EPAYLOAD", "newValue")
	c.denied(t, "mesh/publish-record-update", `{"recordId":"open:bad","newValue":1,"newValue":2}`, "EPAYLOAD", "newValue")
	c.denied(t, "mesh/publish-record-update", `{"recordId":"open:bad","NewValue":2}`, "EPAYLOAD", "newValue")
}

// deep is a value that nests so deeply, in arrays or in objects.
func deep(kind string, depth int) string {
	if kind == "arrays" {
		return nested(depth)
	}
	return strings.Repeat(`{"a":`, depth-1) + "{}" + strings.Repeat("}", depth-1)
}

// Nesting is bounded: of a value to 120, so that there is room for what is around
// it, and of a frame to 128.
func TestDeepRecords(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: recordsConfig})
	const most, inFrame = 120, 126 // in a frame a value stands two levels deep
	for _, kind := range []string{"arrays", "objects"} {
		c, watcher, patched := h.dial(t, v1), h.dial(t, v1), h.dial(t, v1)
		id := "open:deep " + kind
		watcher.followsIn(t, "full", id, 0)
		patched.followsIn(t, "patch", id, 0)
		c.write(t, id, deep(kind, most))
		c.transact(t, writeOp(id, `1`))
		c.transact(t, writeOp(id, deep(kind, most)))
		h.recordIs(t, id, deep(kind, most), 3)
		if got := watcher.records(t, 3); string(got[2].Full) != deep(kind, most) {
			t.Errorf("%s: pushed is %.50s", kind, got[2].Full)
		}
		if got := patched.records(t, 3); !strings.Contains(string(got[2].Patch), deep(kind, most)) {
			t.Errorf("%s: pushed is %.50s", kind, got[2].Patch)
		}
		if r := c.follows(t, object("recordId", id)); string(r.Record) != deep(kind, most) {
			t.Errorf("%s: read is %.50s", kind, r.Record)
		}
		for depth := most + 1; depth <= inFrame; depth++ {
			c.denied(t, "mesh/publish-record-update", recordWrite(id, deep(kind, depth)), "EPAYLOAD", "value")
			c.denied(t, "mesh/publish-record-update", recordWrite(id, deep(kind, depth), `"strategy":"deepMerge"`), "EPAYLOAD", "value")
		}
		c.denied(t, "mesh/transaction", `{"operations":[`+writeOp(id, deep(kind, most+1))+`]}`, "EPAYLOAD", "value")
		for _, depth := range []int{inFrame + 1, 128, 129, 10_000} {
			before := h.metric(t, "mesh_host_bad_frames_total")
			if err := c.send(`{"id":"deep","command":"mesh/publish-record-update","payload":` + recordWrite(id, deep(kind, depth)) + `}`); err != nil {
				t.Fatal(err)
			}
			c.call(t, "mesh/noop", "")
			if n := h.metric(t, "mesh_host_bad_frames_total"); n != before+1 {
				t.Errorf("%s %d: %v bad frames after %v", kind, depth, n, before)
			}
		}
		for _, depth := range []int{most + 1, 128, 129, 10_000} {
			if status, f := h.opFails(t, "records.set", `{"recordId":`+encoded(id)+`,"value":`+deep(kind, depth)+`}`); status != 400 || f.Code != "EPAYLOAD" {
				t.Errorf("%s %d: the server side gets %d %v", kind, depth, status, &f)
			}
		}
		h.recordIs(t, id, deep(kind, most), 3)
	}
	// Merging does not nest more deeply than what is merged.
	c := h.dial(t, v1)
	c.write(t, "open:both", deep("objects", most))
	c.write(t, "open:both", strings.Repeat(`{"a":`, most-2)+`{"b":[1]}`+strings.Repeat("}", most-2), `"strategy":"deepMerge"`)
	if s := h.stored(t, "open:both"); s.Version != 2 || !strings.Contains(string(s.Value), `"b":[1]`) {
		t.Errorf("merged deeply is %.50s at %d", s.Value, s.Version)
	}
}

// Members that are there twice have one meaning, whichever: what is stored reads
// as what is pushed.
func TestDuplicateMembers(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: recordsConfig})
	c, full, patched := h.dial(t, v1), h.dial(t, v1), h.dial(t, v1)
	const id = "open:twice"
	full.followsIn(t, "full", id, 0)
	patched.followsIn(t, "patch", id, 0)
	versions := 0
	for _, value := range []string{`{"a":1,"a":2}`, `{"a":2,"a":1}`, `{"a":1,"\u0061":3,"b":1}`, `{"a":{"x":1},"a":{"y":1}}`, `{"a":5,"a":[{"k":1,"k":2}]}`, `[{"a":1,"a":2},{"a":1}]`, `{"a":1}`} {
		for _, strategy := range []string{"replace", "merge", "deepMerge"} {
			reply, err := c.ask("mesh/publish-record-update", recordWrite(id, value, `"strategy":"`+strategy+`"`))
			if f, refused := err.(*failure); refused && f.Code == "EPAYLOAD" { //nolint:errorlint // never wrapped
				continue // that is a meaning too
			}
			if err != nil {
				t.Fatal(err)
			}
			versions = int(c.wrote(t, reply).Version)
		}
	}
	fulls := full.records(t, versions)
	var replayed []byte
	for i, p := range patched.records(t, versions) {
		var err error
		if replayed, err = applied(replayed, p.Patch); err != nil || canonical(replayed) != canonical(fulls[i].Full) {
			t.Fatalf("version %d: replayed is %s, pushed %s: %v", p.Version, replayed, fulls[i].Full, err)
		}
	}
	if s := h.stored(t, id); int(s.Version) != versions || canonical(s.Value) != canonical(replayed) {
		t.Errorf("stored is %+v, replayed %s", s, replayed)
	}
}

// Whatever a record is called, it is that record and no other.
func TestRecordIDs(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: "[[records]]\npattern = \"/^.*$/\"\nwritable = true\n"})
	c, server := h.dial(t, v1), h.dial(t, v1)
	ids := []string{
		"{x}", "{}", "}{", "*", "a*", "a:b:c", ":", "{a}:b*?[c]^", "mesh:record:x", "__keyspace@0__:*", "%s%00", "a b", " ", "../..", "/^.*$/", "\\", `"`, "'",
		"ü", "u\u0308", "🚀", "\u2028", "__proto__", "<script>", "日本語", strings.Repeat("x", 256), strings.Repeat("ü", 128), strings.Repeat("🚀", 64),
	}
	for i, id := range ids {
		c.followsIn(t, []string{"full", "patch"}[i%2], id, 0)
		server.followsIn(t, "full", id, 0)
	}
	for i, id := range ids {
		if v := c.write(t, id, fmt.Sprintf(`{"n":%d}`, i)); v.Version != 1 {
			t.Errorf("%q is written at %+v", id, v)
		}
		if v := h.set(t, id, fmt.Sprintf(`{"n":%d,"s":1}`, i)); v != 2 {
			t.Errorf("%q is set at %d", id, v)
		}
	}
	pushes, others := c.records(t, 2*len(ids)), server.records(t, 2*len(ids))
	for i, id := range ids {
		h.recordIs(t, id, fmt.Sprintf(`{"n":%d,"s":1}`, i), 2)
		for n := range 2 {
			if p, o := pushes[2*i+n], others[2*i+n]; p.RecordID != id || o.RecordID != id || p.Version != int64(n+1) {
				t.Errorf("%q is pushed as %+v, %+v", id, p, o)
			}
		}
		if v := c.delete(t, id); v != 3 {
			t.Errorf("%q is deleted at %d", id, v)
		}
	}
	for _, id := range []string{"", strings.Repeat("x", 257), strings.Repeat("ü", 129), "a\x00b", "a\nb", "\x7f", "a\u0085b", "\x1b"} {
		name := encoded(id)
		c.denied(t, "mesh/subscribe-record", `{"recordId":`+name+`}`, "EPAYLOAD", "recordId")
		c.denied(t, "mesh/unsubscribe-record", `{"recordId":`+name+`}`, "EPAYLOAD", "recordId")
		c.denied(t, "mesh/publish-record-update", recordWrite(id, "1"), "EPAYLOAD", "recordId")
		c.denied(t, "mesh/transaction", `{"operations":[{"op":"write","recordId":`+name+`,"value":1}]}`, "EPAYLOAD", "recordId")
		for _, operation := range []string{`records.get {"recordId":%s}`, `records.set {"recordId":%s,"value":1}`, `records.delete {"recordId":%s}`} {
			operation, request, _ := strings.Cut(operation, " ")
			if status, f := h.opFails(t, operation, fmt.Sprintf(request, name)); status != 400 || f.Code != "EPAYLOAD" {
				t.Errorf("%s of %q gives %d %v", operation, id, status, &f)
			}
		}
	}
	// A lone surrogate is no text; whatever becomes of it, it names nothing else.
	if reply, err := c.ask("mesh/publish-record-update", `{"recordId":"a\ud800b","newValue":1}`); err == nil {
		t.Logf("a lone surrogate is answered %s", reply)
	}
	h.opSays(t, "records.list", `{"pattern":"ab"}`, `{"records":[]}`)
}

// An expected version is the one that the record has, or nothing happens.
func TestExpectVersion(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: recordsConfig})
	c, watcher := h.dial(t, v1), h.dial(t, v1)
	const id = "open:expected"
	watcher.followsIn(t, "full", id, 0)
	conflicts := func(expected string, current int64) {
		t.Helper()
		payload := recordWrite(id, `"other"`, `"expectVersion":`+expected)
		f := c.fails(t, "mesh/publish-record-update", payload)
		data := fmt.Sprintf(`{"version":%d}`, current)
		if f.Code != "ECONFLICT" || f.Name != "ConflictError" || string(f.Data) != data || !strings.Contains(f.Message, expected) || !strings.Contains(f.Message, fmt.Sprint(current)) {
			t.Errorf("%s at %d: %+v", expected, current, f)
		}
		for _, operation := range []string{`{"op":"write","recordId":%q,"value":"other","options":{"expectVersion":%s}}`, `{"op":"delete","recordId":%q,"options":{"expectVersion":%s}}`} {
			f = c.fails(t, "mesh/transaction", `{"operations":[{"op":"write","recordId":"open:beside","value":1},`+fmt.Sprintf(operation, id, expected)+`]}`)
			if f.Code != "ECONFLICT" || !sameJSON(string(f.Data), fmt.Sprintf(`{"recordId":%q,"version":%d}`, id, current)) {
				t.Errorf("in a transaction: %+v %s", f, f.Data)
			}
		}
		for _, operation := range []string{`records.set {"recordId":%q,"value":"other","expectVersion":%s}`, `records.delete {"recordId":%q,"expectVersion":%s}`} {
			name, request, _ := strings.Cut(operation, " ")
			if status, f := h.opFails(t, name, fmt.Sprintf(request, id, expected)); status != 409 || f.Code != "ECONFLICT" || !sameJSON(string(f.Data), data) {
				t.Errorf("%s gives %d %v %s", name, status, &f, f.Data)
			}
		}
	}
	conflicts("1", 0)
	if v := c.write(t, id, `{"n":1}`, `"expectVersion":0`); v.Version != 1 {
		t.Errorf("made at %+v", v)
	}
	conflicts("0", 1)
	conflicts("2", 1)
	conflicts("9007199254740993", 1)
	if v := c.write(t, id, `{"n":2}`, `"expectVersion":1`); v.Version != 2 {
		t.Errorf("changed at %+v", v)
	}
	conflicts("1", 2)
	// An equal value must meet the version too.
	f := c.fails(t, "mesh/publish-record-update", recordWrite(id, `{"n":2}`, `"expectVersion":1`))
	if f.Code != "ECONFLICT" {
		t.Errorf("an equal value: %+v", f)
	}
	c.write(t, id, `{"n":2}`, `"expectVersion":2`)
	c.delete(t, id)
	conflicts("2", 3)
	// 0 is for a record without a value, also one that was deleted.
	if v := c.write(t, id, `{"n":4}`, `"expectVersion":0`); v.Version != 4 {
		t.Errorf("made again at %+v", v)
	}
	conflicts("0", 4)
	c.delete(t, id)
	if v := c.write(t, id, `{"n":6}`, `"expectVersion":5`); v.Version != 6 {
		t.Errorf("made again, knowing its deletion, at %+v", v)
	}
	watcher.told(t, id+` 1 {"n":1}`, id+` 2 {"n":2}`, id+` 3 -`, id+` 4 {"n":4}`, id+` 5 -`, id+` 6 {"n":6}`)
	h.recordIs(t, "open:beside", "null", 0)
	for _, expected := range []string{`-1`, `"1"`, `1.5`, `[]`, `{}`, `true`, `1e3`, `99999999999999999999`} {
		c.denied(t, "mesh/publish-record-update", recordWrite(id, "1", `"expectVersion":`+expected), "EPAYLOAD", "expectVersion")
	}
	c.write(t, id, `{"n":7}`, `"expectVersion":null`)
}

// What a write or a subscription asks for must be known.
func TestUnknownStrategyAndMode(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: recordsConfig})
	c := h.dial(t, v1)
	c.write(t, "open:known", "1")
	for _, strategy := range []string{`"Merge"`, `"deepmerge"`, `"append"`, `"replace "`, `7`, `["merge"]`, `true`, `{}`} {
		for _, dialect := range dialects {
			c.denied(t, dialect+"publish-record-update", recordWrite("open:known", "2", `"strategy":`+strategy), "EPAYLOAD", "strategy")
		}
		c.denied(t, "mesh/transaction", `{"operations":[{"op":"write","recordId":"open:known","value":2,"options":{"strategy":`+strategy+`}}]}`, "EPAYLOAD", "strategy")
	}
	if status, f := h.opFails(t, "records.set", `{"recordId":"open:known","value":2,"strategy":"append"}`); status != 400 || f.Code != "EPAYLOAD" {
		t.Errorf("the server side gets %d %v", status, &f)
	}
	for _, mode := range []string{`"Full"`, `"patches"`, `"both"`, `7`, `["patch"]`, `true`, `{}`} {
		for _, dialect := range dialects {
			c.denied(t, dialect+"subscribe-record", `{"recordId":"open:known","mode":`+mode+`}`, "EPAYLOAD", "mode")
		}
	}
	for _, options := range []string{`7`, `[]`, `"merge"`, `true`} {
		c.denied(t, "mesh/publish-record-update", `{"recordId":"open:known","newValue":2,"options":`+options+`}`, "EPAYLOAD", "options")
	}
	c.denied(t, "mesh/publish-record-update", recordWrite("open:known", "2", `"strategy":"merge"`, `"strategy":"replace"`), "EPAYLOAD", "strategy")
	h.recordIs(t, "open:known", "1", 1)
	c.write(t, "open:known", "3", `"strategy":null`, `"unknown":[1]`)
	c.says(t, "mesh/unsubscribe-record", `{"recordId":"open:known"}`, "false")
}
