package meshtest

import (
	"encoding/json"
	"slices"
	"strings"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
	"github.com/mesh-host/mesh-host/pdk/go/internal/codec"
)

// answer is the host's end of the plugin's host calls.
func (h *Host) answer(operation string, arguments []byte) (number uint32, result []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	run, ok := operations[operation]
	if !ok {
		return refuse(mesh.NewError(mesh.CodeNotFound, "meshtest does not know the operation "+operation))
	}
	f := codec.Decode(arguments)
	result, e := run(h, &f)
	if f.Err() != nil {
		e = mesh.NewError(mesh.CodePayload, f.Err().Error())
	}
	if e != nil {
		return refuse(e)
	}
	return 0, result
}

// refuse leaves an error for the plugin. Kits go by the code in the message;
// the number only tells that there is one.
func refuse(e *mesh.Error) (number uint32, result []byte) {
	b := codec.AppendString(nil, e.Code)
	b = codec.AppendString(b, e.Name)
	return 1, codec.AppendString(b, e.Message)
}

var operations = map[string]func(h *Host, f *codec.Fields) ([]byte, *mesh.Error){
	"log":                      (*Host).log,
	"config.get":               (*Host).getConfig,
	"kv.get":                   (*Host).getKey,
	"kv.set":                   (*Host).setKey,
	"kv.delete":                (*Host).deleteKey,
	"kv.increment":             (*Host).incrementKey,
	"kv.compareAndSet":         (*Host).compareAndSetKey,
	"connections.metadata.get": (*Host).getMetadata,
	"connections.metadata.set": (*Host).setMetadata,
	"connections.send":         (*Host).send,
	"broadcast":                (*Host).broadcast,
	"connections.disconnect":   (*Host).disconnect,
}

func (h *Host) log(f *codec.Fields) ([]byte, *mesh.Error) {
	h.logs = append(h.logs, Line{f.String(), f.String()})
	return nil, nil
}

func (h *Host) getConfig(*codec.Fields) ([]byte, *mesh.Error) {
	return codec.AppendBytes(nil, h.config), nil
}

func (h *Host) getMetadata(f *codec.Fields) ([]byte, *mesh.Error) {
	c, e := h.connection(f.String())
	if e != nil {
		return nil, e
	}
	return codec.AppendOptionalString(appendJSON(nil, c.Metadata), c.User), nil
}

func (h *Host) setMetadata(f *codec.Fields) ([]byte, *mesh.Error) {
	id, metadata, strategy := f.String(), mesh.JSON(f.Bytes()), f.String()
	c, e := h.connection(id)
	if e != nil {
		return nil, e
	}
	if !json.Valid(metadata) {
		return nil, mesh.BadPayload("metadata", "must be JSON")
	}
	switch strategy {
	case "", mesh.Replace:
		c.Metadata = metadata.Copy()
	case mesh.Merge, mesh.DeepMerge:
		if !metadata.IsObject() {
			return nil, mesh.BadPayload("metadata", "must be an object to be merged")
		}
		c.Metadata = mergeMetadata(c.Metadata, metadata, strategy == mesh.DeepMerge)
	default:
		return nil, mesh.BadPayload("strategy", "must be replace, merge or deepMerge")
	}
	return appendJSON(nil, c.Metadata), nil
}

func mergeMetadata(under, over mesh.JSON, deep bool) mesh.JSON {
	if !under.IsObject() {
		return over.Copy()
	}
	if deep {
		for name, value := range over.Members() {
			if old := under.Get(name); value.IsObject() && old.IsObject() {
				merged := mesh.Object().Raw(name, mergeMetadata(old, value, true)).JSON()
				over = merge(over, merged)
			}
		}
	}
	return merge(under, over)
}

func (h *Host) send(f *codec.Fields) ([]byte, *mesh.Error) {
	to := f.Strings()
	return h.push(f, func(id string) bool { return slices.Contains(to, id) })
}

func (h *Host) broadcast(f *codec.Fields) ([]byte, *mesh.Error) {
	return h.push(f, func(string) bool { return true })
}

// push reads what send and broadcast have in common.
func (h *Host) push(f *codec.Fields, reaches func(id string) bool) ([]byte, *mesh.Error) {
	command, payload, exclude := f.String(), mesh.JSON(f.Bytes()), f.Strings()
	if payload == nil {
		payload = mesh.JSON("null")
	}
	if !validName(command) || reserved(command) {
		return nil, mesh.BadPayload("command", "must be 1 to 256 bytes without control characters and not a name of the host's own")
	}
	if !json.Valid(payload) {
		return nil, mesh.BadPayload("payload", "must be JSON")
	}
	sent := int64(0)
	for id := range h.connections {
		if reaches(id) && !slices.Contains(exclude, id) {
			h.pushes[id] = append(h.pushes[id], Push{command, payload.Copy()})
			sent++
		}
	}
	return codec.AppendInt(nil, sent), nil
}

func (h *Host) disconnect(f *codec.Fields) ([]byte, *mesh.Error) {
	id := f.String()
	code, _ := f.Int()
	reason := f.String()
	switch {
	case code == 0:
		code = mesh.CloseKicked
	case code >= 4000 && code <= 4999:
	case slices.Contains([]int64{1000, 1001, 1008, 1011, 1013}, code):
	default:
		return nil, mesh.BadPayload("code", "is not one that a server may send")
	}
	if len(reason) > 123 {
		return nil, mesh.BadPayload("reason", "must be at most 123 bytes")
	}
	_, ok := h.connections[id]
	if ok {
		h.closed = append(h.closed, Closure{id, int(code), reason})
		delete(h.connections, id)
	}
	return codec.AppendBool(nil, ok), nil
}

func (h *Host) connection(id string) (*Connection, *mesh.Error) {
	c, ok := h.connections[id]
	if !ok {
		return nil, mesh.NotFound("there is no connection " + id)
	}
	return c, nil
}

func appendJSON(dst []byte, v mesh.JSON) []byte {
	if v == nil {
		v = mesh.JSON("null")
	}
	return codec.AppendBytes(dst, v)
}

func validName(name string) bool {
	return name != "" && len(name) <= 256 && !strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f })
}

func reserved(command string) bool {
	switch command {
	case "ping", "pong", "latency", "latency:request", "latency:response":
		return true
	}
	return strings.HasPrefix(command, "mesh/") || strings.HasPrefix(command, "rt/")
}
