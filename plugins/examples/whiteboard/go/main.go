// The whiteboard plugin makes boards that people draw on together, where each
// sees the cursors of the others.
//
// What is shared are records. cursor:<connection> is where someone points, and
// its owner writes it. board:<board> is what is drawn, {"<item>": item}, null
// for an erased one, and all who have a name write it. about:<board> is what a list of boards shows,
// {"by", "owner", "items", "changed"}, and the plugin writes it: it is a record
// of its own, so that who looks at the list does not get every stroke.
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
	p.Name("whiteboard")
	p.Version("1.0.0")
	capabilities(p)

	p.Guard("own", own)
	p.Guard("drawing", drawing)
	p.Record("/^cursor:.+$/", mesh.WritableBy("own"), mesh.TTL(settings.cursor), mesh.SlowConflate)
	p.Record("/^board:.+$/", mesh.WritableBy("drawing"), mesh.TTL(settings.board))
	p.Record("/^about:.+$/", mesh.TTL(settings.board+mesh.Minute), mesh.SlowConflate)
	p.Collection("boards", openBoards, mesh.DependsOn("/^about:.+$/"), mesh.Shared(), mesh.Limit(settings.boards))

	p.Command("whiteboard.name", chooseName)
	p.Command("whiteboard.create", create)
	p.Command("whiteboard.close", closeBoard)
	p.Command("whiteboard.clear", clearBoard)

	p.OnRecordUpdate(drawn, "/^board:.+$/")
	p.OnRecordRemoved(gone, "/^board:.+$/")
	p.OnDisconnect(disconnected)
	return nil
}

func capabilities(p *mesh.Plugin) {
	p.Capability("records.read", "which boards there are, and what is on them")
	p.Capability("records.write", "making, clearing and closing boards; cursors whose owner has gone")
	p.Capability("connections.metadata.read", "whether the one who has made a board is still there")
	p.Capability("connections.metadata.write", "a connection's name is in its metadata")
}
