package main

import (
	"strings"
	"unicode"
	"unicode/utf8"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
)

// maxName is the longest name that a client chooses, in characters.
const maxName = 24

// chooseName takes {"name"}, gives the connection that name, and returns
// {"name"}. Who is authenticated is called by their user, whatever they choose.
func chooseName(c *mesh.Call) (mesh.JSON, error) {
	in := c.Fields()
	name := in.Text("name")
	if err := in.Err(); err != nil {
		return nil, err
	}
	if user := c.User(); user != "" {
		return c.Object().Text("name", user).JSON(), nil
	}
	if !isName(name) {
		return nil, mesh.BadPayload("name", "must be 1 to 24 letters, digits, spaces, '-', '_' and '.', and begin with a letter")
	}
	named := mesh.Object().Text("name", name).JSON()
	if _, err := mesh.SetConnectionMetadata(c.ConnectionID(), named, mesh.Merge); err != nil {
		return nil, err
	}
	return c.Object().Text("name", name).JSON(), nil
}

func isName(name string) bool {
	for i, r := range name {
		letter := unicode.IsLetter(r)
		if !letter && (i == 0 || !unicode.IsDigit(r) && !unicode.IsMark(r) && !strings.ContainsRune(" -_.", r)) {
			return false
		}
	}
	return name != "" && utf8.ValidString(name) && utf8.RuneCountInString(name) <= maxName && !strings.HasSuffix(name, " ")
}

// nameOf returns what the caller is called, "" where it has chosen nothing yet.
func nameOf(c *mesh.Call) string {
	if user := c.User(); user != "" {
		return user
	}
	name, _ := c.Metadata().Get("name").AsText()
	return name
}

// mustHaveName returns the caller's name.
func mustHaveName(c *mesh.Call) (string, error) {
	name := nameOf(c)
	if name == "" {
		return "", mesh.Denied("Choose a name first.")
	}
	return name, nil
}
