//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// whiteboard is the build that the page is tested with.
const whiteboard = "whiteboard-go.wasm"

// eachWhiteboard runs a test on every language's build of the example.
func eachWhiteboard(t *testing.T, test func(t *testing.T, plugin string)) {
	t.Helper()
	t.Parallel()
	for _, language := range []string{"go", "assemblyscript"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			test(t, "whiteboard-"+language+".wasm")
		})
	}
}

// whiteboardSetup is the example as it is shipped, with settings of its plugin,
// which is one of its builds.
func whiteboardSetup(t *testing.T, plugin, settings string) setup {
	t.Helper()
	config, err := os.ReadFile(filepath.Join(built.root, "plugins", "examples", "whiteboard", "config.toml"))
	if err != nil {
		t.Fatal(err)
	}
	const page = "plugins/examples/whiteboard/page"
	moved := strings.Replace(string(config), page, filepath.Join(built.root, page), 1)
	return setup{plugins: []string{plugin, auth}, config: moved + tokens + "[plugins.whiteboard.config]\n" + settings}
}

// artist is a client that has a name.
func (h *host) artist(t *testing.T, name string) *client {
	t.Helper()
	c := h.dial(t, v1)
	c.says(t, "whiteboard.name", object("name", name), object("name", name))
	return c
}

// points writes a client's cursor.
func (c *client) points(t *testing.T, name, board string, x, y int) {
	t.Helper()
	c.write(t, "cursor:"+c.id, cursorAt(name, board, x, y))
}

func cursorAt(name, board string, x, y int) string {
	return fmt.Sprintf(`{"board":%q,"name":%q,"x":%d,"y":%d}`, board, name, x, y)
}

// dotAt is an item: a stroke of one point.
func dotAt(x, y int) string { return fmt.Sprintf(`{"line":[%d,%d],"width":40,"color":"red"}`, x, y) }

// draws lays an item over a board.
func (c *client) draws(board, item, value string) error {
	_, err := c.ask("mesh/publish-record-update", recordWrite("board:"+board, fmt.Sprintf(`{%q:%s}`, item, value), `"strategy":"merge"`))
	return err
}

// awaitCursor waits for the push that has a cursor at a place, or has it gone: one
// after the first pushes, so many as since says.
func (c *client) awaitCursor(t *testing.T, id, want string, since int) {
	t.Helper()
	_, ok := c.pushes.find(since, patience, func(f frame) bool {
		text := string(f.Payload)
		switch f.Command {
		case "mesh/record-update":
			return strings.Contains(text, `"recordId":"`+id+`"`) && want != "" && strings.Contains(text, `"full":`+want)
		case "mesh/collection-diff":
			return strings.Contains(text, `"id":"`+id+`"`) && (want == "" && strings.Contains(text, `"added":[]`) || want != "" && strings.Contains(text, want))
		}
		return false
	})
	if !ok {
		t.Fatalf("%s is not seen as %q", id, want)
	}
}

// Two clients see each other's cursors: soon when one comes, at once when it
// moves, and no longer when it goes.
func TestWhiteboardCursors(t *testing.T) { eachWhiteboard(t, seeCursors) }

func seeCursors(t *testing.T, plugin string) {
	t.Helper()
	h := start(t, whiteboardSetup(t, plugin, "cursor_seconds = 3\n"))
	ann, bob := h.artist(t, "Ann"), h.artist(t, "Bob")
	ann.collects(t, "cursors:x")
	bob.collects(t, "cursors:x")
	began := time.Now()
	ann.points(t, "Ann", "x", 0, 0)
	bob.awaitCursor(t, "cursor:"+ann.id, cursorAt("Ann", "x", 0, 0), 0)
	came := time.Since(began)
	bob.points(t, "Bob", "x", 1600, 1000)
	ann.awaitCursor(t, "cursor:"+bob.id, cursorAt("Bob", "x", 1600, 1000), 0)
	const moves = 50
	var took []time.Duration
	for i := range moves {
		began := time.Now()
		ann.points(t, "Ann", "x", i+1, i)
		bob.awaitCursor(t, "cursor:"+ann.id, cursorAt("Ann", "x", i+1, i), 0)
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	t.Logf("a cursor is seen %v after it has come, and %v (median), %v (worst) after it was moved", came, took[moves/2], took[moves-1])
	if came > 2*time.Second || took[moves/2] > 100*time.Millisecond {
		t.Error("that is too late")
	}

	// It leaves for another board, is left alone, and goes with its owner.
	since := bob.pushes.len()
	ann.points(t, "Ann", "y", 1, 1)
	bob.awaitCursor(t, "cursor:"+ann.id, "", since)
	bob.call(t, "mesh/unsubscribe-collection", object("collectionId", "cursors:x"))
	since = bob.pushes.len()
	ann.points(t, "Ann", "y", 2, 2)
	bob.collects(t, "cursors:y", "cursor:"+ann.id)
	bob.awaitCursor(t, "cursor:"+ann.id, "", since)
	ann.points(t, "Ann", "y", 3, 3)
	bob.awaitCursor(t, "cursor:"+ann.id, cursorAt("Ann", "y", 3, 3), since)
	since = bob.pushes.len()
	_ = ann.conn.CloseNow()
	bob.awaitCursor(t, "cursor:"+ann.id, "", since)
}

// Nobody writes what is another's, by any spelling.
func TestWhiteboardGuards(t *testing.T) { eachWhiteboard(t, guardWhiteboard) }

func guardWhiteboard(t *testing.T, plugin string) {
	t.Helper()
	h := start(t, whiteboardSetup(t, plugin, ""))
	ann, bob := h.artist(t, "Ann"), h.artist(t, "Bob")
	user := h.dial(t, dialing{query: "token=other", subprotocols: v1.subprotocols}) // bob, who is called so
	nobody := h.dial(t, v1)
	ann.call(t, "whiteboard.create", `{"board":"x"}`)
	ann.points(t, "Ann", "x", 1, 1)
	user.points(t, "bob", "x", 1, 1)
	for _, prefix := range dialects {
		write, transaction := prefix+"publish-record-update", prefix+"transaction"
		for _, c := range []*client{bob, user, nobody} {
			c.denied(t, write, recordWrite("cursor:"+ann.id, cursorAt("Bob", "x", 5, 5)), "EDENIED", "not yours")
			c.denied(t, transaction, `{"operations":[`+deleteOp("cursor:"+ann.id)+`]}`, "EDENIED", "not yours")
		}
		bob.denied(t, write, recordWrite("cursor:"+bob.id, cursorAt("Ann", "x", 5, 5)), "EDENIED", "not yours")
		user.denied(t, write, recordWrite("cursor:"+user.id, cursorAt("Bob", "x", 5, 5)), "EDENIED", "not yours")
		nobody.denied(t, write, recordWrite("cursor:"+nobody.id, cursorAt("", "x", 5, 5)), "EDENIED", "Choose a name")
		nobody.denied(t, write, recordWrite("board:x", `{"a":`+dotAt(1, 1)+`}`), "EDENIED", "Choose a name")
		bob.denied(t, write, recordWrite("board:y", `{"a":`+dotAt(1, 1)+`}`), "ENOTFOUND", "no such board")
		bob.denied(t, write, recordWrite("board:x", `{"a":`+dotAt(1, 1001)+`}`), "EPAYLOAD", "item a: ")
		bob.denied(t, write, recordWrite("board:x", `{"title":"mine"}`), "EPAYLOAD", "item title: ")
		bob.denied(t, write, recordWrite("board:x", `{"__proto__":`+dotAt(1, 1)+`}`), "EPAYLOAD", "letters, digits")
		bob.denied(t, write, recordWrite("about:x", `{}`), "ESERVER", "not writable")
		bob.denied(t, transaction, `{"operations":[`+writeOp("cursor:"+bob.id, cursorAt("Bob", "x", 5, 5))+","+deleteOp("board:x")+`]}`, "EDENIED", "whiteboard.close")
	}
	h.recordIs(t, "cursor:"+ann.id, cursorAt("Ann", "x", 1, 1), 1)
	h.recordIs(t, "cursor:"+bob.id, "null", 0)
	h.recordIs(t, "board:x", "{}", 1)
	_ = ann.conn.CloseNow()
	eventually(t, patience, "the cursor goes long before its TTL", func() bool { return string(h.stored(t, "cursor:"+ann.id).Value) == "null" })
}

// Many draw and erase at once: all see the same in the end, which is what was
// drawn and not erased, and the list has counted it.
func TestWhiteboardConverges(t *testing.T) { eachWhiteboard(t, converge) }

func converge(t *testing.T, plugin string) {
	t.Helper()
	h := start(t, whiteboardSetup(t, plugin, ""))
	artists := []*client{h.artist(t, "Ann"), h.artist(t, "Bob"), h.artist(t, "Carl")}
	artists[0].call(t, "whiteboard.create", `{"board":"x"}`)
	for _, c := range artists {
		c.followsIn(t, "patch", "board:x", 1)
	}
	const each = 60 // of which every third is erased
	var group sync.WaitGroup
	for i, c := range artists {
		group.Go(func() {
			for n := range each {
				id := fmt.Sprintf("a%d-%d", i, n)
				err := c.draws("x", id, dotAt(n, i))
				if err == nil && n%3 == 2 {
					err = c.draws("x", id, "null")
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	// What was erased is swept off a little later.
	left := len(artists) * each * 2 / 3
	h.awaitItems(t, "x", left)
	eventually(t, patience, fmt.Sprintf("the board has %d items, and none that was erased", left), func() bool {
		members, err := recordMembers(h.stored(t, "board:x").Value)
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range members {
			if string(item) == "null" {
				return false
			}
		}
		return len(members) == left
	})
	for i, c := range artists {
		c.comesToSee(t, h, "board:x", json.RawMessage(`{}`), fmt.Sprintf("artist %d", i))
	}
	artists[1].says(t, "whiteboard.clear", `{"board":"x"}`, "null")
	h.awaitItems(t, "x", 0)
}

// comesToSee waits until what was pushed of a record, laid over its first value,
// is what is stored, which another sweep may still change.
func (c *client) comesToSee(t *testing.T, h *host, id string, first json.RawMessage, who string) {
	t.Helper()
	var at stored
	var last version
	var value json.RawMessage
	seen := polled(patience, func() bool {
		at, value = h.stored(t, id), first
		for _, p := range c.records(t, 1) {
			var err error
			if last = p.version; p.Patch == nil {
				value = p.Full
			} else if value, err = applied(value, p.Patch); err != nil {
				t.Fatal(err)
			}
		}
		return last == at.version && canonical(value) == canonical(at.Value)
	})
	if !seen {
		t.Errorf("%s sees version %v: %s, not %v", who, last, value, at.version)
	}
}

// awaitItems waits until the list has so many items of a board.
func (h *host) awaitItems(t *testing.T, board string, n int) {
	t.Helper()
	eventually(t, patience, fmt.Sprintf("the list shows %d items", n), func() bool {
		var about struct{ Items int }
		return json.Unmarshal(h.stored(t, "about:"+board).Value, &about) == nil && about.Items == n
	})
}

// The list of boards follows what is opened, drawn on and closed, and loses what
// nobody draws on any more.
func TestWhiteboardList(t *testing.T) { eachWhiteboard(t, listBoards) }

func listBoards(t *testing.T, plugin string) {
	t.Helper()
	h := start(t, whiteboardSetup(t, plugin, "board_seconds = 4\nboards = 3\n"))
	looker := h.dial(t, v1)
	looker.collects(t, "boards")
	ann, bob := h.artist(t, "Ann"), h.artist(t, "Bob")
	ann.says(t, "whiteboard.create", `{"board":"x"}`, `{"board":"x"}`)
	bob.denied(t, "whiteboard.create", `{"board":"x"}`, "ECONFLICT", "already")
	bob.call(t, "whiteboard.create", `{"board":"日本"}`)
	changes := func(added, removed []string) {
		t.Helper()
		var got, lost []string
		eventually(t, patience, fmt.Sprintf("the list gains %q and loses %q", added, removed), func() bool {
			got, lost = nil, nil
			for _, d := range looker.diffs(t, 1) {
				got, lost = append(got, changesOf(t, d.Added)...), append(lost, changesOf(t, d.Removed)...)
			}
			return slices.Equal(got, added) && slices.Equal(lost, removed)
		})
	}
	changes([]string{"about:x", "about:日本"}, nil)
	bob.denied(t, "whiteboard.close", `{"board":"x"}`, "EDENIED", "Ann has made this board")
	if err := bob.draws("x", "a", dotAt(1, 1)); err != nil {
		t.Error(err)
	}
	if _, ok := looker.pushes.find(0, patience, func(f frame) bool {
		return f.Command == "mesh/record-update" && strings.Contains(string(f.Payload), `"about:x"`) && strings.Contains(string(f.Payload), `"items":1`)
	}); !ok {
		t.Error("the list does not count")
	}
	for _, f := range looker.received(t, "mesh/record-update") {
		if strings.Contains(f, `"board:`) {
			t.Errorf("who looks at the list gets %s", f)
		}
	}
	ann.says(t, "whiteboard.close", `{"board":"x"}`, "null")
	changes([]string{"about:x", "about:日本"}, []string{"about:x"})

	// The other one goes by itself.
	changes([]string{"about:x", "about:日本"}, []string{"about:x", "about:日本"})
	h.awaitLog(t, 0, map[string]string{"msg": "The board 日本 is no more: expired."})
	for _, board := range []string{"a", "b", "c"} {
		ann.call(t, "whiteboard.create", object("board", board))
	}
	ann.denied(t, "whiteboard.create", `{"board":"d"}`, "ELIMIT", "too many boards")
}

// Boards outlive the server, with what is known of them, where it has a store.
func TestWhiteboardIsKept(t *testing.T) { eachWhiteboard(t, keepBoards) }

func keepBoards(t *testing.T, plugin string) {
	t.Helper()
	s := whiteboardSetup(t, plugin, "")
	s.args = []string{"--store", t.TempDir()}
	h := start(t, s)
	ann := h.artist(t, "Ann")
	ann.call(t, "whiteboard.create", `{"board":"x"}`)
	if err := ann.draws("x", "a", dotAt(1, 1)); err != nil {
		t.Fatal(err)
	}
	h.awaitItems(t, "x", 1)
	before := h.stored(t, "board:x")
	h.finish(t)
	h = start(t, s)
	if after := h.stored(t, "board:x"); after.version != before.version || string(after.Value) != string(before.Value) {
		t.Errorf("the board is %s, not %s", after.Value, before.Value)
	}
	bob := h.artist(t, "Bob")
	bob.collects(t, "boards", "about:x")
	if r := bob.follows(t, fmt.Sprintf(`{"recordId":"board:x","mode":"patch","epoch":%q,"version":1}`, before.Epoch)); r.Recovered == nil || !*r.Recovered || len(r.Patches) != 1 {
		t.Errorf("recovered with %+v", r)
	}
	// Its owner is no more, so anyone may.
	bob.says(t, "whiteboard.close", `{"board":"x"}`, "null")
	h.recordIs(t, "board:x", "null", before.Version+1)
}
