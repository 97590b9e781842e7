package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// frame is what the server sends. One that is used again keeps its memory.
type frame struct {
	ID      json.RawMessage `json:"id"`
	Command string          `json:"command"`
	Payload json.RawMessage `json:"payload"`
}

// parse reads a frame, of which nothing is left over from the one before.
func (f *frame) parse(text []byte) error {
	f.ID, f.Command, f.Payload = f.ID[:0], "", f.Payload[:0]
	if err := json.Unmarshal(text, f); err != nil {
		return err
	}
	if f.Command == "" {
		return fmt.Errorf("no command")
	}
	return nil
}

// push is the payload of the server's own pushes, all of them in one.
type push struct {
	command string

	Channel, RoomName, RecordID string // one of these, or Kind and Name
	Kind, Name, Reason          string

	Epoch   string
	Offset  int64
	Message string

	Version     int64
	Full, Patch json.RawMessage

	Type, ConnectionID string
	State              json.RawMessage
	Timestamp          int64 // ms
}

// Names of the server's pushes in the dialect that mesh.v1 speaks.
const (
	pushAssignID = "mesh/assign-id"
	pushMessage  = "mesh/subscription-message"
	pushPresence = "mesh/presence-update"
	pushRecord   = "mesh/record-update"
	pushDeleted  = "mesh/record-deleted"
	pushGap      = "mesh/gap"
	pushEnded    = "mesh/unsubscribed"
)

// topicKey is what a subscription is to.
type topicKey struct{ kind, name string }

// fields are the members of a payload that say so.
func (k topicKey) fields() map[string]any {
	field := map[string]string{"channel": "channel", "presence": "roomName", "record": "recordId"}[k.kind]
	return map[string]any{field: k.name}
}

// ours reports whether the push is one of the server's.
func (p *push) ours() bool {
	_, ok := p.topic()
	return ok
}

// topic returns what the push is of; ok is false where no subscription gets it.
func (p *push) topic() (key topicKey, ok bool) {
	switch p.command {
	case pushMessage:
		return topicKey{"channel", p.Channel}, true
	case pushPresence:
		return topicKey{"presence", p.RoomName}, true
	case pushRecord, pushDeleted:
		return topicKey{"record", p.RecordID}, true
	case pushGap, pushEnded:
		return topicKey{p.Kind, p.Name}, true
	}
	return key, false
}

// encode returns v as JSON text, nil for none. Characters stand for themselves.
func encode(v any) (json.RawMessage, error) {
	if v == nil {
		return nil, nil
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("client: the payload is no JSON: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// request is a frame for the server. Without a payload it has none.
func request(id uint64, command string, payload json.RawMessage) []byte {
	name, _ := encode(command) // a string always is
	b := make([]byte, 0, len(`{"id":18446744073709551615,"command":,"payload":}`)+len(name)+len(payload))
	b = strconv.AppendUint(append(b, `{"id":`...), id, 10)
	b = append(append(b, `,"command":`...), name...)
	if payload != nil {
		b = append(append(b, `,"payload":`...), payload...)
	}
	return append(b, '}')
}
