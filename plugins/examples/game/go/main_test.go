package main

import (
	"errors"
	"strconv"
	"testing"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
	"github.com/mesh-host/mesh-host/pdk/go/meshtest"
)

// hall is a host with ann and bob, the second over two connections, and a guest.
type hall struct {
	*meshtest.Host
	t *testing.T
}

func newHall(t *testing.T, config string) *hall {
	t.Helper()
	h := &hall{meshtest.New(t, setup, meshtest.WithConfig(config)), t}
	for _, c := range []meshtest.Connection{{ID: "a", User: "ann"}, {ID: "b1", User: "bob"}, {ID: "b2", User: "bob"}, {ID: "guest"}} {
		if err := h.Connect(c); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// does calls a command on the game g and returns how it stands then.
func (h *hall) does(id, command, more string) game {
	h.t.Helper()
	reply, err := h.Call(id, "game."+command, `{"game":"g"`+more+`}`)
	if err != nil {
		h.t.Fatalf("%s %s %s: %v", id, command, more, err)
	}
	g, ok := readGame(reply)
	if stored := h.Record("game:g").Value; !ok || string(stored) != string(reply) {
		h.t.Fatalf("%s %s replies %s, and the record is %s", id, command, reply, stored)
	}
	return g
}

func (h *hall) fails(id, command, payload, code string) {
	h.t.Helper()
	_, err := h.Call(id, "game."+command, payload)
	var e *mesh.Error
	if !errors.As(err, &e) || e.Code != code {
		h.t.Errorf("%s %s %s: got %v, want %s", id, command, payload, err, code)
	}
}

// plays makes moves in turn, ann's first.
func (h *hall) plays(moves ...int) (g game) {
	h.t.Helper()
	for i, cell := range moves {
		g = h.does([]string{"a", "b1"}[i%2], "move", `,"cell":`+strconv.Itoa(cell))
	}
	return g
}

func TestGame(t *testing.T) {
	for _, c := range []struct {
		name   string
		moves  []int
		board  string
		state  string
		winner string
	}{
		{"X has a row", []int{0, 3, 1, 4, 2}, "XXXOO....", won, "ann"},
		{"O has a diagonal", []int{0, 2, 1, 4, 8, 6}, "XXO.O.O.X", won, "bob"},
		{"nobody", []int{0, 1, 2, 4, 3, 5, 7, 6, 8}, "XOXXOOOXX", drawn, ""},
		{"the last cell wins", []int{0, 1, 2, 3, 5, 4, 7, 6, 8}, "XOXOOXOXX", won, "ann"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHall(t, `{}`)
			if g := h.does("a", "create", ""); g.state != open || g.until != 0 {
				t.Errorf("a new game is %+v", g)
			}
			if g := h.does("b2", "join", ""); g.state != on || g.until == 0 {
				t.Errorf("a game that begins is %+v", g)
			}
			g := h.plays(c.moves...)
			if string(g.board) != c.board || g.state != c.state || g.winner != c.winner {
				t.Errorf("it ends as %+v %s", g, g.board)
			}
			h.fails("a", "move", `{"game":"g","cell":8}`, mesh.CodeDenied)
			h.fails("a", "resign", `{"game":"g"}`, mesh.CodeDenied)
		})
	}
}

func TestRefusals(t *testing.T) {
	h := newHall(t, `{}`)
	h.fails("a", "join", `{"game":"g"}`, mesh.CodeNotFound)
	h.fails("a", "move", `{"game":"g","cell":0}`, mesh.CodeNotFound)
	h.does("a", "create", "")
	h.fails("b1", "create", `{"game":"g"}`, mesh.CodeConflict)
	h.fails("a", "join", `{"game":"g"}`, mesh.CodeConflict)
	h.fails("a", "move", `{"game":"g","cell":0}`, mesh.CodeDenied)
	h.does("b1", "join", "")
	h.fails("guest", "join", `{"game":"g"}`, mesh.CodeDenied)
	h.fails("guest", "move", `{"game":"g","cell":0}`, mesh.CodeDenied)
	h.fails("guest", "resign", `{"game":"g"}`, mesh.CodeDenied)
	h.fails("b1", "move", `{"game":"g","cell":0}`, mesh.CodeDenied)
	h.plays(4)
	h.fails("b2", "move", `{"game":"g","cell":4}`, mesh.CodeConflict)
	for _, bad := range []string{``, `[]`, `{}`, `{"game":"g"}`, `{"game":"","cell":1}`, `{"game":5,"cell":1}`, `{"game":"g","cell":9}`, `{"game":"g","cell":-1}`, `{"game":"g","cell":1.5}`, `{"game":"g","cell":"1"}`} {
		h.fails("b2", "move", bad, mesh.CodePayload)
	}
	if g := h.does("b2", "resign", ""); g.state != won || g.winner != "ann" {
		t.Errorf("bob resigns: %+v", g)
	}
}

// The clock ends what has taken too long, and nothing else.
func TestClock(t *testing.T) {
	h := newHall(t, `{"turn_seconds":60}`)
	h.does("a", "create", "")
	h.does("b1", "join", "")
	h.plays(4)
	tick := func() game {
		t.Helper()
		if err := h.Run("clock"); err != nil {
			t.Fatal(err)
		}
		g, _ := readGame(h.Record("game:g").Value)
		return g
	}
	if g := tick(); g.state != on {
		t.Errorf("in time: %+v", g)
	}
	g, _ := readGame(h.Record("game:g").Value)
	g.until = 1000
	if err := h.SetRecord("game:g", g.json().String()); err != nil {
		t.Fatal(err)
	}
	for i, rubbish := range []string{`5`, `{}`, `{"state":"on","players":["ann"],"board":"........."}`, `{"state":"on","players":["a","b"],"board":".","turn":7}`} {
		if err := h.SetRecord("game:rubbish"+strconv.Itoa(i), rubbish); err != nil {
			t.Fatal(err)
		}
	}
	if g := tick(); g.state != late || g.winner != "ann" {
		t.Errorf("bob is late: %+v", g)
	}
}

// Those who watch see each move, and which games there are.
func TestWatching(t *testing.T) {
	h := newHall(t, `{}`)
	if ids, err := h.SubscribeCollection("guest", "games"); err != nil || len(ids) != 0 {
		t.Fatalf("%v, %v", ids, err)
	}
	h.does("a", "create", "")
	if _, err := h.SubscribeRecord("guest", "game:g"); err != nil {
		t.Fatal(err)
	}
	h.does("b1", "join", "")
	h.plays(0, 1)
	seen := map[string]int{}
	for _, push := range h.Pushes("guest") {
		seen[push.Command]++
	}
	if seen["mesh/record-update"] != 3 || seen["mesh/collection-diff"] != 1 {
		t.Errorf("seen %v", seen)
	}
	if _, err := h.WriteRecord("a", "game:g", `{}`, ""); err == nil {
		t.Error("a client writes a game")
	}
}

func TestSettings(t *testing.T) {
	for config, want := range map[string]gameSettings{
		`{}`: {30_000, 10 * mesh.Minute}, `{"turn_seconds":5,"kept_seconds":60}`: {5000, mesh.Minute},
	} {
		if s, err := readSettings(mesh.JSON(config)); err != nil || s != want {
			t.Errorf("%s gives %+v, %v", config, s, err)
		}
	}
	for _, bad := range []string{`{"turn_seconds":0}`, `{"turn_seconds":"5"}`, `{"kept_seconds":86401}`, `{"turn":5}`} {
		if _, err := readSettings(mesh.JSON(bad)); err == nil {
			t.Errorf("%s passes", bad)
		}
	}
}
