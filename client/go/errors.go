package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/coder/websocket"
)

// Errors to be found with errors.Is.
var (
	// ErrClosed is what calls and subscriptions end with after Close.
	ErrClosed = errors.New("client: closed")
	// ErrOffline is for calls without a connection, with Options.FailOffline.
	ErrOffline = errors.New("client: not connected")
	// ErrDisconnected says that the connection ended before the reply: whether the
	// command has run is not known. It comes with why the connection ended.
	ErrDisconnected = errors.New("client: the connection ended before the reply")
	// ErrBusy says that Options.Waiting calls wait already, or that pushes were left
	// out because Options.Backlog was full.
	ErrBusy = errors.New("client: too much is waiting")
	// ErrRefused is for subscriptions and states that the server does not allow.
	ErrRefused = errors.New("client: refused by the server")
	// ErrSubscribed is for a second subscription to what has one.
	ErrSubscribed = errors.New("client: already subscribed")
	// ErrUnsubscribed says that a subscription has ended, by either side.
	ErrUnsubscribed = errors.New("client: unsubscribed")
)

// Error is the server's answer to a command that failed. docs/PROTOCOL.md lists the
// codes of the server's own; plugins have theirs.
type Error struct {
	Code    string          // "ENOTFOUND"
	Name    string          // "CommandError"
	Message string          // for people
	Ref     string          // under which the server has logged more, or ""
	Data    json.RawMessage // nil where there is none
}

// Error implements error.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// temporary reports whether the same command may succeed a little later.
func temporary(err error) bool {
	var failed *Error
	if !errors.As(err, &failed) {
		return false
	}
	switch failed.Code {
	case "EUNAVAILABLE", "ETIMEOUT", "ERATELIMIT":
		return true
	}
	return false
}

// failure returns the *Error that a reply's payload is, or nil: an object of exactly
// these members, as the protocol says.
func failure(payload json.RawMessage) error {
	if !bytes.HasPrefix(payload, []byte("{")) || !bytes.Contains(payload, []byte(`"error"`)) {
		return nil
	}
	var body struct {
		Error, Code, Name *string
		Ref               string
		Data              json.RawMessage
	}
	d := json.NewDecoder(bytes.NewReader(payload))
	d.DisallowUnknownFields()
	if notOne := d.Decode(&body); notOne != nil || body.Error == nil || body.Code == nil || body.Name == nil {
		return nil //nolint:nilerr // a reply may be anything
	}
	return &Error{*body.Code, *body.Name, *body.Error, body.Ref, body.Data}
}

// ClosedError is a connection that the server has closed with a code.
type ClosedError struct {
	Code   int // docs/PROTOCOL.md lists them
	Reason string
}

// Error implements error.
func (e *ClosedError) Error() string {
	return fmt.Sprintf("client: closed by the server with %d %q", e.Code, e.Reason)
}

// HandshakeError is an answer that refuses the handshake.
type HandshakeError struct {
	Status int    // of HTTP
	Body   string // the first KiB of it
}

// Error implements error.
func (e *HandshakeError) Error() string {
	return fmt.Sprintf("client: the handshake is refused with %d: %q", e.Status, e.Body)
}

// closedBy makes a *ClosedError of what reading ended with, where it was a code.
func closedBy(err error) error {
	var closed websocket.CloseError
	if errors.As(err, &closed) {
		return &ClosedError{int(closed.Code), closed.Reason}
	}
	return fmt.Errorf("client: the connection broke: %w", err)
}

// forGood reports whether the server has said not to come back: by a code from 4000
// to 4099, or by refusing who asks.
func forGood(err error) bool {
	var closed *ClosedError
	var refused *HandshakeError
	switch {
	case errors.As(err, &closed):
		return closed.Code >= 4000 && closed.Code <= 4099
	case errors.As(err, &refused):
		return refused.Status == http.StatusUnauthorized || refused.Status == http.StatusForbidden
	}
	return false
}

// goingAway reports whether the server has said to come back at once.
func goingAway(err error) bool {
	var closed *ClosedError
	return errors.As(err, &closed) && closed.Code == int(websocket.StatusGoingAway)
}
