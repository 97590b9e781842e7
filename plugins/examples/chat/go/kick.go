package main

import (
	"errors"
	"strings"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
)

// kickCommand takes {"room", "who"}, as /kick does in a message.
func kickCommand(c *mesh.Call) (mesh.JSON, error) {
	in := c.Fields()
	room, who := in.Text("room"), in.Text("who")
	if err := in.Err(); err != nil {
		return nil, err
	}
	return kick(c, room, who)
}

// kick lets a moderator put someone, a connection, a name or a user, out of a
// room for a while. It returns {"kicked": [connections]}.
func kick(c *mesh.Call, room, who string) (mesh.JSON, error) {
	name := nameOf(c.Metadata())
	if !isModerator(c.User(), name) {
		return nil, mesh.Denied("Only moderators may do that.")
	}
	if !isRoom(room) || who == "" || len(who) > 256 {
		return nil, mesh.BadPayload("who", "must be someone in a room of the chat")
	}
	found, err := find(room, who)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, mesh.NotFound(who + " is not here.")
	}
	if name == "" {
		name = c.User()
	}
	for _, id := range found {
		if err := putOut(room, id, name); err != nil {
			return nil, err
		}
	}
	return c.Object().Texts("kicked", found).JSON(), nil
}

// find returns the members of a room that are meant: a connection by its id,
// else the one of that name, else all of that user.
func find(room, who string) ([]string, error) {
	candidates := []string{who}
	if isName(who) {
		record, err := mesh.KV.Get(nameKey(who))
		if err != nil {
			return nil, err
		}
		if holder, ok := record.Get("id").AsText(); ok {
			candidates = append(candidates, holder)
		}
	}
	for _, id := range candidates {
		if member, err := mesh.Rooms.Has(room, id); err != nil || member {
			return []string{id}, err
		}
	}
	connections, err := mesh.Users.Connections(who)
	var found []string
	for _, id := range connections {
		member, failed := mesh.Rooms.Has(room, id)
		if err = errors.Join(err, failed); member {
			found = append(found, id)
		}
	}
	return found, err
}

// putOut ends a membership, and what came with it, and keeps its owner from
// coming back. The hook for leaves tells the room.
func putOut(room, id, by string) error {
	metadata, user, err := mesh.ConnectionMetadata(id)
	if isNotFound(err) {
		return nil // it has gone by itself
	}
	if err != nil {
		return err
	}
	if isModerator(user, nameOf(metadata)) {
		return mesh.Denied("Moderators cannot be kicked.")
	}
	if err := mesh.KV.Set(kickKey(room, user, someone(metadata)), mesh.Text(by), settings.kick); err != nil {
		return err
	}
	if _, err := mesh.Rooms.Remove(room, id); err != nil {
		return err
	}
	_, err = mesh.Send([]string{id}, "chat.kicked", mesh.Object().Text("room", room).Text("by", by).JSON())
	return errors.Join(err, endSubscriptions(room, id, "You were kicked."))
}

// kickKey is where the store has who kicked someone: a user, or whoever has the
// name of an anonymous one. A room's name has one colon, so that no two keys
// are the same; a key has at most 256 bytes.
func kickKey(room, user, name string) string {
	who := "name:" + fold(name)
	if user != "" {
		who = "user:" + user
	}
	key := "kick:" + room + ":" + who
	return strings.ToValidUTF8(key[:min(len(key), 256)], "")
}
