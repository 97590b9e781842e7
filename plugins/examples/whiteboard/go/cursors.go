package main

import mesh "github.com/mesh-host/mesh-host/pdk/go"

// The size of a board: points are whole numbers from 0 to these.
const (
	width  = 1600
	height = 1000
)

// checkPlace reads {"x", "y"}, and what was read before it.
func checkPlace(in *mesh.Fields) error {
	x, y := in.Int("x"), in.Int("y")
	if err := in.Err(); err != nil {
		return err
	}
	if x < 0 || x > width || y < 0 || y > height {
		return mesh.BadPayload("x", "and y must be a point of the board, 0 to 1600 and 0 to 1000")
	}
	return nil
}

// cursorOf returns the id of a connection's cursor. A connection has one, and
// points at one board with it.
func cursorOf(connection string) string { return "cursor:" + connection }

// own is the guard of the cursors, {"board", "name", "x", "y"}: everyone writes
// their own, under their own name. It is asked for each movement, so it asks
// nothing in turn.
func own(c *mesh.GuardCall) error {
	if c.Name() != cursorOf(c.ConnectionID()) {
		return mesh.Denied("This cursor is not yours.")
	}
	if c.Action() == mesh.ActionDelete {
		return nil
	}
	name, err := mustHaveName(c.Call)
	if err != nil {
		return err
	}
	in := c.Value().Fields()
	board, called := in.Text("board"), in.Text("name")
	if err := checkPlace(in); err != nil {
		return err
	}
	if !isBoard(board) {
		return errNotABoard
	}
	if called != name {
		return mesh.Denied("This name is not yours.")
	}
	return only(c.Value(), 4, "board, name, x and y")
}

// disconnected takes the cursor of a connection along that has ended; should
// this not run, its TTL will.
func disconnected(d *mesh.Departure) error {
	_, _, err := mesh.Records.Delete(cursorOf(d.ConnectionID()))
	return err
}
