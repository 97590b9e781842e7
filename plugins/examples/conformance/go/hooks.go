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
	p.OnRecordUpdate(versioned, "/^hooked:.+$/")
	p.OnRecordRemoved(versioned, "/^hooked:.+$/")
}

// versioned keeps the versions that it is told of, too, in their order.
func versioned(c *mesh.RecordChange) error {
	if len(c.RecordID) > longestName {
		return nil
	}
	key := "versions:" + c.RecordID
	versions, err := mesh.KV.Get(key)
	if err != nil {
		return err
	}
	list := mesh.Array()
	for item := range versions.Items() {
		list.Raw(item)
	}
	if err := mesh.KV.Set(key, list.Int(c.Version).JSON(), mesh.Hour); err != nil {
		return err
	}
	return record(c.Name(), c.RecordID, seen(c.Call).Text("recordId", c.RecordID).
		Raw("value", c.Value()).Int("version", c.Version).Text("epoch", c.Epoch).Text("reason", c.Reason))
}

func seen(c *mesh.Call) *mesh.ObjectBuilder {
	return c.Object().Text("connectionId", c.ConnectionID()).Text("user", c.User()).Raw("metadata", c.Metadata())
}

// longestName is the length, in bytes, of the names of rooms, records and
// collections that are counted: they become a part of a key.
const longestName = 200

// keys returns where an event, of a room, record or collection where there is
// one, is counted and where the last one is kept.
func keys(event, name string) (count, last string) {
	if name != "" {
		event += ":" + name
	}
	return "hook:" + event, "last:" + event
}

func record(event, name string, what *mesh.ObjectBuilder) error {
	if len(name) > longestName {
		return nil
	}
	count, last := keys(event, name)
	if err := mesh.KV.Set(last, what.JSON(), mesh.Hour); err != nil {
		return err
	}
	_, err := mesh.KV.Increment(count, 1, mesh.Hour) // last: who sees the number finds the rest
	return err
}

// readHooks takes {"event", "roomName"?, "recordId"?, "collectionId"?} and returns
// {"count", "last"}: how often the hook of that event has run, of that room,
// record or collection, within the hour, and what it saw when it did.
func readHooks(c *mesh.Call) (mesh.JSON, error) {
	in := c.Fields()
	event, name := in.Text("event"), text(in, "roomName")+text(in, "recordId")+text(in, "collectionId")
	if err := in.Err(); err != nil {
		return nil, err
	}
	countKey, lastKey := keys(event, name)
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
