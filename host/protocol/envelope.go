package protocol

import (
	"bytes"
	"errors"
)

// Envelope is a frame from a client, taken apart. Its fields point into the
// frame and are valid as long as it is.
type Envelope struct {
	// ID is the JSON text of the request's id, echoed byte for byte; nil for
	// a one-way command.
	ID []byte
	// Command is the JSON text of the command, echoed like the id.
	Command []byte
	// Name is the command's name, unescaped.
	Name []byte
	// Payload is the payload's JSON text, nil where there is none.
	Payload []byte
}

// The errors of Scan: a frame with one of them is a bad frame, which is
// counted and dropped.
var (
	ErrNotJSON   = errors.New("protocol: frame is not JSON, or is nested too deeply")
	ErrNotObject = errors.New("protocol: frame is not an object")
	ErrNoCommand = errors.New("protocol: command is missing or not a string")
)

// Scan takes a frame apart without building a tree and without allocating
// (save where the command's name has escapes). The frame must be UTF-8; all
// of it is checked to be JSON, so that parts of it can be passed on as they
// are. Of a member that is there twice the last one counts, as in JSON.parse.
func Scan(frame []byte) (Envelope, error) {
	var e Envelope
	i := skipSpace(frame, 0)
	if i >= len(frame) {
		return e, ErrNotJSON
	}
	if frame[i] != '{' {
		if end := skipValue(frame, i, 0); end < 0 || skipSpace(frame, end) != len(frame) {
			return e, ErrNotJSON
		}
		return e, ErrNotObject
	}
	i, ok := e.scanMembers(frame, skipSpace(frame, i+1))
	if !ok || skipSpace(frame, i) != len(frame) {
		return Envelope{}, ErrNotJSON
	}
	if e.Name == nil {
		return Envelope{}, ErrNoCommand
	}
	return e, nil
}

// scanMembers reads the members of the envelope, from the first key or the
// closing brace, and returns the index after that brace.
func (e *Envelope) scanMembers(frame []byte, i int) (int, bool) {
	if i < len(frame) && frame[i] == '}' {
		return i + 1, true
	}
	for {
		start := i
		if i = skipKey(frame, i); i < 0 {
			return 0, false
		}
		key := frame[start+1 : i-1]
		if i = skipColon(frame, i); i < 0 {
			return 0, false
		}
		start = i
		if i = skipValue(frame, i, 1); i < 0 {
			return 0, false
		}
		if value := frame[start:i:i]; !e.take(key, value) && bytes.IndexByte(key, '\\') >= 0 {
			e.take(AppendUnquoted(nil, key), value)
		}
		if i = skipSpace(frame, i); i >= len(frame) {
			return 0, false
		}
		if frame[i] == '}' {
			return i + 1, true
		}
		if frame[i] != ',' {
			return 0, false
		}
		i = skipSpace(frame, i+1)
	}
}

// stringText returns the text of a valid JSON string with its quotes.
func stringText(quoted []byte) []byte {
	text := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(text, '\\') >= 0 {
		return AppendUnquoted(make([]byte, 0, len(text)), text)
	}
	return text
}

// take keeps the value of a member that is the envelope's, and reports whether
// it is.
func (e *Envelope) take(key, value []byte) bool {
	switch string(key) {
	case "id":
		e.ID = value
	case "command":
		e.Command, e.Name = value, nil
		if value[0] == '"' {
			e.Name = stringText(value)
		}
	case "payload":
		e.Payload = value
	default:
		return false
	}
	return true
}
