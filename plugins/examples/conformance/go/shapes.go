package main

import mesh "github.com/mesh-host/mesh-host/pdk/go"

// The commands of the operations have a few shapes; these functions are them.

type command = func(*mesh.Call) (mesh.JSON, error)

// text, number and raw read members that may be missing.

func text(in *mesh.Fields, name string) string {
	if !in.Has(name) {
		return ""
	}
	return in.Text(name)
}

func number(in *mesh.Fields, name string) int64 {
	if !in.Has(name) {
		return 0
	}
	return in.Int(name)
}

func raw(in *mesh.Fields, name string) mesh.JSON {
	if !in.Has(name) {
		return nil
	}
	return in.Value(name)
}

// truth, amount and value reply with an object of one member.

func truth(c *mesh.Call, name string) func(v bool, err error) (mesh.JSON, error) {
	return func(v bool, err error) (mesh.JSON, error) {
		if err != nil {
			return nil, err
		}
		return c.Object().Bool(name, v).JSON(), nil
	}
}

func amount(c *mesh.Call, name string) func(v int64, err error) (mesh.JSON, error) {
	return func(v int64, err error) (mesh.JSON, error) {
		if err != nil {
			return nil, err
		}
		return c.Object().Int(name, v).JSON(), nil
	}
}

func value(c *mesh.Call, name string) func(v mesh.JSON, err error) (mesh.JSON, error) {
	return func(v mesh.JSON, err error) (mesh.JSON, error) {
		if err != nil {
			return nil, err
		}
		return c.Object().Raw(name, v).JSON(), nil
	}
}

// withText takes one name.
func withText(member string, run func(c *mesh.Call, name string) (mesh.JSON, error)) command {
	return func(c *mesh.Call) (mesh.JSON, error) {
		in := c.Fields()
		name := in.Text(member)
		if err := in.Err(); err != nil {
			return nil, err
		}
		return run(c, name)
	}
}

// withMember takes a room and a connection.
func withMember(result string, run func(room, connectionID string) (bool, error)) command {
	return func(c *mesh.Call) (mesh.JSON, error) {
		in := c.Fields()
		room, id := in.Text("roomName"), in.Text("connectionId")
		if err := in.Err(); err != nil {
			return nil, err
		}
		return truth(c, result)(run(room, id))
	}
}

// unsubscribe takes a topic, a connection and a reason.
func unsubscribe(topic string, run func(name, connectionID, reason string) (bool, error)) command {
	return func(c *mesh.Call) (mesh.JSON, error) {
		in := c.Fields()
		name, id, reason := in.Text(topic), in.Text("connectionId"), text(in, "reason")
		if err := in.Err(); err != nil {
			return nil, err
		}
		return truth(c, "unsubscribed")(run(name, id, reason))
	}
}

// setMetadata takes whose metadata it is, the metadata and a strategy.
func setMetadata(whose string, run func(name string, metadata mesh.JSON, strategy string) (mesh.JSON, error)) command {
	return func(c *mesh.Call) (mesh.JSON, error) {
		in := c.Fields()
		name, metadata, strategy := in.Text(whose), in.Value("metadata"), text(in, "strategy")
		if err := in.Err(); err != nil {
			return nil, err
		}
		return value(c, "metadata")(run(name, metadata, strategy))
	}
}

// namesOf takes one name and replies with a list.
func namesOf(member, result string, run func(name string) ([]string, error)) command {
	return withText(member, func(c *mesh.Call, name string) (mesh.JSON, error) {
		list, err := run(name)
		if err != nil {
			return nil, err
		}
		return c.Object().Texts(result, list).JSON(), nil
	})
}

// listNames and listValues take a name that may be missing, a cursor and a
// limit, and reply with a page.

func listNames(member, result string, run func(name, cursor string, limit int) ([]string, string, error)) command {
	return func(c *mesh.Call) (mesh.JSON, error) {
		in := c.Fields()
		name, cursor, limit := text(in, member), text(in, "cursor"), number(in, "limit")
		if err := in.Err(); err != nil {
			return nil, err
		}
		list, next, err := run(name, cursor, int(limit))
		if err != nil {
			return nil, err
		}
		return withCursor(c.Object().Texts(result, list), next), nil
	}
}

func listValues(member, result string, run func(name, cursor string, limit int) (mesh.JSON, string, error)) command {
	return func(c *mesh.Call) (mesh.JSON, error) {
		in := c.Fields()
		name, cursor, limit := text(in, member), text(in, "cursor"), number(in, "limit")
		if err := in.Err(); err != nil {
			return nil, err
		}
		list, next, err := run(name, cursor, int(limit))
		if err != nil {
			return nil, err
		}
		return withCursor(c.Object().Raw(result, list), next), nil
	}
}

func withCursor(o *mesh.ObjectBuilder, next string) mesh.JSON {
	if next != "" {
		o.Text("cursor", next)
	}
	return o.JSON()
}
