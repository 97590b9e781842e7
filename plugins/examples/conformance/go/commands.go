package main

import mesh "github.com/mesh-host/mesh-host/pdk/go"

// echo returns its payload.
func echo(c *mesh.Call) (mesh.JSON, error) { return c.Payload(), nil }

// add takes two integers {"a", "b"} and returns {"sum"}.
func add(c *mesh.Call) (mesh.JSON, error) {
	in := c.Fields()
	a, b := in.Int("a"), in.Int("b")
	if err := in.Err(); err != nil {
		return nil, err
	}
	sum := a + b
	if (sum > a) != (b > 0) {
		return nil, mesh.BadPayload("b", "makes a sum that 64 bits cannot hold")
	}
	return c.Object().Int("sum", sum).JSON(), nil
}

// fail takes {"message", "code"?, "name"?} and fails with that error.
func fail(c *mesh.Call) (mesh.JSON, error) {
	in := c.Fields()
	e := &mesh.Error{Message: in.Text("message")}
	if in.Has("code") {
		e.Code = in.Text("code")
	}
	if in.Has("name") {
		e.Name = in.Text("name")
	}
	if err := in.Err(); err != nil {
		return nil, err
	}
	return nil, e
}

// whoami returns {"connectionId", "locals", "metadata"}, null for what is not
// there.
func whoami(c *mesh.Call) (mesh.JSON, error) {
	return c.Object().
		Text("connectionId", c.ConnectionID()).
		Raw("locals", c.Locals()).
		Raw("metadata", c.Metadata()).
		JSON(), nil
}

// count counts its calls, over all instances and nodes, and returns {"n"}.
func count(c *mesh.Call) (mesh.JSON, error) {
	return amount(c, "n")(mesh.KV.Increment("count", 1, 0))
}

// send takes {"to": [ids], "command", "payload"?, "exclude"?: [ids]}, pushes
// it to those connections and returns {"sent"}.
func send(c *mesh.Call) (mesh.JSON, error) {
	in := c.Fields()
	to, push := in.Texts("to"), readPush(in)
	if err := in.Err(); err != nil {
		return nil, err
	}
	return amount(c, "sent")(mesh.Send(to, push.command, push.payload, push.exclude...))
}

// broadcast takes {"command", "payload"?, "exclude"?: [ids]}, pushes it to
// every connection and returns {"sent"}.
func broadcast(c *mesh.Call) (mesh.JSON, error) {
	in := c.Fields()
	push := readPush(in)
	if err := in.Err(); err != nil {
		return nil, err
	}
	return amount(c, "sent")(mesh.Broadcast(push.command, push.payload, push.exclude...))
}

type push struct {
	command string
	payload mesh.JSON
	exclude []string
}

func readPush(in *mesh.Fields) push {
	p := push{command: in.Text("command")}
	if in.Has("payload") {
		p.payload = in.Value("payload")
	}
	if in.Has("exclude") {
		p.exclude = in.Texts("exclude")
	}
	return p
}

// logLine takes {"message", "level"?} and writes the line to the host's log.
func logLine(c *mesh.Call) (mesh.JSON, error) {
	in := c.Fields()
	level, message := mesh.Info, in.Text("message")
	if in.Has("level") {
		level = in.Text("level")
	}
	if err := in.Err(); err != nil {
		return nil, err
	}
	mesh.Log(level, message)
	return nil, nil
}
