package meshtest

import (
	"encoding/json"
	"fmt"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
	"github.com/mesh-host/mesh-host/pdk/go/internal/codec"
)

// Access is what a guard is asked about.
type Access struct {
	// Topic and Action are of the constants mesh.Topic… and mesh.Action….
	Topic, Action string
	// Name is the channel's or the room's, or the id of the record, the
	// collection or the other connection.
	Name string
	// Value is what a client wants to write into a record, JSON text; "": none.
	Value string
	// Strategy is how that would be written, of the constants mesh.Replace,
	// mesh.Merge and mesh.DeepMerge; "" of mesh.ActionWrite: mesh.Replace.
	Strategy string
}

// Guard asks one of the plugin's guards whether a connection may have
// something: nil where it allows.
func (h *Host) Guard(name, connectionID string, a Access) error {
	err := h.ask(name, connectionID, a)
	_ = h.settle() // Failures has it
	return err
}

// ask asks a guard; one that is not named lets everyone pass.
func (h *Host) ask(name, connectionID string, a Access) error {
	if name == "" {
		return nil
	}
	g, ok := find(h.registration.Guards, name)
	if !ok {
		return fmt.Errorf("meshtest: there is no guard %q", name)
	}
	if a.Action == mesh.ActionWrite && a.Strategy == "" {
		a.Strategy = mesh.Replace
	}
	detail := codec.AppendString(codec.AppendString(nil, a.Topic), a.Action)
	detail = codec.AppendOptionalString(detail, a.Strategy)
	r := request{kind: kindGuard, name: a.Name, connection: h.sender(connectionID), detail: detail}
	if a.Value != "" {
		r.payload = []byte(a.Value)
	}
	out := h.call(g.Handler, r)
	if out.err != nil {
		return out.err
	}
	return nil
}

// What follows are a client's built-in commands: they pass the plugin's global
// middleware as mesh/join-room and so on, which may answer in their stead, and
// then its guards. An error is a refusal. The connection must be connected.

// Join makes a connection a member of a room, and present where the plugin has
// presence tracked.
func (h *Host) Join(connectionID, room string) error {
	return h.builtin(connectionID, "join-room", "roomName", room, func(room string) error {
		if exposure, ok := match(h.registration.Rooms, room); ok {
			if err := h.ask(exposure.Guard, connectionID, Access{Topic: mesh.TopicRoom, Action: mesh.ActionJoin, Name: room}); err != nil {
				return err
			}
		}
		h.mu.Lock()
		if h.connections[connectionID] == nil { // the guard has closed it
			h.mu.Unlock()
			return mesh.NotFound("the connection is gone")
		}
		h.join(room, connectionID)
		h.mu.Unlock()
		h.mayAppear(connectionID, room)
		return nil
	})
}

// mayAppear makes a member present where presence is tracked and the guard has
// nothing against it.
func (h *Host) mayAppear(id, room string) {
	exposure, tracked := match(h.registration.Presence, room)
	if !tracked || h.ask(exposure.Guard, id, Access{Topic: mesh.TopicPresence, Action: mesh.ActionSubscribe, Name: room}) != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.rooms[room].has(id) {
		h.appear(room, id)
	}
}

// Leave ends a connection's membership of a room.
func (h *Host) Leave(connectionID, room string) error {
	return h.builtin(connectionID, "leave-room", "roomName", room, func(room string) error {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.leave(room, connectionID, mesh.LeftByRequest)
		return nil
	})
}

// Subscribe lets a connection receive what is published on a channel, as pushes
// named mesh/subscription-message.
func (h *Host) Subscribe(connectionID, channel string) error {
	return h.builtin(connectionID, "subscribe-channel", "channel", channel, func(channel string) error {
		exposure, ok := match(h.registration.Channels, channel)
		if !ok {
			return mesh.Denied("no pattern of the plugin exposes the channel " + channel)
		}
		if err := h.ask(exposure.Guard, connectionID, Access{Topic: mesh.TopicChannel, Action: mesh.ActionSubscribe, Name: channel}); err != nil {
			return err
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.channel(channel).subscribers[connectionID] = true
		return nil
	})
}

// Publish lets a connection publish a message, JSON text, on a channel.
func (h *Host) Publish(connectionID, channel, message string) error {
	if !json.Valid([]byte(message)) {
		return mesh.BadPayload("message", "must be JSON")
	}
	payload := mesh.Object().Text("channel", channel).Raw("message", mesh.JSON(message)).JSON()
	return h.command(connectionID, "publish-channel", payload, func(payload mesh.JSON) error {
		channel, err := topicOf(payload, "channel")
		if err != nil {
			return err
		}
		message := payload.Get("message")
		if message == nil { // middleware has taken it away
			return mesh.BadPayload("message", "is missing")
		}
		exposure, ok := match(h.registration.Channels, channel)
		if !ok || !exposure.Publish {
			return mesh.Denied("no pattern of the plugin lets clients publish on the channel " + channel)
		}
		if err := h.ask(exposure.PublishGuard, connectionID, Access{Topic: mesh.TopicChannel, Action: mesh.ActionPublish, Name: channel}); err != nil {
			return err
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.deliver(channel, message, 0)
		return nil
	})
}

// SubscribePresence lets a connection receive the changes of presence in a
// room, as pushes named mesh/presence-update.
func (h *Host) SubscribePresence(connectionID, room string) error {
	return h.builtin(connectionID, "subscribe-presence", "roomName", room, func(room string) error {
		exposure, ok := match(h.registration.Presence, room)
		if !ok {
			return mesh.Denied("no pattern of the plugin has the presence tracked of the room " + room)
		}
		if err := h.ask(exposure.Guard, connectionID, Access{Topic: mesh.TopicPresence, Action: mesh.ActionSubscribe, Name: room}); err != nil {
			return err
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.room(room).watchers[connectionID] = true
		return nil
	})
}

// builtin runs a built-in command whose payload is the name of a topic.
func (h *Host) builtin(id, command, member, name string, run func(name string) error) error {
	return h.command(id, command, mesh.Object().Text(member, name).JSON(), func(payload mesh.JSON) error {
		name, err := topicOf(payload, member)
		if err != nil {
			return err
		}
		return run(name)
	})
}

// command runs a built-in command on what the middleware has left of its
// payload.
func (h *Host) command(id, command string, payload mesh.JSON, run func(payload mesh.JSON) error) error {
	r := request{name: "mesh/" + command, connection: h.sender(id), payload: payload}
	if !h.connected(id) {
		return mesh.NotFound("there is no connection " + id)
	}
	defer func() { _ = h.settle() }() // Failures has it
	_, done, err := h.middleware(h.global(), &r)
	if done || err != nil {
		return err
	}
	return run(mesh.JSON(r.payload))
}

func topicOf(payload mesh.JSON, member string) (string, error) {
	name, ok := payload.Get(member).AsText()
	if !ok || !validName(name) {
		return "", mesh.BadPayload(member, "must be 1 to 256 bytes without control characters")
	}
	return name, nil
}
