package meshtest

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
	"github.com/mesh-host/mesh-host/pdk/go/internal/codec"
)

func (h *Host) sendToList(f *codec.Fields) ([]byte, *mesh.Error) {
	to := f.Strings()
	return h.send(f, func(id string) bool { return slices.Contains(to, id) })
}

func (h *Host) broadcast(f *codec.Fields) ([]byte, *mesh.Error) {
	return h.send(f, func(string) bool { return true })
}

// send reads what all that push have in common.
func (h *Host) send(f *codec.Fields, reaches func(id string) bool) ([]byte, *mesh.Error) {
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
			h.push(id, command, payload)
			sent++
		}
	}
	return codec.AppendInt(nil, sent), nil
}

func reserved(command string) bool {
	switch command {
	case "ping", "pong", "latency", "latency:request", "latency:response":
		return true
	}
	return strings.HasPrefix(command, "mesh/") || strings.HasPrefix(command, "rt/")
}

func (h *Host) push(id, command string, payload mesh.JSON) {
	h.pushes[id] = append(h.pushes[id], Push{command, payload.Copy()})
}

func (h *Host) disconnect(f *codec.Fields) ([]byte, *mesh.Error) {
	id := f.String()
	code, reason, e := readClosure(f)
	if e != nil {
		return nil, e
	}
	_, ok := h.connections[id]
	if ok {
		h.end(id, code, reason)
	}
	return codec.AppendBool(nil, ok), nil
}

// end closes a connection as the plugin asks.
func (h *Host) end(id string, code int, reason string) {
	h.closed = append(h.closed, Closure{id, code, reason})
	h.remove(id, code, reason)
}

func readClosure(f *codec.Fields) (code int, reason string, e *mesh.Error) {
	asked, _ := f.Int()
	reason = f.String()
	switch {
	case asked == 0:
		asked = mesh.CloseKicked
	case asked >= 4000 && asked <= 4999:
	case slices.Contains([]int64{1000, 1001, 1008, 1011, 1013}, asked):
	default:
		return 0, "", mesh.BadPayload("code", "is not one that a server may send")
	}
	if len(reason) > 123 {
		return 0, "", mesh.BadPayload("reason", "must be at most 123 bytes")
	}
	return int(asked), reason, nil
}

func (h *Host) listConnections(f *codec.Fields) ([]byte, *mesh.Error) {
	ids := sorted(h.connections)
	if user := f.String(); user != "" {
		ids = h.connectionsOf(user)
	}
	ids, next := page(ids, f)
	list := mesh.Array()
	for _, id := range ids {
		c, o := h.connections[id], mesh.Object().Text("connectionId", id)
		if c.User != "" {
			o.Text("user", c.User)
		}
		o.Text("node", "test").Int("latency", 0).Text("connectedAt", c.since.UTC().Format(time.RFC3339))
		list.Raw(o.JSON())
	}
	return codec.AppendOptionalString(codec.AppendBytes(nil, list.JSON()), next), nil
}

func (h *Host) connection(id string) (*Connection, *mesh.Error) {
	c, ok := h.connections[id]
	if !ok {
		return nil, mesh.NotFound("there is no connection " + id)
	}
	return c, nil
}
