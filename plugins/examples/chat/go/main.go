// The chat plugin makes a chat of rooms and channels: the channel chat:x is the
// talk in the room chat:x, and only its members may read it.
package main

import mesh "github.com/mesh-host/mesh-host/pdk/go"

func init() { mesh.Main(setup) }

func main() {}

func setup(p *mesh.Plugin) error {
	p.Name("chat")
	p.Version("1.0.0")
	capabilities(p)

	const rooms = "/^chat:.+$/"
	p.Guard("visitors", visitors)
	p.Guard("members", members)
	p.Room(rooms, mesh.GuardedBy("visitors"))
	p.Presence(rooms, mesh.GuardedBy("visitors"), mesh.TTL(mesh.Minute), mesh.SlowConflate)
	p.Channel(rooms, mesh.GuardedBy("members"), mesh.History(100))

	p.Middleware("pace", pace)
	p.Middleware("decency", decency)
	p.Command("chat.name", chooseName, mesh.Using("pace"))
	p.Command("chat.send", send, mesh.Using("pace", "decency"))
	p.Command("chat.kick", kickCommand)

	p.OnJoin(joined)
	p.OnLeave(left)
	p.OnDisconnect(disconnected)

	config, err := mesh.Config()
	if err != nil {
		return err
	}
	settings, err = readSettings(config)
	return err
}

func capabilities(p *mesh.Plugin) {
	p.Capability("kv", "who has which name, who was kicked, how fast someone writes")
	p.Capability("rooms.read", "only members read and write")
	p.Capability("rooms.write", "kicking ends a membership")
	p.Capability("channels.publish", "messages, and who comes and goes")
	p.Capability("channels.unsubscribe", "who is no member reads no more")
	p.Capability("presence.unsubscribe", "who is no member sees no more")
	p.Capability("connections.metadata.read", "whom a name belongs to")
	p.Capability("connections.metadata.write", "a connection's name is in its metadata")
	p.Capability("connections.read", "kicking a user means all its connections")
	p.Capability("connections.send", "telling the kicked one")
	p.Capability("connections.disconnect", "a client that has come back replaces what is left of it")
}
