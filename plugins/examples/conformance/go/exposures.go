package main

import mesh "github.com/mesh-host/mesh-host/pdk/go"

// expose opens channels and presence, closes rooms, and registers the guards of
// these.
func expose(p *mesh.Plugin) {
	p.Guard("members", members)
	p.Guard("users", known)
	p.Guard("admins", admins)
	p.Guard("trapping", trapping)
	p.Guard("spinning", spinning)
	p.Guard("rubbish", rubbish)
	p.MetadataGuard("admins")

	p.Channel("/^open:.+$/", mesh.Publishable(), mesh.History(100))
	p.Channel("/^plain:.+$/", mesh.Publishable())
	p.Channel("/^drop:.+$/", mesh.Publishable(), mesh.SlowDrop)
	p.Channel("/^guarded:.+$/", mesh.GuardedBy("members"), mesh.PublishableBy("users"), mesh.History(100))
	p.Channel("bad:trap", mesh.GuardedBy("trapping"))
	p.Channel("bad:spin", mesh.GuardedBy("spinning"))
	p.Channel("bad:rubbish", mesh.GuardedBy("rubbish"))

	p.Presence("/^room:.+$/")
	p.Presence("/^ttl:.+$/", mesh.TTL(mesh.Second))
	p.Presence("/^private:.+$/", mesh.GuardedBy("users"))

	p.Room("/^closed:.+$/", mesh.GuardedBy("users"), mesh.MetadataGuardedBy("admins"))
}

// members allows those who are in the room that is named like the topic.
func members(c *mesh.GuardCall) error {
	member, err := mesh.Rooms.Has(c.Name(), c.ConnectionID())
	if err == nil && !member {
		err = mesh.Denied("This is for members of the room " + c.Name() + ".")
	}
	return err
}

// known allows authenticated users.
func known(c *mesh.GuardCall) error {
	if c.User() == "" {
		return mesh.Denied("This is for known users.")
	}
	return nil
}

// admins allows those whose metadata is {"admin": true}, and tells the others
// what they have asked for.
func admins(c *mesh.GuardCall) error {
	if admin, _ := c.Metadata().Get("admin").AsBool(); !admin {
		return mesh.Denied("Only for administrators: " + c.Topic() + " " + c.Action() + ".")
	}
	return nil
}

// What follows must refuse, whatever it does.

func trapping(c *mesh.GuardCall) error {
	_, err := trap(c.Call)
	return err
}

func spinning(c *mesh.GuardCall) error {
	_, err := spin(c.Call)
	return err
}

// rubbish answers with what should be JSON and is none.
func rubbish(*mesh.GuardCall) error {
	return (&mesh.Error{Code: "ERUBBISH", Message: "rubbish"}).WithData(mesh.JSON(`{"rubbish`))
}
