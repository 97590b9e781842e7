package main

import (
	"errors"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
)

// settings are the operator's, [plugins.game.config]. Every instance reads them
// for itself, before its first call.
var settings gameSettings

type gameSettings struct {
	// turn is how long a player may think, in milliseconds.
	turn int64
	// kept is after what time a game goes in which nothing happens.
	kept mesh.Duration
}

func readSettings(config mesh.JSON) (gameSettings, error) {
	s := gameSettings{turn: 30_000, kept: 10 * mesh.Minute}
	for key, value := range config.Members() {
		n, ok := value.AsInt()
		if !ok || n < 1 || n > 24*3600 {
			return s, errors.New("config: " + key + " must be a whole number, 1 to 86400")
		}
		switch key {
		case "turn_seconds":
			s.turn = n * 1000
		case "kept_seconds":
			s.kept = mesh.Duration(n) * mesh.Second
		default:
			return s, errors.New("config: " + key + " is unknown: turn_seconds or kept_seconds")
		}
	}
	return s, nil
}
