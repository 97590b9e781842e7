package protocol

import (
	"errors"
	"strconv"

	"github.com/mesh-host/mesh-host/abi"
)

// Error is the only error that reaches a client: what a failed command's
// reply carries. Anything else becomes Internal at the boundary.
type Error struct {
	// Code is one of abi.ErrorCodes or a plugin's own.
	Code string
	// Name is the class of the error.
	Name string
	// Message is for people; payloads and secrets are not in it.
	Message string
	// Ref is the id under which the server logged an internal error.
	Ref string
	// Data is JSON text, nil where there is none.
	Data []byte
}

// Error implements error.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// NewError makes an error of the table; its name is the code's.
func NewError(code, message string) *Error {
	name := "Error"
	if entry, ok := abi.LookupError(code); ok {
		name = entry.Name
	}
	return &Error{Code: code, Name: name, Message: message}
}

// NotFound answers a command that no one registered.
func NotFound(command string) *Error {
	return NewError(abi.CodeNotFound, "Command "+quote(command)+" not found")
}

// TimedOut answers a command whose deadline passed.
func TimedOut(command string) *Error {
	return NewError(abi.CodeTimeout, "Command "+quote(command)+" timed out")
}

// PluginFailed answers a command whose plugin trapped, ran out of memory,
// answered rubbish or is not loaded.
func PluginFailed(plugin string) *Error {
	return NewError(abi.CodePlugin, "Plugin "+quote(plugin)+" failed")
}

// Internal answers an error that is not for clients; ref is the id under which
// it was logged.
func Internal(ref string) *Error {
	e := NewError(abi.CodeServer, "Internal error")
	e.Ref = ref
	return e
}

// AsError returns err as an *Error, or nil where it is none.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// quote keeps a name that a client chose short in a message of ours.
func quote(name string) string {
	if len(name) > MaxName {
		name = CutText(name, MaxName) + "…"
	}
	return strconv.Quote(name)
}

// Append adds the error as the JSON object of a reply's payload.
func (e *Error) Append(dst []byte) []byte {
	dst = append(dst, `{"error":`...)
	dst = AppendString(dst, e.Message)
	dst = append(dst, `,"code":`...)
	dst = AppendString(dst, e.Code)
	dst = append(dst, `,"name":`...)
	dst = AppendString(dst, e.Name)
	if e.Ref != "" {
		dst = append(dst, `,"ref":`...)
		dst = AppendString(dst, e.Ref)
	}
	if e.Data != nil {
		dst = append(dst, `,"data":`...)
		dst = append(dst, e.Data...)
	}
	return append(dst, '}')
}

// IsCode reports whether err is an *Error with a code.
func IsCode(err error, code string) bool {
	e := AsError(err)
	return e != nil && e.Code == code
}
