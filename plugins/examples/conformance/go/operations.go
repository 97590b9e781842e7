package main

import mesh "github.com/mesh-host/mesh-host/pdk/go"

// operations registers a command for every operation, named like it: it takes
// the operation's request as an object and returns the response as one, null
// where there is nothing in it.
func operations(p *mesh.Plugin) {
	p.Command("log", logLine)
	p.Command("config.get", configGet)
	keyValue(p)
	p.Capability("http", "http.fetch")
	p.Command("http.fetch", httpFetch)
	connections(p)
	users(p)
	rooms(p)
	channels(p)
	presence(p)
	records(p)
}

func configGet(c *mesh.Call) (mesh.JSON, error) {
	return value(c, "config")(mesh.Config())
}

func keyValue(p *mesh.Plugin) {
	p.Capability("kv", "count and the hooks keep their numbers there")
	p.Command("kv.get", kvGet)
	p.Command("kv.set", kvSet)
	p.Command("kv.delete", withText("key", func(c *mesh.Call, key string) (mesh.JSON, error) {
		return truth(c, "deleted")(mesh.KV.Delete(key))
	}))
	p.Command("kv.increment", kvIncrement)
	p.Command("kv.compareAndSet", kvCompareAndSet)
}

func kvGet(c *mesh.Call) (mesh.JSON, error) {
	in := c.Fields()
	key := in.Text("key")
	if err := in.Err(); err != nil {
		return nil, err
	}
	v, err := mesh.KV.Get(key)
	if err != nil {
		return nil, err
	}
	o := c.Object()
	if v != nil {
		o.Raw("value", v)
	}
	return o.JSON(), nil
}

func kvSet(c *mesh.Call) (mesh.JSON, error) {
	in := c.Fields()
	key, v, ttl := in.Text("key"), in.Value("value"), number(in, "ttl")
	if err := in.Err(); err != nil {
		return nil, err
	}
	return nil, mesh.KV.Set(key, v, mesh.Duration(ttl))
}

func kvIncrement(c *mesh.Call) (mesh.JSON, error) {
	in := c.Fields()
	key, by, ttl := in.Text("key"), in.Int("by"), number(in, "ttl")
	if err := in.Err(); err != nil {
		return nil, err
	}
	return amount(c, "value")(mesh.KV.Increment(key, by, mesh.Duration(ttl)))
}

func kvCompareAndSet(c *mesh.Call) (mesh.JSON, error) {
	in := c.Fields()
	key, expected, v, ttl := in.Text("key"), raw(in, "expected"), raw(in, "value"), number(in, "ttl")
	if err := in.Err(); err != nil {
		return nil, err
	}
	swapped, current, err := mesh.KV.CompareAndSet(key, expected, v, mesh.Duration(ttl))
	if err != nil {
		return nil, err
	}
	o := c.Object().Bool("swapped", swapped)
	if current != nil {
		o.Raw("current", current)
	}
	return o.JSON(), nil
}

func channels(p *mesh.Plugin) {
	p.Capability("channels.publish", "channels.publish")
	p.Capability("channels.read", "channels.history")
	p.Capability("channels.unsubscribe", "channels.unsubscribe")
	p.Command("channels.publish", channelsPublish)
	p.Command("channels.history", channelsHistory)
	p.Command("channels.unsubscribe", unsubscribe("channel", mesh.Channels.Unsubscribe))
}

func channelsPublish(c *mesh.Call) (mesh.JSON, error) {
	in := c.Fields()
	channel, message, history := in.Text("channel"), in.Value("message"), number(in, "history")
	if err := in.Err(); err != nil {
		return nil, err
	}
	at, err := mesh.Channels.PublishKeeping(channel, message, int(history))
	if err != nil {
		return nil, err
	}
	o := c.Object()
	if at.Offset != 0 {
		o.Int("offset", at.Offset)
	}
	return withEpoch(o, at), nil
}

func channelsHistory(c *mesh.Call) (mesh.JSON, error) {
	in := c.Fields()
	channel := in.Text("channel")
	q := mesh.HistoryQuery{Limit: int(number(in, "limit")), Since: number(in, "since"), SinceTime: number(in, "sinceTime")}
	if err := in.Err(); err != nil {
		return nil, err
	}
	page, err := mesh.Channels.History(channel, q)
	if err != nil {
		return nil, err
	}
	return withEpoch(c.Object().Raw("history", page.List).Int("offset", page.Offset), page.Position), nil
}

func withEpoch(o *mesh.ObjectBuilder, at mesh.Position) mesh.JSON {
	if at.Epoch != "" {
		o.Text("epoch", at.Epoch)
	}
	return o.JSON()
}

func presence(p *mesh.Plugin) {
	p.Capability("presence.read", "presence.list")
	p.Capability("presence.write", "presence.set and clear")
	p.Capability("presence.unsubscribe", "presence.unsubscribe")
	p.Command("presence.list", withText("roomName", presenceList))
	p.Command("presence.set", presenceSet)
	p.Command("presence.clear", withMember("success", mesh.Presence.Clear))
	p.Command("presence.unsubscribe", unsubscribe("roomName", mesh.Presence.Unsubscribe))
}

func presenceList(c *mesh.Call, room string) (mesh.JSON, error) {
	present, states, err := mesh.Presence.List(room)
	if err != nil {
		return nil, err
	}
	return c.Object().Texts("present", present).Raw("states", states).JSON(), nil
}

func presenceSet(c *mesh.Call) (mesh.JSON, error) {
	in := c.Fields()
	room, id, state := in.Text("roomName"), in.Text("connectionId"), in.Value("state")
	expireAfter := mesh.Duration(number(in, "expireAfter"))
	set := mesh.Presence.Set
	if in.Has("silent") && in.Bool("silent") {
		set = mesh.Presence.SetSilently
	}
	if err := in.Err(); err != nil {
		return nil, err
	}
	return truth(c, "success")(set(room, id, state, expireAfter))
}
