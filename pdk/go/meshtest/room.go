package meshtest

import (
	mesh "github.com/mesh-host/mesh-host/pdk/go"
	"github.com/mesh-host/mesh-host/pdk/go/internal/codec"
)

// room is a room's members and metadata, who of them is present and in what
// state, and who watches that.
type room struct {
	members, present, watchers map[string]bool
	states                     map[string]entry
	metadata                   mesh.JSON
}

func (h *Host) room(name string) *room {
	r := h.rooms[name]
	if r == nil {
		r = &room{members: map[string]bool{}, present: map[string]bool{}, watchers: map[string]bool{}, states: map[string]entry{}}
		h.rooms[name] = r
	}
	return r
}

// Of a room that is not there yet there is nothing to see.

func (r *room) memberIDs() []string {
	if r == nil {
		return nil
	}
	return sorted(r.members)
}

func (r *room) has(id string) bool { return r != nil && r.members[id] }

func (r *room) metadataOrNil() mesh.JSON {
	if r == nil {
		return nil
	}
	return r.metadata
}

// Members returns the ids of a room's members, sorted.
func (h *Host) Members(room string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.rooms[room].memberIDs()
}

// join makes a connection a member, and lets the hooks know later.
func (h *Host) join(name, id string) (joined bool) {
	r := h.room(name)
	if r.members[id] {
		return false
	}
	r.members[id] = true
	h.later(event{kind: kindJoin, name: "join", connection: *h.connections[id], detail: roomChange(name, "")})
	return true
}

// leave ends a membership, and presence with it.
func (h *Host) leave(name, id, reason string) (left bool) {
	r := h.rooms[name]
	if !r.has(id) {
		return false
	}
	h.exit(name, id)
	delete(r.members, id)
	h.later(event{kind: kindLeave, name: "leave", connection: *h.connections[id], detail: roomChange(name, reason)})
	return true
}

func roomChange(name, reason string) []byte {
	return codec.AppendString(codec.AppendString(nil, name), reason)
}

func (h *Host) leaveAll(id, reason string) (names []string) {
	for _, name := range sorted(h.rooms) {
		if h.leave(name, id, reason) {
			names = append(names, name)
		}
	}
	return names
}

func (h *Host) addToRoom(f *codec.Fields) ([]byte, *mesh.Error) {
	name, e := readName(f, "roomName")
	if e != nil {
		return nil, e
	}
	c, e := h.connection(f.String())
	if e != nil {
		return nil, e
	}
	joined := h.join(name, c.ID)
	if _, tracked := match(h.registration.Presence, name); tracked {
		h.appear(name, c.ID)
	}
	return codec.AppendBool(nil, joined), nil
}

func (h *Host) removeFromRoom(f *codec.Fields) ([]byte, *mesh.Error) {
	name, e := readName(f, "roomName")
	if e != nil {
		return nil, e
	}
	return codec.AppendBool(nil, h.leave(name, f.String(), mesh.LeftByRemoval)), nil
}

func (h *Host) removeFromAllRooms(f *codec.Fields) ([]byte, *mesh.Error) {
	return encodeNames(h.leaveAll(f.String(), mesh.LeftByRemoval)), nil
}

func (h *Host) hasMember(f *codec.Fields) ([]byte, *mesh.Error) {
	name, e := readName(f, "roomName")
	if e != nil {
		return nil, e
	}
	return codec.AppendBool(nil, h.rooms[name].has(f.String())), nil
}

func (h *Host) listMembers(f *codec.Fields) ([]byte, *mesh.Error) {
	name, e := readName(f, "roomName")
	if e != nil {
		return nil, e
	}
	return encodeNames(h.rooms[name].memberIDs()), nil
}

func (h *Host) listRooms(f *codec.Fields) ([]byte, *mesh.Error) {
	id := f.String()
	var names []string
	for _, name := range sorted(h.rooms) {
		r := h.rooms[name]
		if id == "" && len(r.members) > 0 || id != "" && r.members[id] {
			names = append(names, name)
		}
	}
	next := ""
	if id == "" {
		names, next = page(names, f)
	}
	return codec.AppendOptionalString(encodeNames(names), next), nil
}

func (h *Host) clearRoom(f *codec.Fields) ([]byte, *mesh.Error) {
	name, e := readName(f, "roomName")
	if e != nil {
		return nil, e
	}
	ids := h.rooms[name].memberIDs()
	for _, id := range ids {
		h.leave(name, id, mesh.LeftByClear)
	}
	h.room(name).metadata = nil
	return codec.AppendInt(nil, int64(len(ids))), nil
}

func (h *Host) sendToRoom(f *codec.Fields) ([]byte, *mesh.Error) {
	name, e := readName(f, "roomName")
	if e != nil {
		return nil, e
	}
	return h.send(f, h.rooms[name].has)
}
