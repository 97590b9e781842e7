package main

import (
	"time"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
)

// player is who plays: a user over all of their connections, so that one who
// has lost the connection can go on, and else the connection.
func player(c *mesh.Call) string {
	if user := c.User(); user != "" {
		return user
	}
	return c.ConnectionID()
}

// maxName is the longest name of a game, in bytes.
const maxName = 64

func recordOf(game string) string { return "game:" + game }

// named reads {"game"} of a command.
func named(in *mesh.Fields) (string, error) {
	game := in.Text("game")
	if err := in.Err(); err != nil {
		return "", err
	}
	if game == "" || len(game) > maxName {
		return "", mesh.BadPayload("game", "must be 1 to 64 bytes")
	}
	return game, nil
}

// create takes {"game"} and makes a game that waits for a second player.
// ECONFLICT says that there is one of that name.
func create(c *mesh.Call) (mesh.JSON, error) {
	name, err := named(c.Fields())
	if err != nil {
		return nil, err
	}
	g := newGame(player(c))
	_, err = mesh.Records.Set(recordOf(name), g.json(), mesh.ExpectVersion(0))
	if _, taken := mesh.AsConflict(err); taken {
		return nil, mesh.NewError(mesh.CodeConflict, "There is such a game already.")
	}
	return g.json(), err
}

// join takes {"game"} and makes its caller the second player.
func join(c *mesh.Call) (mesh.JSON, error) {
	name, err := named(c.Fields())
	if err != nil {
		return nil, err
	}
	return change(name, func(g *game) error { return g.join(player(c), now()) })
}

// move takes {"game", "cell"}, 0 to 8 from the upper left.
func move(c *mesh.Call) (mesh.JSON, error) {
	in := c.Fields()
	cell := in.Int("cell")
	name, err := named(in)
	if err != nil {
		return nil, err
	}
	return change(name, func(g *game) error { return g.move(player(c), cell, now()) })
}

// resign takes {"game"} and gives it to the other player.
func resign(c *mesh.Call) (mesh.JSON, error) {
	name, err := named(c.Fields())
	if err != nil {
		return nil, err
	}
	return change(name, func(g *game) error { return g.resign(player(c)) })
}

// change makes the next version of a game, however many try at once, and
// returns it.
func change(name string, step func(*game) error) (now mesh.JSON, err error) {
	_, err = mesh.Records.Update(recordOf(name), func(r mesh.Record) (mesh.JSON, error) {
		g, ok := readGame(r.Value)
		if !ok {
			return nil, mesh.NotFound("There is no such game.")
		}
		if err := step(&g); err != nil {
			return nil, err
		}
		now = g.json()
		return now, nil
	})
	if err != nil {
		return nil, err
	}
	return now, nil
}

// now is in milliseconds since 1970, as in JavaScript.
func now() int64 { return time.Now().UnixMilli() }
