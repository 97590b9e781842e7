package main

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
)

// maxBoard is the longest name of a board, in characters.
const maxBoard = 32

func boardOf(board string) string { return "board:" + board }
func aboutOf(board string) string { return "about:" + board }

// boardIn returns the board that a record is of.
func boardIn(record string) string {
	_, board, _ := strings.Cut(record, ":")
	return board
}

func isBoard(board string) bool {
	return board != "" && utf8.ValidString(board) && utf8.RuneCountInString(board) <= maxBoard &&
		strings.IndexFunc(board, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '_' }) < 0
}

var (
	errNotABoard   = mesh.BadPayload("board", "must be 1 to 32 letters, digits, '-' and '_'")
	errNoSuchBoard = mesh.NotFound("There is no such board.")
)

// named reads {"board"} of a command, whose caller must have a name, too.
func named(c *mesh.Call) (board, name string, err error) {
	in := c.Fields()
	board = in.Text("board")
	if err := in.Err(); err != nil {
		return "", "", err
	}
	if !isBoard(board) {
		return "", "", errNotABoard
	}
	name, err = mustHaveName(c)
	return board, name, err
}

// create takes {"board"} and makes an empty board: what is on it and what is
// known of it, both or neither. It returns {"board"}; ECONFLICT says that there
// is one already.
func create(c *mesh.Call) (mesh.JSON, error) {
	board, name, err := named(c)
	if err != nil {
		return nil, err
	}
	open, err := openBoards(c)
	if err != nil {
		return nil, err
	}
	if int64(len(open)) >= settings.boards {
		return nil, mesh.NewError(mesh.CodeLimit, "There are too many boards. Take one of these, or close one.")
	}
	about := mesh.Object().Text("by", name).Text("owner", c.ConnectionID()).Int("items", 0).Int("changed", now())
	_, err = mesh.Records.Transaction().
		Set(boardOf(board), mesh.Object().JSON(), mesh.ExpectVersion(0)).
		Set(aboutOf(board), about.JSON(), mesh.ExpectVersion(0)).
		Commit()
	if _, taken := mesh.AsConflict(err); taken {
		return nil, mesh.NewError(mesh.CodeConflict, "There is such a board already.")
	}
	if err != nil {
		return nil, err
	}
	return c.Object().Text("board", board).JSON(), nil
}

// closeBoard takes {"board"} and takes the board away, for who has made it, or
// for everyone once that one has gone.
func closeBoard(c *mesh.Call) (mesh.JSON, error) {
	board, _, err := named(c)
	if err != nil {
		return nil, err
	}
	about, err := readAbout(board)
	if err != nil {
		return nil, err
	}
	if err := mayClose(c, about); err != nil {
		return nil, err
	}
	_, err = mesh.Records.Transaction().Delete(boardOf(board)).Delete(aboutOf(board)).Commit()
	return nil, err
}

func mayClose(c *mesh.Call, about mesh.JSON) error {
	owner, _ := about.Get("owner").AsText()
	if owner == c.ConnectionID() {
		return nil
	}
	_, _, err := mesh.ConnectionMetadata(owner)
	if err == nil {
		by, _ := about.Get("by").AsText()
		return mesh.Denied(by + " has made this board, and is still here.")
	}
	if isNotFound(err) {
		return nil
	}
	return err
}

// clearBoard takes {"board"} and takes everything off the board.
func clearBoard(c *mesh.Call) (mesh.JSON, error) {
	board, _, err := named(c)
	if err != nil {
		return nil, err
	}
	if _, err := readAbout(board); err != nil {
		return nil, err
	}
	_, err = mesh.Records.Set(boardOf(board), mesh.Object().JSON())
	return nil, err
}

// readAbout returns what is known of a board, if it is open.
func readAbout(board string) (mesh.JSON, error) {
	about, err := mesh.Records.Get(aboutOf(board))
	if err == nil && about.Value.IsNull() {
		err = errNoSuchBoard
	}
	return about.Value, err
}

// openBoards resolves the collection of all boards, to the records about them.
func openBoards(*mesh.Call) (ids []string, err error) {
	q := mesh.RecordQuery{Pattern: "/^about:.+$/", Limit: 1000}
	for {
		page, err := mesh.Records.List(q)
		if err != nil {
			return nil, err
		}
		for r := range page.Records() {
			ids = append(ids, r.ID)
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			return ids, nil
		}
	}
}

// now is in milliseconds since 1970, as in JavaScript.
func now() int64 { return time.Now().UnixMilli() }
