package main

import mesh "github.com/mesh-host/mesh-host/pdk/go"

// game is how a game stands.
type game struct {
	state   string
	players []string // the first plays X
	board   []byte   // nine cells: 'X', 'O', or '.' for an empty one
	turn    int64    // whose turn it is, a place in players
	until   int64    // when it ends, in milliseconds since 1970
	winner  string   // "" for none
}

// The states of a game.
const (
	open  = "open" // waits for a second player
	on    = "on"
	won   = "won"
	drawn = "drawn"
	late  = "late" // won, since the other one took too long
)

const (
	marks = "XO"
	empty = '.'
	cells = 9
)

// lines are the cells that win together.
var lines = [...][3]int64{
	{0, 1, 2}, {3, 4, 5}, {6, 7, 8}, {0, 3, 6}, {1, 4, 7}, {2, 5, 8}, {0, 4, 8}, {2, 4, 6},
}

func newGame(player string) game {
	return game{state: open, players: []string{player}, board: []byte(".........")}
}

// readGame reads a record's value; ok is false where there is no game. An
// operator may have written anything there.
func readGame(value mesh.JSON) (g game, ok bool) {
	g.state, _ = value.Get("state").AsText()
	g.players, _ = value.Get("players").AsTexts()
	board, _ := value.Get("board").AsText()
	g.board = []byte(board)
	g.turn, _ = value.Get("turn").AsInt()
	g.until, _ = value.Get("until").AsInt()
	g.winner, _ = value.Get("winner").AsText()
	players := 2
	if g.state == open {
		players = 1
	}
	return g, len(g.players) == players && len(g.board) == cells && (g.turn == 0 || g.turn == 1)
}

func (g *game) json() mesh.JSON {
	return mesh.Object().Text("state", g.state).Texts("players", g.players).Text("board", string(g.board)).
		Int("turn", g.turn).Int("until", g.until).Text("winner", g.winner).JSON()
}

// place returns which of the players one is, -1 for none of them.
func (g *game) place(player string) int64 {
	for i, p := range g.players {
		if p == player {
			return int64(i)
		}
	}
	return -1
}

// join begins the game with a second player.
func (g *game) join(player string, now int64) error {
	switch {
	case g.place(player) >= 0:
		return mesh.NewError(mesh.CodeConflict, "You are in this game.")
	case g.state != open:
		return mesh.Denied("The game has two players already.")
	}
	g.players = append(g.players, player)
	g.state, g.until = on, now+settings.turn
	return nil
}

// move marks a cell.
func (g *game) move(player string, cell, now int64) error {
	switch place := g.place(player); {
	case place < 0:
		return mesh.Denied("You are not in this game.")
	case g.state != on:
		return mesh.Denied("The game is not on.")
	case place != g.turn:
		return mesh.Denied("It is not your turn.")
	case cell < 0 || cell >= cells:
		return mesh.BadPayload("cell", "must be 0 to 8")
	case g.board[cell] != empty:
		return mesh.NewError(mesh.CodeConflict, "The cell is taken.")
	}
	g.board[cell] = marks[g.turn]
	g.turn, g.until = 1-g.turn, now+settings.turn
	if g.hasLine(marks[1-g.turn]) {
		g.end(won, player)
	} else if g.isFull() {
		g.end(drawn, "")
	}
	return nil
}

// resign gives the game to the other player.
func (g *game) resign(player string) error {
	place := g.place(player)
	switch {
	case place < 0:
		return mesh.Denied("You are not in this game.")
	case g.state != on:
		return mesh.Denied("The game is not on.")
	}
	g.end(won, g.players[1-place])
	return nil
}

// tick ends the game if the player to move is late, and reports whether it did.
func (g *game) tick(now int64) bool {
	if g.state != on || now < g.until {
		return false
	}
	g.end(late, g.players[1-g.turn])
	return true
}

func (g *game) end(state, winner string) { g.state, g.winner, g.until = state, winner, 0 }

func (g *game) hasLine(mark byte) bool {
	for _, l := range lines {
		if g.board[l[0]] == mark && g.board[l[1]] == mark && g.board[l[2]] == mark {
			return true
		}
	}
	return false
}

func (g *game) isFull() bool {
	for _, c := range g.board {
		if c == empty {
			return false
		}
	}
	return true
}
