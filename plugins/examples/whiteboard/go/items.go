package main

import (
	"unicode/utf8"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
)

// Bounds of what a client draws: items in one write, numbers in a line, and
// characters in a note and in an item's id.
const (
	maxItems = 100
	maxLine  = 400
	maxNote  = 280
	maxID    = 40
)

// drawing is the guard of the boards. It sees what a client sends, and not
// whether that is to be merged with what is there or to replace it: so what is on
// a board is an object of items and nothing else, of which any part is a board,
// too, and whose items are made under ids of their own, so that no two writers
// are in each other's way.
func drawing(c *mesh.GuardCall) error {
	if c.Action() == mesh.ActionDelete {
		return mesh.Denied("A board is closed with whiteboard.close.")
	}
	if _, err := mustHaveName(c.Call); err != nil {
		return err
	}
	n, err := checkItems(c.Value())
	if err != nil {
		return err
	}
	about, err := readAbout(boardIn(c.Name()))
	if err != nil {
		return err
	}
	// The number is that of a moment ago: a few items more may slip through.
	if there, _ := about.Get("items").AsInt(); n > 0 && there+n > settings.items {
		return mesh.NewError(mesh.CodeLimit, "This board is full. Clear it, or begin another one.")
	}
	return nil
}

// checkItems returns how many items are drawn, if all are as they must be. Those
// that are null are erased: a merge takes nothing away.
func checkItems(value mesh.JSON) (drawn int64, err error) {
	n := 0
	for id, item := range value.Members() {
		if !isItem(id) {
			return 0, mesh.BadPayload("newValue", "has an item whose id is not 1 to 40 letters, digits, '-' and '.', beginning with a letter")
		}
		n++
		if item.IsNull() {
			continue
		}
		if err := checkItem(item); err != nil {
			return 0, mesh.NewError(mesh.CodePayload, "item "+id+": "+err.Error())
		}
		drawn++
	}
	if n == 0 || n > maxItems {
		return 0, mesh.BadPayload("newValue", "must be an object of 1 to 100 items")
	}
	return drawn, nil
}

func isItem(id string) bool {
	for i := range len(id) {
		c := id[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || (c < '0' || c > '9') && c != '-' && c != '.') {
			return false
		}
	}
	return id != "" && len(id) <= maxID
}

// checkItem looks at a stroke, {"line": [x, y, …], "width", "color"}, or a note,
// {"note": text, "x", "y", "color"}.
func checkItem(item mesh.JSON) error {
	in := item.Fields()
	color := in.Text("color")
	if in.Err() == nil && !colors[color] {
		return mesh.BadPayload("color", "must be black, red, orange, green, blue or violet")
	}
	if in.Has("note") {
		return checkNote(item, in)
	}
	line, thick := in.Value("line"), in.Int("width")
	if err := in.Err(); err != nil {
		return err
	}
	if thick < 1 || thick > 100 {
		return mesh.BadPayload("width", "must be 1 to 100")
	}
	if !isLine(line) {
		return mesh.BadPayload("line", "must be 1 to 200 points of the board, each a whole x and y")
	}
	return only(item, 3, "line, width and color")
}

var colors = map[string]bool{"black": true, "red": true, "orange": true, "green": true, "blue": true, "violet": true}

func checkNote(item mesh.JSON, in *mesh.Fields) error {
	text := in.Text("note")
	if err := checkPlace(in); err != nil {
		return err
	}
	if text == "" || utf8.RuneCountInString(text) > maxNote {
		return mesh.BadPayload("note", "must be 1 to 280 characters")
	}
	return only(item, 4, "note, x, y and color")
}

func isLine(line mesh.JSON) bool {
	n, bounds := 0, [2]int64{width, height}
	for number := range line.Items() {
		v, ok := number.AsInt()
		if !ok || v < 0 || v > bounds[n%2] {
			return false
		}
		n++
	}
	return n > 0 && n <= maxLine && n%2 == 0
}
