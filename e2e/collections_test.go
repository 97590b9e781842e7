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

const collectionsConfig = `
[[records]]
pattern = "/^card:.+$/"
writable = true
[[records]]
pattern = "/^note:.+$/"
[[collections]]
pattern = "all"
records = "/^card:.+$/"
limit = 1000
[[collections]]
pattern = "/^board:([^:]+)$/"
records = ["/^card:.+$/", "/^note:.+$/"]
filter = {board = "$1", open = true}
sort = "-rank"
limit = 3
[[collections]]
pattern = "/^of:(?P<user>[^:]+):(low|high)$/"
records = "/^card:.+$/"
filter = {"owner.name" = ["${user}", "everyone"], rank = [1, 2, 3], level = "$2"}
sort = "rank"
[liveness]
ping_interval = 0
latency_interval = 0
`

func card(board string, rank int) string {
	return fmt.Sprintf(`{"board":%q,"open":true,"rank":%d}`, board, rank)
}

// A declared collection has the records that its filter lets pass, in its
// order, the first ones only.
func TestDeclaredCollections(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: collectionsConfig})
	c := h.dial(t, v1)
	c.says(t, "mesh/subscribe-collection", object("collectionId", "board:a"), `{"success":true,"ids":[],"records":[],"version":1}`)
	for id, value := range map[string]string{
		"card:1": card("a", 1), "card:2": card("a", 2), "card:3": card("b", 3), "card:4": `{"board":"a","open":false,"rank":9}`,
		"card:5": `{"board":"a","rank":9}`, "card:6": `{"board":"a","open":"true","rank":9}`, "card:7": `"a"`, "card:8": `null`, "card:9": `["a"]`,
		"note:1": card("a", 7), "other:1": card("a", 8), "card:10": card("$1", 1), "card:11": `{"board":["a"],"open":true,"rank":9}`,
		"card:12": `{"owner":{"name":"ann"},"rank":2,"level":"low"}`, "card:13": `{"owner":{"name":"everyone"},"rank":1.0,"level":"low"}`,
		"card:14": `{"owner":{"name":"ann"},"rank":4,"level":"low"}`, "card:15": `{"owner":"ann","rank":1,"level":"low"}`,
		"card:16": `{"owner":{"name":"bob"},"rank":1,"level":"low"}`, "card:17": `{"owner":{"name":"ann"},"rank":3e0,"level":"high"}`,
	} {
		h.set(t, id, value)
	}
	other := h.dial(t, v1)
	for id, want := range map[string][]string{
		"board:a":     {"note:1", "card:2", "card:1"},
		"board:b":     {"card:3"},
		"board:$1":    {"card:10"},
		"board:c":     {},
		"of:ann:low":  {"card:13", "card:12"},
		"of:ann:high": {"card:17"},
		"of:bob:low":  {"card:13", "card:16"}, // equal ones by id
		"all":         {"card:1", "card:10", "card:11", "card:12", "card:13", "card:14", "card:15", "card:16", "card:17", "card:2", "card:3", "card:4", "card:5", "card:6", "card:7", "card:8", "card:9"},
	} {
		other.collects(t, id, want...)
	}
	other.says(t, "mesh/subscribe-collection", object("collectionId", "board:b"),
		`{"success":true,"ids":["card:3"],"records":[{"id":"card:3","record":`+card("b", 3)+`,"version":1}],"version":1}`)
	for _, dialect := range dialects {
		x := h.dial(t, dialing{})
		for _, id := range []string{"closed", "board:", "board:a:b", "Board:a", "of:ann:middle"} {
			x.says(t, dialect+"subscribe-collection", object("collectionId", id), refusedCollection)
		}
		x.says(t, dialect+"unsubscribe-collection", object("collectionId", "closed"), "false")
		if reply := x.call(t, dialect+"subscribe-collection", object("collectionId", "board:b")); !strings.HasPrefix(reply, `{"success":true,"ids":["card:3"],`) {
			t.Errorf("%s: %s", dialect, reply)
		}
		x.says(t, dialect+"unsubscribe-collection", object("collectionId", "board:b"), "true")
		x.says(t, dialect+"unsubscribe-collection", object("collectionId", "board:b"), "false")
	}
}

// What changes is pushed: records that come and go as diffs, whose versions
// count, members that change as what they are now, each version once.
func TestCollectionDiffs(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: collectionsConfig})
	writer := h.dial(t, v1)
	writer.write(t, "card:1", card("a", 1))
	c, old := h.dial(t, v1), h.dial(t, dialing{})
	c.collects(t, "board:a", "card:1")
	old.collects(t, "board:a", "card:1")
	step := func(n int, added, removed []string) diff {
		t.Helper()
		d := c.diffs(t, n)[n-1]
		if d.CollectionID != "board:a" || d.Version != int64(n+1) || !slices.Equal(changesOf(t, d.Added), added) || !slices.Equal(changesOf(t, d.Removed), removed) {
			t.Fatalf("diff %d is %+v, not %q and %q", n, d, added, removed)
		}
		return d
	}
	none := []string{}
	writer.write(t, "card:2", `{"board":"a","open":true,"rank":2,"id":"its own","text":"new"}`)
	if d := step(1, []string{"card:2"}, none); encoded(d.Added[0]) != `{"id":"card:2","record":{"board":"a","open":true,"rank":2,"id":"its own","text":"new"},"version":1}` {
		t.Errorf("added is %s", encoded(d.Added[0]))
	}
	if d := old.diffs(t, 1)[0]; encoded(d.Added[0]) != `{"board":"a","id":"card:2","open":true,"rank":2,"text":"new"}` {
		t.Errorf("to an old client added is %s", encoded(d.Added[0]))
	}
	// A member that changes and stays one.
	writer.write(t, "card:1", `{"board":"a","open":true,"rank":1,"text":"changed"}`)
	c.told(t, `card:1 2 {"board":"a","open":true,"rank":1,"text":"changed"}`)
	// One that no longer passes, and one that passes again.
	writer.write(t, "card:2", `{"open":false}`, `"strategy":"merge"`)
	step(2, none, []string{"card:2"})
	writer.write(t, "card:2", `{"open":true}`, `"strategy":"merge"`)
	step(3, []string{"card:2"}, none)
	// More than there is room for: the last one goes, and comes back.
	writer.write(t, "card:3", card("a", 3))
	step(4, []string{"card:3"}, none)
	writer.write(t, "card:4", card("a", 4))
	step(5, []string{"card:4"}, []string{"card:1"})
	writer.write(t, "card:5", card("a", 0)) // is beyond
	writer.delete(t, "card:3")
	step(6, []string{"card:1"}, []string{"card:3"})
	// It moves to another board: gone here.
	h.set(t, "card:4", card("b", 4))
	step(7, []string{"card:5"}, []string{"card:4"})

	// Each version that concerns it has come once.
	seen := make(map[string]int64)
	for _, p := range c.records(t, 1) {
		if p.Version <= seen[p.RecordID] || p.Patch != nil {
			t.Errorf("after version %d comes %+v", seen[p.RecordID], p)
		}
		seen[p.RecordID] = p.Version
	}
	if n := seen["card:5"]; n != 0 {
		t.Errorf("a record that was no member is pushed at %d", n)
	}
	// The end.
	c.says(t, "mesh/unsubscribe-collection", `{"collectionId":"board:a"}`, "true")
	frames := c.pushes.len()
	for i := range 5 {
		writer.write(t, "card:1", card("a", 10+i))
		writer.write(t, fmt.Sprint("card:new ", i), card("a", 20+i))
	}
	rest(300 * time.Millisecond) // longer than changes wait for others
	c.call(t, "mesh/noop", "")
	if more, _ := c.pushes.from(frames); len(more) > 0 {
		t.Errorf("after the end comes %s %s", more[0].Command, more[0].Payload)
	}
}

// Records of any kind can be members, and what is added says whose it is.
func TestCollectionsOfAnyValue(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: collectionsConfig})
	for i, d := range []dialing{v1, {}} {
		h.collectsAnything(t, h.dial(t, d), i)
	}
}

func (h *host) collectsAnything(t *testing.T, c *client, round int) {
	t.Helper()
	v := c.watch(t, "all")
	for id := range v.values { // of the round before
		h.op(t, "records.delete", object("recordId", id))
	}
	want := make(map[string]string)
	for i, value := range []string{`{}`, `{"id":7}`, `{"id":null,"a":9007199254740993}`, `{"a":1e400}`, `[]`, `[1]`, `"text"`, `""`, `0`, `false`, `null`} {
		id := fmt.Sprint("card:", round, i)
		h.set(t, id, value)
		want[id] = stamped(id, json.RawMessage(value))
	}
	v.shows(t, c, want)
}

// A session that subscribes to a collection and to records of it gets each
// version once, as both need it: whole.
func TestCollectionAndRecord(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: collectionsConfig})
	writer := h.dial(t, v1)
	for i := range 3 {
		writer.write(t, fmt.Sprint("card:", i), card("a", i))
	}
	for _, first := range []string{"collection", "record"} {
		for _, mode := range []string{"full", "patch"} {
			c := h.dial(t, v1)
			at := h.stored(t, "card:1").Version
			if first == "collection" {
				c.collect(t, "all")
				c.followsIn(t, mode, "card:1", at)
			} else {
				c.followsIn(t, mode, "card:1", at)
				c.collect(t, "all")
			}
			got := 0
			next := func(id string, want int64, n int) {
				t.Helper()
				got += n
				pushes := c.records(t, got)
				if len(pushes) != got {
					t.Fatalf("%s first, %s: %d pushes instead of %d: %+v", first, mode, len(pushes), got, pushes)
				}
				if n > 0 && (pushes[got-1].RecordID != id || pushes[got-1].Version != want || pushes[got-1].Full == nil) {
					t.Errorf("%s first, %s: pushed is %+v, not %s at %d", first, mode, pushes[got-1], id, want)
				}
			}
			write := func(id string) int64 {
				t.Helper()
				return writer.write(t, id, fmt.Sprintf(`{"t":%d}`, time.Now().UnixNano()), `"strategy":"merge"`).Version
			}
			for range 3 {
				next("card:1", write("card:1"), 1)
				next("card:2", write("card:2"), 1)
			}
			// Without one of the two the other goes on.
			c.says(t, "mesh/unsubscribe-record", `{"recordId":"card:1"}`, "true")
			c.says(t, "mesh/unsubscribe-record", `{"recordId":"card:1"}`, "false")
			next("card:1", write("card:1"), 1)
			c.followsIn(t, mode, "card:1", h.stored(t, "card:1").Version)
			next("card:1", write("card:1"), 1)
			c.says(t, "mesh/unsubscribe-collection", `{"collectionId":"all"}`, "true")
			last := write("card:1")
			pushes := c.records(t, got+1)
			if p := pushes[len(pushes)-1]; len(pushes) != got+1 || p.Version != last || (p.Patch != nil) != (mode == "patch") {
				t.Errorf("%s first, %s: without the collection %+v", first, mode, pushes[got:])
			}
			write("card:2")
			if n := len(c.records(t, got+1)); n != got+1 {
				t.Errorf("%s first, %s: a record of the collection is still pushed", first, mode)
			}
		}
	}
}

// Many changes at once make few diffs, and changes that do not end do not keep
// them back.
func TestCollectionDiffsAreCoalesced(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: collectionsConfig})
	writer, c := h.dial(t, v1), h.dial(t, v1)
	c.collects(t, "all")
	at := time.Now()
	for i := range 100 {
		if err := writer.send(`{"command":"mesh/publish-record-update","payload":` + recordWrite(fmt.Sprint("card:", i), card("a", i)) + `}`); err != nil {
			t.Fatal(err)
		}
	}
	writer.call(t, "mesh/noop", "")
	added := func() (n int) {
		for _, d := range c.diffs(t, 1) {
			n += len(d.Added)
		}
		return n
	}
	eventually(t, patience, "all are added", func() bool { return added() >= 100 })
	took := time.Since(at)
	diffs := len(c.diffs(t, 1))
	t.Logf("100 new records in %v make %d diffs", took, diffs)
	if most := 2 + int(took/(50*time.Millisecond)); added() != 100 || diffs > most || diffs > 20 {
		t.Errorf("%d diffs add %d records", diffs, added())
	}
	// One after the other, without a pause as long as one waits for others.
	begun := time.Now()
	for i := 100; len(c.diffs(t, 1)) == diffs; i++ {
		writer.write(t, fmt.Sprint("card:", i), card("a", i))
		if time.Since(begun) > patience {
			t.Fatal("changes that do not end keep diffs back")
		}
	}
	if took := time.Since(begun); took < 40*time.Millisecond || took > 2*time.Second {
		t.Errorf("the first diff comes after %v", took)
	}
}

// The server ends subscriptions, and says so; and one session's collections
// cover no more records than they may.
func TestCollectionsEnd(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: collectionsConfig + "[limits]\ncollection_records = 5\n"})
	for i := range 3 {
		h.set(t, fmt.Sprint("card:", i), card("a", i))
	}
	for i, d := range []dialing{v1, {}, {}} {
		dialect := dialects[i]
		c := h.dial(t, d)
		c.call(t, dialect+"subscribe-collection", `{"collectionId":"all"}`)
		c.denied(t, dialect+"subscribe-collection", `{"collectionId":"board:a"}`, "ELIMIT", "limits.collection_records")
		c.call(t, dialect+"subscribe-collection", `{"collectionId":"board:b"}`)
		end := object("collectionId", "all", "connectionId", c.id, "reason", "enough")
		h.opSays(t, "collections.unsubscribe", end, `{"unsubscribed":true}`)
		h.unsubscribedAgain(t, "collections.unsubscribe", end)
		if got := c.receives(t, dialect+"unsubscribed", 1); !slices.Equal(got, []string{`{"kind":"collection","name":"all","reason":"enough"}`}) {
			t.Errorf("%q", got)
		}
		h.set(t, "card:0", card("a", 100+i))
		if got := c.records(t, 0); len(got) != 0 {
			t.Errorf("after the end comes %+v", got)
		}
		c.says(t, dialect+"unsubscribe-collection", `{"collectionId":"all"}`, "false")
		c.call(t, dialect+"subscribe-collection", `{"collectionId":"board:a"}`)
		_ = c.conn.CloseNow()
	}
	h.opSays(t, "collections.unsubscribe", `{"collectionId":"all","connectionId":"nobody"}`, `{"unsubscribed":false}`)
	eventually(t, patience, "nothing is left of them", func() bool {
		return h.metric(t, "mesh_host_topics") == 0 && h.metric(t, "mesh_host_collections") == 0
	})
}
