package main

import (
	"errors"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
)

// settings are the operator's, [plugins.whiteboard.config]. Every instance reads
// them for itself, before its first call.
var settings boardSettings

type boardSettings struct {
	// boards is how many boards there may be, items how many strokes and notes
	// on each.
	boards, items int64
	// board is after what time a board goes that nobody draws on, cursor a
	// cursor that nobody moves.
	board, cursor mesh.Duration
}

func readSettings(config mesh.JSON) (boardSettings, error) {
	s := boardSettings{boards: 100, items: 2000, board: mesh.Day, cursor: 30 * mesh.Second}
	for key, value := range config.Members() {
		var ok bool
		switch key {
		case "boards":
			s.boards, ok = readNumber(value, 1000)
		case "items":
			s.items, ok = readNumber(value, 100_000)
		case "board_seconds":
			s.board, ok = readSeconds(value)
		case "cursor_seconds":
			s.cursor, ok = readSeconds(value)
		default:
			return s, errors.New("config: " + key + " is unknown: boards, items, board_seconds or cursor_seconds")
		}
		if !ok {
			return s, errors.New("config: " + key + " must be " + allowed[key])
		}
	}
	return s, nil
}

var allowed = map[string]string{
	"boards":         "a whole number, 1 to 1000",
	"items":          "a whole number, 1 to 100000",
	"board_seconds":  "a whole number, 1 to 31536000",
	"cursor_seconds": "a whole number, 1 to 31536000",
}

func readNumber(value mesh.JSON, most int64) (int64, bool) {
	n, ok := value.AsInt()
	return n, ok && n > 0 && n <= most
}

func readSeconds(value mesh.JSON) (mesh.Duration, bool) {
	n, ok := readNumber(value, 365*24*3600)
	return mesh.Duration(n) * mesh.Second, ok
}
