package main

import (
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
)

// maxRoom is the longest name of a room, in characters after "chat:".
const maxRoom = 32

// isRoom tells whether a room is one of the chat's: chat: and some letters,
// digits, '-' and '_'.
func isRoom(room string) bool {
	name, ours := strings.CutPrefix(room, "chat:")
	return ours && name != "" && utf8.ValidString(name) && utf8.RuneCountInString(name) <= maxRoom &&
		strings.IndexFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '_' }) < 0
}

// visitors is the guard of the rooms and of who is in them: it lets in who has
// a name and was not kicked a short time ago.
func visitors(c *mesh.GuardCall) error {
	room, name := c.Name(), nameOf(c.Metadata())
	if !isRoom(room) {
		return mesh.BadPayload("roomName", "must be chat: and 1 to 32 letters, digits, '-' and '_'")
	}
	if name == "" {
		return mesh.Denied("Choose a name first.")
	}
	by, err := mesh.KV.Get(kickKey(room, c.User(), name))
	if err == nil && by != nil {
		return mesh.Denied("You were kicked out of this room.")
	}
	return err
}

// members is the guard of the channels: the channel chat:x belongs to the
// members of the room chat:x.
func members(c *mesh.GuardCall) error { return mustBeMember(c.Name(), c.ConnectionID()) }

func mustBeMember(room, id string) error {
	if !isRoom(room) {
		return mesh.BadPayload("room", "must be chat: and 1 to 32 letters, digits, '-' and '_'")
	}
	member, err := mesh.Rooms.Has(room, id)
	if err == nil && !member {
		return mesh.Denied("Join the room first.")
	}
	return err
}

// joined tells a room who has come.
func joined(c *mesh.RoomChange) error {
	if !isRoom(c.Room) {
		return nil
	}
	name := someone(c.Metadata())
	return announce(c.Room, c.ConnectionID(), name, name+" has joined")
}

// left tells a room who has gone, and why. Guards are asked when a subscription
// begins, so what the one who has gone is still subscribed to must be ended.
func left(c *mesh.RoomChange) error {
	if !isRoom(c.Room) || c.Reason == mesh.LeftByClear {
		return nil
	}
	id, name, what := c.ConnectionID(), someone(c.Metadata()), " has left"
	if c.Reason == mesh.LeftByRemoval {
		what = " was removed"
		if by, _ := mesh.KV.Get(kickKey(c.Room, c.User(), name)); by != nil {
			moderator, _ := by.AsText()
			what = " was kicked by " + moderator
		}
	}
	err := announce(c.Room, id, name, name+what)
	if c.Reason == mesh.LeftByDisconnect {
		return err
	}
	if back, _ := mesh.Rooms.Has(c.Room, id); back { // by now
		return err
	}
	return errors.Join(err, endSubscriptions(c.Room, id, "You are not in this room."))
}

func endSubscriptions(room, id, reason string) error {
	_, err := mesh.Channels.Unsubscribe(room, id, reason)
	_, failed := mesh.Presence.Unsubscribe(room, id, reason)
	return errors.Join(err, failed)
}

// announce publishes {"from", "name", "notice", "at"}: something that has
// happened to a connection.
func announce(room, id, name, notice string) error {
	_, err := mesh.Channels.Publish(room, mesh.Object().Text("from", id).Text("name", name).Text("notice", notice).Int("at", now()).JSON())
	return err
}

// someone is the name of a member, who has none if an operator made it one.
func someone(metadata mesh.JSON) string {
	if name := nameOf(metadata); name != "" {
		return name
	}
	return "someone"
}

// now is in milliseconds since 1970, as in JavaScript.
func now() int64 { return time.Now().UnixMilli() }
