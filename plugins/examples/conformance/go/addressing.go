package main

import mesh "github.com/mesh-host/mesh-host/pdk/go"

// The operations on connections, users and rooms.

func connections(p *mesh.Plugin) {
	p.Capability("connections.send", "what pushes to clients")
	p.Capability("connections.read", "connections.list and users")
	p.Capability("connections.disconnect", "connections.disconnect and users.disconnect")
	p.Capability("connections.metadata.read", "connections.metadata.get and list")
	p.Capability("connections.metadata.write", "connections.metadata.set")
	p.Command("connections.metadata.get", withText("connectionId", connectionsMetadataGet))
	p.Command("connections.metadata.set", setMetadata("connectionId", mesh.Connections.SetMetadata))
	p.Command("connections.send", send)
	p.Command("connections.disconnect", connectionsDisconnect)
	p.Command("connections.list", listValues("user", "connections", mesh.Connections.List))
	p.Command("connections.metadata.list", listValues("roomName", "metadata", mesh.Connections.ListMetadata))
	p.Command("broadcast", broadcast)
}

func connectionsMetadataGet(c *mesh.Call, id string) (mesh.JSON, error) {
	metadata, user, err := mesh.Connections.Metadata(id)
	if err != nil {
		return nil, err
	}
	o := c.Object().Raw("metadata", metadata)
	if user != "" {
		o.Text("user", user)
	}
	return o.JSON(), nil
}

func connectionsDisconnect(c *mesh.Call) (mesh.JSON, error) {
	in := c.Fields()
	id, code, reason := in.Text("connectionId"), number(in, "code"), text(in, "reason")
	if err := in.Err(); err != nil {
		return nil, err
	}
	return truth(c, "disconnected")(mesh.Connections.Disconnect(id, int(code), reason))
}

func users(p *mesh.Plugin) {
	p.Command("users.send", usersSend)
	p.Command("users.disconnect", usersDisconnect)
	p.Command("users.list", listNames("", "users", func(_, cursor string, limit int) ([]string, string, error) {
		return mesh.Users.List(cursor, limit)
	}))
	p.Command("users.connections", namesOf("user", "connections", mesh.Users.Connections))
}

func usersSend(c *mesh.Call) (mesh.JSON, error) {
	in := c.Fields()
	to, push := in.Texts("to"), readPush(in)
	if err := in.Err(); err != nil {
		return nil, err
	}
	return amount(c, "sent")(mesh.Users.Send(to, push.command, push.payload, push.exclude...))
}

func usersDisconnect(c *mesh.Call) (mesh.JSON, error) {
	in := c.Fields()
	user, code, reason := in.Text("user"), number(in, "code"), text(in, "reason")
	if err := in.Err(); err != nil {
		return nil, err
	}
	return amount(c, "disconnected")(mesh.Users.Disconnect(user, int(code), reason))
}

func rooms(p *mesh.Plugin) {
	p.Capability("rooms.read", "the guard members, rooms.has, members and list")
	p.Capability("rooms.write", "rooms.add, remove, removeFromAll and clear")
	p.Capability("rooms.metadata.read", "rooms.metadata.get and list")
	p.Capability("rooms.metadata.write", "rooms.metadata.set")
	p.Command("rooms.add", withMember("joined", mesh.Rooms.Add))
	p.Command("rooms.remove", withMember("left", mesh.Rooms.Remove))
	p.Command("rooms.removeFromAll", namesOf("connectionId", "rooms", mesh.Rooms.RemoveFromAll))
	p.Command("rooms.has", withMember("member", mesh.Rooms.Has))
	p.Command("rooms.members", namesOf("roomName", "members", mesh.Rooms.Members))
	p.Command("rooms.list", listNames("connectionId", "rooms", roomsList))
	p.Command("rooms.clear", withText("roomName", func(c *mesh.Call, room string) (mesh.JSON, error) {
		return amount(c, "removed")(mesh.Rooms.Clear(room))
	}))
	p.Command("rooms.send", roomsSend)
	p.Command("rooms.metadata.get", withText("roomName", func(c *mesh.Call, room string) (mesh.JSON, error) {
		return value(c, "metadata")(mesh.Rooms.Metadata(room))
	}))
	p.Command("rooms.metadata.set", setMetadata("roomName", mesh.Rooms.SetMetadata))
	p.Command("rooms.metadata.list", listValues("", "metadata", func(_, cursor string, limit int) (mesh.JSON, string, error) {
		return mesh.Rooms.ListMetadata(cursor, limit)
	}))
}

func roomsList(connectionID, cursor string, limit int) ([]string, string, error) {
	if connectionID == "" {
		return mesh.Rooms.List(cursor, limit)
	}
	list, err := mesh.Rooms.Of(connectionID)
	return list, "", err
}

func roomsSend(c *mesh.Call) (mesh.JSON, error) {
	in := c.Fields()
	room, push := in.Text("roomName"), readPush(in)
	if err := in.Err(); err != nil {
		return nil, err
	}
	return amount(c, "sent")(mesh.Rooms.Send(room, push.command, push.payload, push.exclude...))
}
