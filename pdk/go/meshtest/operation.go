package meshtest

import (
	"strings"
	"unicode/utf8"

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
	return 1, codec.AppendBytes(codec.AppendString(b, e.Message), e.Data)
}

var operations = map[string]func(h *Host, f *codec.Fields) ([]byte, *mesh.Error){
	"log":                       (*Host).log,
	"config.get":                (*Host).getConfig,
	"kv.get":                    (*Host).getKey,
	"kv.set":                    (*Host).setKey,
	"kv.delete":                 (*Host).deleteKey,
	"kv.increment":              (*Host).incrementKey,
	"kv.compareAndSet":          (*Host).compareAndSetKey,
	"http.fetch":                (*Host).fetch,
	"connections.metadata.get":  (*Host).getMetadata,
	"connections.metadata.set":  (*Host).setMetadata,
	"connections.send":          (*Host).sendToList,
	"connections.disconnect":    (*Host).disconnect,
	"connections.list":          (*Host).listConnections,
	"connections.metadata.list": (*Host).listMetadata,
	"broadcast":                 (*Host).broadcast,
	"users.send":                (*Host).sendToUsers,
	"users.disconnect":          (*Host).disconnectUser,
	"users.list":                (*Host).listUsers,
	"users.connections":         (*Host).listConnectionsOf,
	"rooms.add":                 (*Host).addToRoom,
	"rooms.remove":              (*Host).removeFromRoom,
	"rooms.removeFromAll":       (*Host).removeFromAllRooms,
	"rooms.has":                 (*Host).hasMember,
	"rooms.members":             (*Host).listMembers,
	"rooms.list":                (*Host).listRooms,
	"rooms.clear":               (*Host).clearRoom,
	"rooms.send":                (*Host).sendToRoom,
	"rooms.metadata.get":        (*Host).getRoomMetadata,
	"rooms.metadata.set":        (*Host).setRoomMetadata,
	"rooms.metadata.list":       (*Host).listRoomMetadata,
	"channels.publish":          (*Host).publish,
	"channels.history":          (*Host).history,
	"channels.unsubscribe":      (*Host).unsubscribeChannel,
	"presence.list":             (*Host).listPresent,
	"presence.set":              (*Host).setState,
	"presence.clear":            (*Host).clearState,
	"presence.unsubscribe":      (*Host).unsubscribePresence,
	"records.get":               (*Host).getRecord,
	"records.set":               (*Host).setRecord,
	"records.delete":            (*Host).deleteRecord,
	"records.list":              (*Host).listRecords,
	"records.transaction":       (*Host).transact,
	"records.unsubscribe":       (*Host).unsubscribeRecord,
	"collections.unsubscribe":   (*Host).unsubscribeCollection,
}

func (h *Host) log(f *codec.Fields) ([]byte, *mesh.Error) {
	h.logs = append(h.logs, Line{f.String(), f.String()})
	return nil, nil
}

func (h *Host) getConfig(*codec.Fields) ([]byte, *mesh.Error) {
	return codec.AppendBytes(nil, h.config), nil
}

// encodeJSON begins a response with a value, nil: null.
func encodeJSON(v mesh.JSON) []byte {
	if v == nil {
		v = mesh.JSON("null")
	}
	return codec.AppendBytes(nil, v)
}

// readName reads the name of a room, channel, record or collection from a field.
func readName(f *codec.Fields, field string) (string, *mesh.Error) {
	name := f.String()
	if !validName(name) {
		return "", mesh.BadPayload(field, "must be 1 to 256 bytes without control characters")
	}
	return name, nil
}

func validName(name string) bool {
	return name != "" && utf8.ValidString(name) && len(name) <= 256 && !strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f })
}
