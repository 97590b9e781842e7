package main

import (
	"strconv"
	"strings"
	"unicode/utf8"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
)

// maxText is the longest message, in characters.
const maxText = 1000

// send takes {"room", "text"} from a member of the room, publishes
// {"from", "name", "text", "at"} and returns {"offset"}. A text that begins with
// a slash is a command: /kick <who>.
func send(c *mesh.Call) (mesh.JSON, error) {
	in := c.Fields()
	room, text := in.Text("room"), in.Text("text")
	if err := in.Err(); err != nil {
		return nil, err
	}
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return nil, mesh.BadPayload("text", "is empty")
	case utf8.RuneCountInString(text) > maxText:
		return nil, mesh.BadPayload("text", "is longer than 1000 characters")
	}
	id := c.ConnectionID()
	if err := mustBeMember(room, id); err != nil {
		return nil, err
	}
	if text[0] == '/' {
		return obey(c, room, text)
	}
	at, err := mesh.Channels.Publish(room, mesh.Object().
		Text("from", id).Text("name", someone(c.Metadata())).Text("text", text).Int("at", now()).JSON())
	if err != nil {
		return nil, err
	}
	return c.Object().Int("offset", at.Offset).JSON(), nil
}

// obey runs a command that was written as a message.
func obey(c *mesh.Call, room, text string) (mesh.JSON, error) {
	verb, who, _ := strings.Cut(text, " ")
	if verb != "/kick" {
		return nil, mesh.NotFound("There is no such command; there is /kick <who>.")
	}
	return kick(c, room, strings.TrimSpace(who))
}

// pace is middleware that refuses what a connection sends too fast.
func pace(c *mesh.MiddlewareCall) error {
	n, err := mesh.KV.Increment("pace:"+c.ConnectionID(), 1, 10*mesh.Second)
	if err == nil && n > settings.rate {
		return mesh.NewError(mesh.CodeRateLimit, "Not so fast: at most "+strconv.FormatInt(settings.rate, 10)+" in ten seconds.")
	}
	return err
}
