//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
)

func writeOp(id, value string, options ...string) string {
	op := `{"op":"write","recordId":` + encoded(id) + `,"value":` + value
	if len(options) > 0 {
		op += `,"options":{` + strings.Join(options, ",") + `}`
	}
	return op + "}"
}

func deleteOp(id string) string { return `{"op":"delete","recordId":` + encoded(id) + `}` }

// A transaction writes, merges and deletes several records, and what becomes of
// each is in the order of the operations.
func TestTransaction(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: recordsConfig})
	c, watcher := h.dial(t, v1), h.dial(t, v1)
	for _, id := range []string{"b", "a", "c", "d", "e"} {
		c.write(t, "open:"+id, `{"n":1}`)
		watcher.followsIn(t, "full", "open:"+id, 1)
	}
	results := c.transact(t,
		writeOp("open:c", `{"n":2}`), deleteOp("open:a"), writeOp("open:b", `{"m":1}`, `"strategy":"merge"`, `"expectVersion":1`),
		writeOp("open:d", `{"n":1.0}`), writeOp("open:new", `null`, `"expectVersion":0`), deleteOp("open:never"))
	want := []result{
		{"write", "open:c", true, 2},
		{"delete", "open:a", true, 2},
		{"write", "open:b", true, 2},
		{"write", "open:d", true, 1}, // it was equal
		{"write", "open:new", true, 1},
		{"delete", "open:never", true, 0},
	}
	for i := range want {
		if results[i] != want[i] {
			t.Errorf("operation %d: %+v, not %+v", i, results[i], want[i])
		}
	}
	got := make(map[string]string)
	for _, p := range watcher.records(t, 3) {
		got[p.RecordID] += fmt.Sprint(p.Version, string(p.Full))
	}
	if len(got) != 3 || got["open:c"] != `2{"n":2}` || got["open:a"] != "2" || got["open:b"] != `2{"n":1,"m":1}` {
		t.Errorf("pushed are %v", got)
	}
	h.recordIs(t, "open:new", "null", 1)
	again := c.transact(t, writeOp("open:c", `3`))
	if again[0].Version != 3 {
		t.Errorf("the next transaction: %+v", again)
	}
	// The same through the server's door.
	h.opSays(t, "records.transaction", `{"operations":[`+writeOp("closed", "1")+","+deleteOp("open:c")+`]}`,
		`[{"op":"write","recordId":"closed","success":true,"version":1},{"op":"delete","recordId":"open:c","success":true,"version":4}]`)
}

// A transaction that is not as it must be, or of which one operation fails, does
// nothing.
func TestBadTransactions(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: recordsConfig + "[limits]\ntransaction = 10\n"})
	c := h.dial(t, v1)
	c.write(t, "open:there", `{"n":1}`)
	many := func(n int) string {
		operations := make([]string, n)
		for i := range operations {
			operations[i] = writeOp(fmt.Sprint("open:many ", i), "1")
		}
		return "[" + strings.Join(operations, ",") + "]"
	}
	fine := writeOp("open:fine", "1")
	for _, try := range []struct{ name, operations, code, data, part string }{
		{"none", `[]`, "ETXN", "", "limits.transaction"},
		{"one too many", many(11), "ETXN", "", "limits.transaction"},
		{"far too many", many(1001), "ETXN", "", ""},
		{"one record twice", `[` + fine + `,` + writeOp("open:x", "1") + `,` + fine + `]`, "ETXN", `{"recordId":"open:fine"}`, "open:fine"},
		{"written and deleted", `[` + fine + `,` + deleteOp("open:fine") + `]`, "ETXN", `{"recordId":"open:fine"}`, "open:fine"},
		{"spelled differently", `[` + fine + `,{"op":"write","recordId":"open:f\u0069ne","value":1}]`, "ETXN", `{"recordId":"open:fine"}`, "open:fine"},
		{"an unknown operation", `[` + fine + `,{"op":"merge","recordId":"open:x","value":1}]`, "ETXN", "", "operations[1].op"},
		{"an operation in capitals", `[` + fine + `,{"op":"WRITE","recordId":"open:x","value":1}]`, "ETXN", "", "operations[1].op"},
		{"no operation", `[` + fine + `,{"recordId":"open:x","value":1}]`, "ETXN", "", "operations[1].op"},
		{"an operation that is no text", `[` + fine + `,{"op":7,"recordId":"open:x","value":1}]`, "ETXN", "", "operations[1].op"},
		{"no record", `[` + fine + `,{"op":"delete"}]`, "ETXN", "", "operations[1].recordId"},
		{"a record that is no text", `[` + fine + `,{"op":"delete","recordId":["open:x"]}]`, "ETXN", "", "operations[1].recordId"},
		{"no value", `[` + fine + `,{"op":"write","recordId":"open:x"}]`, "ETXN", "", "operations[1].value"},
		{"a value for a deletion", `[` + fine + `,{"op":"delete","recordId":"open:x","value":1}]`, "ETXN", "", "operations[1].value"},
		{"two values", `[` + fine + `,{"op":"write","recordId":"open:x","value":1,"value":2}]`, "ETXN", "", "value"},
		{"no object", `[` + fine + `,7]`, "ETXN", "", "operations[1]"},
		{"null", `[` + fine + `,null]`, "ETXN", "", "operations[1]"},
		{"a list", `[` + fine + `,["write","open:x",1]]`, "ETXN", "", "operations[1]"},
		{"no list", `{}`, "ETXN", "", "operations"},
		{"a text", `"write"`, "ETXN", "", "operations"},
		{"not writable", `[` + fine + `,` + writeOp("read:x", "1") + `]`, "ESERVER", `{"recordId":"read:x"}`, `Record "read:x" is not writable by this connection.`},
		{"an unknown strategy", `[` + fine + `,` + writeOp("open:x", "1", `"strategy":"add"`) + `]`, "EPAYLOAD", `{"recordId":"open:x"}`, "strategy"},
		{"another version", `[` + fine + `,` + writeOp("open:there", "2", `"expectVersion":2`) + `]`, "ECONFLICT", `{"recordId":"open:there","version":1}`, "1"},
		{"a version where there is none", `[` + fine + `,` + writeOp("open:x", "2", `"expectVersion":1`) + `]`, "ECONFLICT", `{"recordId":"open:x","version":0}`, "1"},
	} {
		for _, dialect := range dialects {
			f := c.fails(t, dialect+"transaction", `{"operations":`+try.operations+`}`)
			if f.Code != try.code || !strings.Contains(f.Message, try.part) || try.data != "" && !sameJSON(string(f.Data), try.data) || try.code == "ETXN" && f.Name != "TransactionError" {
				t.Errorf("%s: %+v %s", try.name, f, f.Data)
			}
		}
		if try.code == "ESERVER" {
			continue // the server side may
		}
		if _, f := h.opFails(t, "records.transaction", `{"operations":`+try.operations+`}`); f.Code != try.code {
			t.Errorf("%s: the server side gets %v", try.name, &f)
		}
	}
	for payload, field := range map[string]string{`{}`: "operations", `{"operations":[` + fine + `],"operations":[]}`: "operations", `{"Operations":[` + fine + `]}`: "operations"} {
		c.denied(t, "mesh/transaction", payload, "EPAYLOAD", field)
	}
	h.recordIs(t, "open:there", `{"n":1}`, 1)
	if got := h.op(t, "records.list", `{}`); strings.Count(got, "recordId") != 1 {
		t.Errorf("there is %s", got)
	}
	c.transact(t, strings.Split(strings.Trim(strings.ReplaceAll(many(10), "},{", "}\n{"), "[]"), "\n")...)
}

// Transactions of many clients over the same records in any order: what they
// move from one to another is neither lost nor doubled, and no one sees a part.
func TestTransactionsAtOnce(t *testing.T) {
	t.Parallel()
	for name, s := range kept(t, recordsConfig) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			transactionsAtOnce(t, start(t, s))
		})
	}
}

func transactionsAtOnce(t *testing.T, h *host) {
	t.Helper()
	const accounts, clients, moves = 5, 8, 40
	account := func(i int) string { return fmt.Sprint("open:account ", i%accounts) }
	first := h.dial(t, v1)
	for i := range accounts {
		first.write(t, account(i), `{"have":1000}`)
	}
	watcher := h.dial(t, v1)
	for i := range accounts {
		watcher.followsIn(t, []string{"full", "patch"}[i%2], account(i), 1)
	}
	var group sync.WaitGroup
	conflicts := make([]int, clients)
	for n := range clients {
		c := h.dial(t, []dialing{v1, {}}[n%2])
		group.Go(func() {
			for i := range moves {
				failed, err := move(c, account(n+i), account(n+2*i+1), i%7+1)
				if err != nil {
					t.Error(err)
					return
				}
				conflicts[n] += failed
			}
		})
	}
	group.Wait()
	total, versions := 0, 0
	for i := range accounts {
		s := h.stored(t, account(i))
		var v struct{ Have int }
		if err := json.Unmarshal(s.Value, &v); err != nil {
			t.Fatal(err)
		}
		total += v.Have
		versions += int(s.Version) - 1
	}
	t.Logf("%d versions, conflicts %v", versions, conflicts)
	if total != accounts*1000 {
		t.Errorf("there are %d in all", total)
	}
	last := make(map[string]int64)
	for _, p := range watcher.records(t, versions) {
		if p.Version != max(last[p.RecordID], 1)+1 {
			t.Fatalf("%s %d comes after %d", p.RecordID, p.Version, last[p.RecordID])
		}
		last[p.RecordID] = p.Version
	}
}

// move moves an amount between two accounts, again and again until no one has
// written meanwhile, and returns how often someone had.
func move(c *client, from, to string, amount int) (conflicts int, err error) {
	if from == to {
		return 0, nil
	}
	for ; conflicts < 10_000; conflicts++ {
		var at [2]version
		var have [2]int
		for i, id := range []string{from, to} {
			reply, err := c.ask("mesh/subscribe-record", object("recordId", id))
			if err != nil {
				return conflicts, err
			}
			r, err := readRecordReply([]byte(reply))
			if err != nil {
				return conflicts, err
			}
			var v struct{ Have int }
			if err := json.Unmarshal(r.Record, &v); err != nil {
				return conflicts, err
			}
			at[i], have[i] = r.version, v.Have
		}
		_, err := c.ask("mesh/transaction", `{"operations":[`+
			writeOp(from, fmt.Sprintf(`{"have":%d}`, have[0]-amount), fmt.Sprintf(`"expectVersion":%d`, at[0].Version))+","+
			writeOp(to, fmt.Sprintf(`{"have":%d}`, have[1]+amount), fmt.Sprintf(`"expectVersion":%d`, at[1].Version))+`]}`)
		if f, ok := err.(*failure); ok && f.Code == "ECONFLICT" { //nolint:errorlint // never wrapped
			continue
		}
		return conflicts, err
	}
	return conflicts, fmt.Errorf("%d conflicts", conflicts)
}
