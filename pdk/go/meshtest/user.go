package meshtest

import (
	"slices"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
	"github.com/mesh-host/mesh-host/pdk/go/internal/codec"
)

func (h *Host) connectionsOf(user string) []string {
	var ids []string
	for _, id := range sorted(h.connections) {
		if user != "" && h.connections[id].User == user {
			ids = append(ids, id)
		}
	}
	return ids
}

func (h *Host) sendToUsers(f *codec.Fields) ([]byte, *mesh.Error) {
	to := f.Strings()
	return h.send(f, func(id string) bool {
		user := h.connections[id].User
		return user != "" && slices.Contains(to, user)
	})
}

func (h *Host) disconnectUser(f *codec.Fields) ([]byte, *mesh.Error) {
	user := f.String()
	code, reason, e := readClosure(f)
	if e != nil {
		return nil, e
	}
	ids := h.connectionsOf(user)
	for _, id := range ids {
		h.end(id, code, reason)
	}
	return codec.AppendInt(nil, int64(len(ids))), nil
}

func (h *Host) listUsers(f *codec.Fields) ([]byte, *mesh.Error) {
	users := map[string]bool{}
	for _, c := range h.connections {
		if c.User != "" {
			users[c.User] = true
		}
	}
	part, next := page(sorted(users), f)
	return codec.AppendOptionalString(encodeNames(part), next), nil
}

func (h *Host) listConnectionsOf(f *codec.Fields) ([]byte, *mesh.Error) {
	return encodeNames(h.connectionsOf(f.String())), nil
}
