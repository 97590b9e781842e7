package main

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
)

// A connection's name is in its metadata, {"name"}, where the others in its
// rooms can read it. The store has who holds a name: name:<name> is
// {"id", "key", "at"}, for so long as no connection lasts, so that what a crash leaves
// behind goes.

// Bounds of what a client chooses, in characters and bytes.
const (
	maxName = 24
	maxKey  = 64
)

// held is how long the store has who holds a name.
const held = 90 * mesh.Day

// claiming is for how long, in milliseconds, who has written down that it holds a
// name may not have it in its metadata yet.
const claiming = 10_000

// chooseName takes {"name", "key"?}, gives the connection that name, and
// returns {"name", "moderator"}. A name that another connection has is refused,
// unless that one gave the same key: then it is the client's own, from before
// it came back, and is closed.
func chooseName(c *mesh.Call) (mesh.JSON, error) {
	in := c.Fields()
	name, key := in.Text("name"), ""
	if in.Has("key") {
		key = in.Text("key")
	}
	if err := in.Err(); err != nil {
		return nil, err
	}
	if len(key) > maxKey {
		return nil, mesh.BadPayload("key", "must be at most 64 bytes")
	}
	if err := checkName(name, c.User()); err != nil {
		return nil, err
	}
	if err := rename(c, name, key); err != nil {
		return nil, err
	}
	return c.Object().Text("name", name).Bool("moderator", isModerator(c.User(), name)).JSON(), nil
}

func checkName(name, user string) error {
	if !isName(name) {
		return mesh.BadPayload("name", "must be 1 to 24 letters, digits, spaces, '-', '_' and '.', and begin with a letter")
	}
	if mask(name) != name {
		return mesh.Denied("That is no name to be called by.")
	}
	if settings.moderators[fold(name)] && !settings.trustNames && !isModerator(user, "") {
		return mesh.Denied("That name is a moderator's.")
	}
	return nil
}

func isName(name string) bool {
	for i, r := range name {
		letter := unicode.IsLetter(r)
		if !letter && (i == 0 || !unicode.IsDigit(r) && !unicode.IsMark(r) && !strings.ContainsRune(" -_.", r)) {
			return false
		}
	}
	return name != "" && utf8.ValidString(name) && utf8.RuneCountInString(name) <= maxName &&
		!strings.Contains(name, "  ") && !strings.HasSuffix(name, " ")
}

// isModerator knows moderators by their user, which a client cannot choose.
func isModerator(user, name string) bool {
	return user != "" && settings.moderators[strings.ToLower(user)] ||
		settings.trustNames && settings.moderators[fold(name)]
}

func rename(c *mesh.Call, name, key string) error {
	id, old := c.ConnectionID(), nameOf(c.Metadata())
	if err := claim(id, name, key); err != nil {
		return err
	}
	if _, err := mesh.SetConnectionMetadata(id, mesh.Object().Text("name", name).JSON(), mesh.Merge); err != nil {
		return errors.Join(err, release(id, name))
	}
	if old == "" || old == name {
		return nil
	}
	if fold(old) != fold(name) {
		if err := release(id, old); err != nil {
			return err
		}
	}
	rooms, err := mesh.Rooms.Of(id)
	for _, room := range rooms {
		if isRoom(room) {
			err = errors.Join(err, announce(room, id, name, old+" is now called "+name))
		}
	}
	return err
}

// claim writes down that a connection holds a name, unless someone else does.
func claim(id, name, key string) error {
	record := mesh.Object().Text("id", id).Text("key", key).Int("at", now()).JSON()
	claimed, current, err := mesh.KV.CompareAndSet(nameKey(name), nil, record, held)
	if err != nil || claimed {
		return err
	}
	free, err := isFree(current, id, name, key)
	if err == nil && free {
		claimed, _, err = mesh.KV.CompareAndSet(nameKey(name), current, record, held)
	}
	if err == nil && !claimed {
		err = mesh.NewError(mesh.CodeConflict, "That name is taken.")
	}
	return err
}

// isFree tells whether the one that holds a name is the caller, is gone, or
// gives way.
func isFree(record mesh.JSON, id, name, key string) (bool, error) {
	holder, _ := record.Get("id").AsText()
	if holder == id {
		return true, nil
	}
	metadata, _, err := mesh.ConnectionMetadata(holder)
	at, _ := record.Get("at").AsInt()
	if isNotFound(err) || err == nil && fold(nameOf(metadata)) != fold(name) && now()-at > claiming {
		return true, nil
	}
	if held, _ := record.Get("key").AsText(); err != nil || key == "" || held != key {
		return false, err
	}
	_, err = mesh.Disconnect(holder, mesh.CloseReplaced, "You have come back on another connection.")
	return true, err
}

// release gives a name back, if the connection still holds it.
func release(id, name string) error {
	record, err := mesh.KV.Get(nameKey(name))
	if holder, _ := record.Get("id").AsText(); err != nil || holder != id {
		return err
	}
	_, _, err = mesh.KV.CompareAndSet(nameKey(name), record, nil, mesh.Forever)
	return err
}

// disconnected gives back the name of a connection that has ended.
func disconnected(d *mesh.Departure) error {
	if name := nameOf(d.Metadata()); name != "" {
		return release(d.ConnectionID(), name)
	}
	return nil
}

// nameOf returns the name in a connection's metadata, "" where there is none.
func nameOf(metadata mesh.JSON) string {
	name, _ := metadata.Get("name").AsText()
	return name
}

// fold makes names equal that differ in case only.
func fold(name string) string { return strings.ToLower(name) }

func nameKey(name string) string { return "name:" + fold(name) }

func isNotFound(err error) bool {
	var e *mesh.Error
	return errors.As(err, &e) && e.Code == mesh.CodeNotFound
}
