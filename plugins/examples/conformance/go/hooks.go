package main

import mesh "github.com/mesh-host/mesh-host/pdk/go"

// hooks registers one for each event; they count, and keep what they saw last.
func hooks(p *mesh.Plugin) {
	p.OnConnect(func(c *mesh.Call) error {
		return record("connect", "", seen(c))
	})
	p.OnDisconnect(func(d *mesh.Departure) error {
		return record("disconnect", "", seen(d.Call).Int("code", int64(d.Code)).Text("reason", d.Reason))
	})
	p.OnJoin(func(c *mesh.RoomChange) error {
		return record("join", c.Room, seen(c.Call).Text("roomName", c.Room))
	})
	p.OnLeave(func(c *mesh.RoomChange) error {
		return record("leave", c.Room, seen(c.Call).Text("roomName", c.Room).Text("reason", c.Reason))
	})
}

func seen(c *mesh.Call) *mesh.ObjectBuilder {
	return c.Object().Text("connectionId", c.ConnectionID()).Text("user", c.User()).Raw("metadata", c.Metadata())
}

// longestRoom is the length, in bytes, of the names of rooms that are counted:
// they become a part of a key.
const longestRoom = 200

// keys returns where an event, in a room where there is one, is counted and
// where the last one is kept.
func keys(event, room string) (count, last string) {
	if room != "" {
		event += ":" + room
	}
	return "hook:" + event, "last:" + event
}

func record(event, room string, what *mesh.ObjectBuilder) error {
	if len(room) > longestRoom {
		return nil
	}
	count, last := keys(event, room)
	if err := mesh.KV.Set(last, what.JSON(), mesh.Hour); err != nil {
		return err
	}
	_, err := mesh.KV.Increment(count, 1, mesh.Hour) // last: who sees the number finds the rest
	return err
}

// readHooks takes {"event", "roomName"?} and returns {"count", "last"}: how
// often the hook of that event has run, in that room, within the hour, and what
// it saw when it did.
func readHooks(c *mesh.Call) (mesh.JSON, error) {
	in := c.Fields()
	event, room := in.Text("event"), text(in, "roomName")
	if err := in.Err(); err != nil {
		return nil, err
	}
	countKey, lastKey := keys(event, room)
	n, err := mesh.KV.Get(countKey)
	if err != nil {
		return nil, err
	}
	last, err := mesh.KV.Get(lastKey)
	if err != nil {
		return nil, err
	}
	if n == nil {
		n = mesh.Int(0)
	}
	return c.Object().Raw("count", n).Raw("last", last).JSON(), nil
}
