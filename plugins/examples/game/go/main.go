// The game plugin is a game room: noughts and crosses for two, whom everyone may
// watch, with a clock.
//
// A game is the record game:<game>, which the plugin alone writes:
// {"state", "players", "board", "turn", "until", "winner"}. Players and those who
// watch subscribe to it, and each move is a patch. The clock is a schedule of the
// whole cluster: on one node at a time it ends the games whose player to move has
// taken too long, wherever that player is connected, or was.
package main

import mesh "github.com/mesh-host/mesh-host/pdk/go"

func init() { mesh.Main(setup) }

func main() {}

func setup(p *mesh.Plugin) error {
	config, err := mesh.Config()
	if err != nil {
		return err
	}
	if settings, err = readSettings(config); err != nil {
		return err
	}
	p.Name("game")
	p.Version("1.0.0")
	p.Capability("records.read", "which games there are, and how they stand")
	p.Capability("records.write", "a game is a record")

	p.Record("/^game:.+$/", mesh.TTL(settings.kept))
	p.Collection("games", games, mesh.DependsOn("/^game:.+$/"), mesh.Shared())
	p.Command("game.create", create)
	p.Command("game.join", join)
	p.Command("game.move", move)
	p.Command("game.resign", resign)
	p.Every("1s", "clock", clock, mesh.OncePerCluster())
	return nil
}
