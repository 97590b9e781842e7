package meshtest

import (
	"encoding/json"
	"time"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
	"github.com/mesh-host/mesh-host/pdk/go/internal/codec"
)

// Present returns the ids of those who are present in a room, sorted. Nobody
// ceases to be for want of a sign of life.
func (h *Host) Present(room string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r := h.rooms[room]; r != nil {
		return sorted(r.present)
	}
	return nil
}

// State returns the state of a connection that is present in a room, nil where
// it has none. Of one that expires nobody is told.
func (h *Host) State(room, connectionID string) mesh.JSON {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r := h.rooms[room]; r != nil {
		return r.state(connectionID).Copy()
	}
	return nil
}

func (r *room) state(id string) mesh.JSON {
	e, ok := r.states[id]
	if ok && e.over() {
		delete(r.states, id)
		return nil
	}
	return e.value
}

// appear makes a member present.
func (h *Host) appear(name, id string) {
	if r := h.room(name); !r.present[id] {
		r.present[id] = true
		h.tell(name, update("join", name, id))
	}
}

// exit ends presence, and the state with it.
func (h *Host) exit(name, id string) {
	if r := h.room(name); r.present[id] {
		delete(r.present, id)
		delete(r.states, id)
		h.tell(name, update("leave", name, id))
	}
}

func update(change, name, id string) *mesh.ObjectBuilder {
	return mesh.Object().Text("type", change).Text("connectionId", id).Text("roomName", name)
}

// tell pushes a change to those who watch a room.
func (h *Host) tell(name string, change *mesh.ObjectBuilder) {
	payload := change.Int("timestamp", time.Now().UnixMilli()).JSON()
	for id := range h.rooms[name].watchers {
		h.push(id, "mesh/presence-update", payload)
	}
}

func (h *Host) listPresent(f *codec.Fields) ([]byte, *mesh.Error) {
	name, e := readName(f, "roomName")
	if e != nil {
		return nil, e
	}
	r := h.room(name)
	ids, states := sorted(r.present), mesh.Object()
	for _, id := range ids {
		if state := r.state(id); state != nil {
			states.Raw(id, state)
		}
	}
	return codec.AppendBytes(encodeNames(ids), states.JSON()), nil
}

func (h *Host) setState(f *codec.Fields) ([]byte, *mesh.Error) {
	name, e := readName(f, "roomName")
	if e != nil {
		return nil, e
	}
	id, state := f.String(), mesh.JSON(f.Bytes())
	expireAfter, _ := f.Int()
	silent := f.Bool()
	if !json.Valid(state) || state.IsNull() {
		return nil, mesh.BadPayload("state", "must be JSON, and not null")
	}
	r := h.room(name)
	if !r.present[id] {
		return codec.AppendBool(nil, false), nil
	}
	r.states[id] = newEntry(state, expireAfter)
	if !silent {
		h.tell(name, update("state", name, id).Raw("state", state))
	}
	return codec.AppendBool(nil, true), nil
}

func (h *Host) clearState(f *codec.Fields) ([]byte, *mesh.Error) {
	name, e := readName(f, "roomName")
	if e != nil {
		return nil, e
	}
	id := f.String()
	r := h.room(name)
	if r.state(id) != nil {
		delete(r.states, id)
		h.tell(name, update("state", name, id).Raw("state", nil))
	}
	return codec.AppendBool(nil, r.present[id]), nil
}

func (h *Host) unsubscribePresence(f *codec.Fields) ([]byte, *mesh.Error) {
	name, e := readName(f, "roomName")
	if e != nil {
		return nil, e
	}
	return endSubscription(h, f, "presence", name, h.room(name).watchers)
}

// endSubscription takes a connection from the subscribers of a topic and tells
// it so.
func endSubscription[V any](h *Host, f *codec.Fields, kind, name string, subscribers map[string]V) ([]byte, *mesh.Error) {
	id, reason := f.String(), f.String()
	if len(reason) > 123 {
		return nil, mesh.BadPayload("reason", "must be at most 123 bytes")
	}
	_, there := subscribers[id]
	if there {
		delete(subscribers, id)
		h.push(id, "mesh/unsubscribed", mesh.Object().Text("kind", kind).Text("name", name).Text("reason", reason).JSON())
	}
	return codec.AppendBool(nil, there), nil
}
