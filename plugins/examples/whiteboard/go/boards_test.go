package main

import (
	"fmt"
	"strings"
	"testing"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
)

func TestBoards(t *testing.T) {
	s := newStudio(t, `{"boards":2}`)
	s.enter("a", "Ann")
	s.enter("b", "Bob")
	s.enter("n", "")
	s.enter("list", "")
	s.lists()
	s.does("a", "whiteboard.create", `{"board":"x"}`, `{"board":"x"}`)
	s.fails("b", "whiteboard.create", `{"board":"x"}`, mesh.CodeConflict)
	s.does("b", "whiteboard.create", `{"board":"日-_1"}`, "")
	s.fails("a", "whiteboard.create", `{"board":"y"}`, mesh.CodeLimit)
	s.lists("x 0", "日-_1 0")
	s.has("x", `{}`)
	about := s.Record("about:x").Value
	if by, _ := about.Get("by").AsText(); by != "Ann" {
		t.Errorf("got %s", about)
	}

	// Who has made it closes it, and everyone once that one has gone.
	s.fails("b", "whiteboard.close", `{"board":"x"}`, mesh.CodeDenied)
	s.does("a", "whiteboard.close", `{"board":"x"}`, "null")
	s.has("x", "null")
	s.fails("a", "whiteboard.close", `{"board":"x"}`, mesh.CodeNotFound)
	s.allow(s.Disconnect("b", 1000, ""))
	s.does("a", "whiteboard.close", `{"board":"日-_1"}`, "null")
	s.lists()
	s.does("a", "whiteboard.create", `{"board":"x"}`, "")

	// Those who look at the list have seen it all.
	var diffs []string
	for _, push := range s.Pushes("list") {
		if push.Command == "mesh/collection-diff" {
			line := ""
			for r := range push.Payload.Get("added").Items() {
				line += "+" + r.Get("id").String()
			}
			for r := range push.Payload.Get("removed").Items() {
				line += "-" + r.Get("id").String()
			}
			diffs = append(diffs, line)
		}
	}
	if got := strings.Join(diffs, " "); got != `+"about:x" +"about:日-_1" -"about:x" -"about:日-_1" +"about:x"` {
		t.Errorf("the list has changed by %s", got)
	}
	s.noFailures()
}

func TestCommandsRefuse(t *testing.T) {
	s := newStudio(t, `{}`)
	s.enter("a", "Ann")
	s.enter("n", "")
	s.does("a", "whiteboard.create", `{"board":"x"}`, "")
	for _, command := range []string{"create", "close", "clear"} {
		command = "whiteboard." + command
		for _, board := range []string{`""`, `"a:b"`, `"a b"`, `"{}"`, `"` + strings.Repeat("x", 33) + `"`, `1`, `null`} {
			s.fails("a", command, `{"board":`+board+`}`, mesh.CodePayload)
		}
		for _, payload := range []string{``, `[]`, `{}`} {
			s.fails("a", command, payload, mesh.CodePayload)
		}
		s.fails("n", command, `{"board":"x"}`, mesh.CodeDenied)
		if command != "whiteboard.create" {
			s.fails("a", command, `{"board":"y"}`, mesh.CodeNotFound)
		}
	}
}

func TestDrawing(t *testing.T) {
	s := newStudio(t, `{}`)
	s.enter("a", "Ann")
	s.enter("b", "Bob")
	s.enter("list", "")
	s.does("a", "whiteboard.create", `{"board":"x"}`, "")
	if r, err := s.SubscribeRecord("list", "board:x"); err != nil || r.Value.String() != `{}` {
		t.Errorf("got %s, %v", r.Value, err)
	}
	// Whoever draws adds; who draws the same again, as one who did not hear the
	// reply does, changes nothing.
	s.allow(s.draws("a", "x", `{"a1":`+dot+`}`), s.draws("b", "x", `{"b1":`+dash+`,"b2":`+scribble+`}`), s.draws("a", "x", `{"a1":`+dot+`}`))
	s.has("x", `{"a1":`+dot+`,"b1":`+dash+`,"b2":`+scribble+`}`)
	if at := s.Record("board:x").Version; at != 3 {
		t.Errorf("the board is at version %d", at)
	}
	s.lists("x 3")
	s.allow(s.draws("b", "x", `{"b1":null,"unknown":null}`))
	s.has("x", `{"a1":`+dot+`,"b2":`+scribble+`}`)
	s.lists("x 2")
	s.does("b", "whiteboard.clear", `{"board":"x"}`, "null")
	s.has("x", `{}`)
	s.lists("x 0")
	s.noFailures()
}

func TestDrawingRefuses(t *testing.T) {
	s := newStudio(t, `{"items":3}`)
	s.enter("a", "Ann")
	s.enter("n", "")
	s.enter("list", "")
	s.does("a", "whiteboard.create", `{"board":"x"}`, "")
	s.refused(s.draws("n", "x", `{"a":`+dot+`}`), mesh.CodeDenied, "without a name")
	s.refused(s.draws("a", "y", `{"a":`+dot+`}`), mesh.CodeNotFound, "on no board")
	_, err := s.Transact("a", `[{"op":"delete","recordId":"board:x"}]`)
	s.refused(err, mesh.CodeDenied, "a deletion")
	_, err = s.WriteRecord("a", "about:x", `{}`, "")
	s.refused(err, mesh.CodeServer, "about")
	for _, items := range badBoards() {
		s.refused(s.draws("a", "x", items), mesh.CodePayload, items)
	}
	s.has("x", `{}`)
	s.allow(s.draws("a", "x", `{"`+strings.Repeat("a", 40)+`":`+dot+`,"b":`+dot+`}`))
	s.refused(s.draws("a", "x", `{"c":`+dot+`,"d":`+dot+`}`), mesh.CodeLimit, "too much")
	s.allow(s.draws("a", "x", `{"c.1-A":`+dot+`}`))
	s.refused(s.draws("a", "x", `{"d":`+dot+`}`), mesh.CodeLimit, "too much")
	s.refused(s.draws("a", "x", `{"b":null,"d":`+dot+`}`), mesh.CodeLimit, "too much")
	s.lists("x 3")
	s.allow(s.draws("a", "x", `{"b":null}`), s.draws("a", "x", `{"d":`+dot+`}`))
	s.lists("x 3")
}

// badBoards are what a guard must not let onto a board.
func badBoards() []string {
	bad := []string{`null`, `[]`, `7`, `{}`, `{` + strings.Join(many(maxItems+1, `"a%d":`+dot), ",") + `}`}
	for _, id := range []string{"", "1", "_a", "__proto__", "a_b", "a b", "a/b", "ä", strings.Repeat("a", 41)} {
		bad = append(bad, `{"`+id+`":`+dot+`}`)
	}
	for _, item := range []string{
		`1`, `[]`, `{}`, `{"color":"black"}`,
		`{"line":[1,1],"width":4}`, `{"line":[1,1],"width":4,"color":"pink"}`, `{"line":[1,1],"width":4,"color":1}`,
		`{"line":[1,1],"color":"black"}`, `{"line":[1,1],"width":0,"color":"black"}`, `{"line":[1,1],"width":101,"color":"black"}`,
		`{"line":[1,1],"width":1.5,"color":"black"}`, `{"line":[1,1],"width":4,"color":"black","more":1}`, `{"line":[1,1],"width":4,"width":4,"color":"black"}`,
		`{"width":4,"color":"black"}`, `{"line":null,"width":4,"color":"black"}`, `{"line":{},"width":4,"color":"black"}`, `{"line":[],"width":4,"color":"black"}`,
		`{"line":[1],"width":4,"color":"black"}`, `{"line":[1,1,1],"width":4,"color":"black"}`, `{"line":[1601,1],"width":4,"color":"black"}`,
		`{"line":[1,1001],"width":4,"color":"black"}`, `{"line":[1,-1],"width":4,"color":"black"}`, `{"line":[1,1.5],"width":4,"color":"black"}`,
		`{"line":[1,"1"],"width":4,"color":"black"}`, `{"line":[` + strings.Join(many(maxLine+2, "%d"), ",") + `],"width":4,"color":"black"}`,
		`{"note":"","x":1,"y":1,"color":"black"}`, `{"note":1,"x":1,"y":1,"color":"black"}`, `{"note":"x","x":1,"color":"black"}`,
		`{"note":"x","x":1601,"y":1,"color":"black"}`, `{"note":"x","x":1,"y":1}`, `{"note":"x","x":1,"y":1,"color":"black","line":[1,1]}`,
		`{"note":"` + strings.Repeat("ä", maxNote+1) + `","x":1,"y":1,"color":"black"}`,
	} {
		bad = append(bad, `{"ok":`+dot+`,"a":`+item+`}`)
	}
	return bad
}

// many returns a text with each of the numbers below n.
func many(n int, format string) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf(format, i))
	}
	return list
}

func TestDrawingToTheBounds(t *testing.T) {
	s := newStudio(t, `{}`)
	s.enter("a", "Ann")
	s.does("a", "whiteboard.create", `{"board":"x"}`, "")
	s.allow(s.draws("a", "x", `{`+strings.Join(many(maxItems, `"a%d":`+dot), ",")+`}`),
		s.draws("a", "x", `{"line":{"line":[`+strings.Join(many(maxLine, "%d"), ",")+`],"width":100,"color":"violet"}}`),
		s.draws("a", "x", `{"note":{"note":"`+strings.Repeat("ä", maxNote)+`","x":0,"y":0,"color":"violet"}}`))
	s.noFailures()
}

// What the list shows follows the board, but not every stroke is news.
func TestActivity(t *testing.T) {
	s := newStudio(t, `{}`)
	s.enter("a", "Ann")
	s.enter("list", "")
	s.does("a", "whiteboard.create", `{"board":"x"}`, "")
	s.allow(s.draws("a", "x", `{"a":`+dot+`}`))
	at := s.Record("about:x").Version
	s.allow(s.draws("a", "x", `{"a":`+dash+`}`))
	if got := s.Record("about:x").Version; got != at {
		t.Errorf("a stroke that adds no item is version %d after %d", got, at)
	}
	// Some time later it is.
	s.allow(s.SetRecord("about:x", `{"by":"Ann","owner":"a","items":1,"changed":1000}`), s.draws("a", "x", `{"a":`+dot+`}`))
	about := s.Record("about:x").Value
	if changed, _ := about.Get("changed").AsInt(); changed < 1e12 || about.Get("owner").String() != `"a"` {
		t.Errorf("got %s", about)
	}
	s.lists("x 1")
	s.noFailures()
}

// A board that nobody draws on goes, and leaves the list; one that was opened
// again stays.
func TestBoardsThatGo(t *testing.T) {
	s := newStudio(t, `{"board_seconds":60}`)
	s.enter("a", "Ann")
	s.enter("list", "")
	for _, board := range []string{"x", "y"} {
		s.does("a", "whiteboard.create", `{"board":"`+board+`"}`, "")
	}
	s.allow(s.ExpireRecord("board:x"))
	s.lists("y 0")
	if logs := s.Logs(); len(logs) != 1 || logs[0].Message != "The board x is no more: expired." {
		t.Errorf("it says %v", logs)
	}
	s.does("a", "whiteboard.create", `{"board":"x"}`, "")
	s.lists("x 0", "y 0")

	// A stroke that comes as the board is being closed does not bring it back.
	s.does("a", "whiteboard.close", `{"board":"x"}`, "")
	s.allow(s.SetRecord("board:x", `{"a":`+dot+`}`))
	s.has("x", "null")
	s.lists("y 0")
	s.noFailures()
}
