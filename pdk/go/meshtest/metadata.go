package meshtest

import (
	"encoding/json"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
	"github.com/mesh-host/mesh-host/pdk/go/internal/codec"
)

func (h *Host) getMetadata(f *codec.Fields) ([]byte, *mesh.Error) {
	c, e := h.connection(f.String())
	if e != nil {
		return nil, e
	}
	return codec.AppendOptionalString(encodeJSON(c.Metadata), c.User), nil
}

func (h *Host) setMetadata(f *codec.Fields) ([]byte, *mesh.Error) {
	c, e := h.connection(f.String())
	if e != nil {
		return nil, e
	}
	if c.Metadata, e = written(c.Metadata, f); e != nil {
		return nil, e
	}
	return encodeJSON(c.Metadata), nil
}

func (h *Host) getRoomMetadata(f *codec.Fields) ([]byte, *mesh.Error) {
	name, e := readName(f, "roomName")
	if e != nil {
		return nil, e
	}
	return encodeJSON(h.rooms[name].metadataOrNil()), nil
}

func (h *Host) setRoomMetadata(f *codec.Fields) ([]byte, *mesh.Error) {
	name, e := readName(f, "roomName")
	if e != nil {
		return nil, e
	}
	metadata, e := written(h.rooms[name].metadataOrNil(), f)
	if e != nil {
		return nil, e
	}
	r := h.room(name)
	r.metadata = metadata
	if metadata.IsNull() {
		r.metadata = nil
	}
	return encodeJSON(r.metadata), nil
}

// written reads a value and a strategy and returns what old becomes by them; in
// case of an error it is old.
func written(old mesh.JSON, f *codec.Fields) (mesh.JSON, *mesh.Error) {
	metadata, strategy := mesh.JSON(f.Bytes()), f.String()
	if !json.Valid(metadata) {
		return old, mesh.BadPayload("metadata", "must be JSON")
	}
	switch strategy {
	case "", mesh.Replace:
		return metadata.Copy(), nil
	case mesh.Merge, mesh.DeepMerge:
		if !metadata.IsObject() {
			return old, mesh.BadPayload("metadata", "must be an object to be merged")
		}
		return merged(old, metadata, strategy == mesh.DeepMerge), nil
	}
	return old, mesh.BadPayload("strategy", "must be replace, merge or deepMerge")
}

// merged lays the members of an object over those of another, in their order;
// what is no object, or meets none, replaces.
func merged(under, over mesh.JSON, deep bool) mesh.JSON {
	if !under.IsObject() || !over.IsObject() {
		return over.Copy()
	}
	o := mesh.Object()
	for name, value := range under.Members() {
		switch newer := over.Get(name); {
		case newer == nil:
		case deep:
			value = merged(value, newer, true)
		default:
			value = newer
		}
		o.Raw(name, value)
	}
	for name, value := range over.Members() {
		if under.Get(name) == nil {
			o.Raw(name, value)
		}
	}
	return o.JSON()
}

func (h *Host) listMetadata(f *codec.Fields) ([]byte, *mesh.Error) {
	name := f.String()
	ids := sorted(h.connections)
	if name != "" {
		ids = h.rooms[name].memberIDs()
	}
	ids, next := page(ids, f)
	list := mesh.Array()
	for _, id := range ids {
		list.Raw(mesh.Object().Raw(id, h.connections[id].Metadata).JSON())
	}
	return codec.AppendOptionalString(codec.AppendBytes(nil, list.JSON()), next), nil
}

func (h *Host) listRoomMetadata(f *codec.Fields) ([]byte, *mesh.Error) {
	var names []string
	for _, name := range sorted(h.rooms) {
		if h.rooms[name].metadata != nil {
			names = append(names, name)
		}
	}
	names, next := page(names, f)
	list := mesh.Object()
	for _, name := range names {
		list.Raw(name, h.rooms[name].metadata)
	}
	return codec.AppendOptionalString(codec.AppendBytes(nil, list.JSON()), next), nil
}

// RoomMetadata returns the metadata of a room, nil where there is none.
func (h *Host) RoomMetadata(room string) mesh.JSON {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.rooms[room].metadataOrNil().Copy()
}
