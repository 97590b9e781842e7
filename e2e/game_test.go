//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

const game = "game-go.wasm"

// standing is how a game stands.
type standing struct {
	State, Board, Winner string
	Players              []string
}

func (c *client) plays(t *testing.T, command, payload string) (s standing) {
	t.Helper()
	if err := json.Unmarshal([]byte(c.call(t, command, payload)), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// Two play, a third one watches each move, and the rules hold.
func TestGame(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{game, auth}, config: tokens})
	ann, bob, watcher := h.dial(t, dialing{query: "token=right"}), h.dial(t, dialing{}), h.dial(t, v1)
	ann.plays(t, "game.create", `{"game":"g"}`)
	watcher.call(t, "mesh/subscribe-record", `{"recordId":"game:g"}`)
	if s := bob.plays(t, "game.join", `{"game":"g"}`); s.State != "on" || s.Players[0] != "ann" || s.Players[1] != bob.id {
		t.Errorf("the game begins as %+v", s)
	}
	bob.denied(t, "game.move", `{"game":"g","cell":0}`, "EDENIED", "not your turn")
	watcher.denied(t, "game.move", `{"game":"g","cell":0}`, "EDENIED", "not in this game")
	// Ann comes back over another connection.
	again := h.dial(t, dialing{query: "token=right"})
	for i, cell := range []int{0, 3, 1, 4} {
		[]*client{ann, bob, again, bob}[i].plays(t, "game.move", fmt.Sprintf(`{"game":"g","cell":%d}`, cell))
	}
	if s := again.plays(t, "game.move", `{"game":"g","cell":2}`); s.State != "won" || s.Winner != "ann" || s.Board != "XXXOO...." {
		t.Errorf("the game ends as %+v", s)
	}
	eventually(t, patience, "the one who watches has seen each move", func() bool { return watcher.count("mesh/record-update") == 6 })
}

// The clock of the cluster ends each game once, whose player has taken too long.
func TestGameClock(t *testing.T) {
	t.Parallel()
	h := start(t, setup{plugins: []string{game}, config: "[plugins.game.config]\nturn_seconds = 1\n"})
	a, b, watcher := h.dial(t, v1), h.dial(t, v1), h.dial(t, v1)
	for _, name := range []string{"x", "y"} {
		a.plays(t, "game.create", object("game", name))
		watcher.call(t, "mesh/subscribe-record", object("recordId", "game:"+name))
		b.plays(t, "game.join", object("game", name))
	}
	for _, name := range []string{"x", "y"} {
		var s struct{ Value standing }
		eventually(t, patience, "the game is over", func() bool {
			if err := json.Unmarshal([]byte(h.op(t, "records.get", object("recordId", "game:"+name))), &s); err != nil {
				t.Fatal(err)
			}
			return s.Value.State == "late"
		})
		if s.Value.Winner != b.id {
			t.Errorf("the game ends as %+v", s.Value)
		}
	}
	rest(1500 * time.Millisecond) // in which the clock of every node would have come round
	if n := watcher.count("mesh/record-update"); n != 4 {
		t.Errorf("two games have begun and ended in %d versions", n)
	}
}
