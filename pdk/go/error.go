package mesh

import "github.com/mesh-host/mesh-host/pdk/go/internal/codec"

// Error is what a handler returns to say what its caller did wrong, and what a
// failed operation returns. The client gets Code, Name, Message and Data as
// they are. Any other error reaches the client as its text under ESERVER.
type Error struct {
	// Code is for programs: one of the Code constants, or the plugin's own;
	// empty: ESERVER.
	Code string
	// Name is the error's class; empty: that of the code, or Error.
	Name string
	// Message is for people.
	Message string
	// Data is any JSON value; nil: none.
	Data JSON
	// HTTP is the status with which a refused handshake is answered, 400 to
	// 599; 0: 401. It means nothing elsewhere.
	HTTP int
}

// NewError returns an error with the class that goes with its code.
func NewError(code, message string) *Error {
	return &Error{Code: code, Name: className(code), Message: message}
}

// Denied returns an EDENIED error: the caller may not do this.
func Denied(message string) *Error { return NewError(CodeDenied, message) }

// NotFound returns an ENOTFOUND error: what the command names does not exist.
func NotFound(message string) *Error { return NewError(CodeNotFound, message) }

// BadPayload returns an EPAYLOAD error about a field of the payload, such as
// BadPayload("to", "must be a list of text"). An empty field is the payload
// itself.
func BadPayload(field, problem string) *Error {
	if field == "" {
		return NewError(CodePayload, "payload "+problem)
	}
	return NewError(CodePayload, `field "`+field+`" `+problem)
}

// Refuse returns the error with which an authenticate hook refuses a
// handshake: an HTTP status from 400 to 599 and the text of the answer.
func Refuse(status int, message string) *Error {
	return &Error{Code: CodeDenied, Name: className(CodeDenied), Message: message, HTTP: status}
}

// Error returns the message, or the code where there is none.
func (e *Error) Error() string {
	if e.Message == "" {
		return e.Code
	}
	return e.Message
}

// WithData adds a JSON value for programs and returns the error.
func (e *Error) WithData(data JSON) *Error {
	e.Data = data
	return e
}

// asError finds the Error in a chain of wrapped errors. What wraps it decides
// the message, the Error all else. errors.As would do, but its reflection makes
// a plugin 55 KB larger.
func asError(err error) Error {
	e := find(err)
	if e == nil {
		return Error{Message: err.Error()}
	}
	found := *e
	if _, ok := err.(*Error); !ok { //nolint:errorlint // find looked through the wrapped ones
		found.Message = err.Error()
	}
	return found
}

func find(err error) *Error {
	switch e := err.(type) { //nolint:errorlint // it is what unwraps them
	case *Error:
		return e
	case interface{ Unwrap() error }:
		return find(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			if found := find(inner); found != nil {
				return found
			}
		}
	}
	return nil
}

func (e *Error) append(dst []byte) []byte {
	dst = codec.AppendString(dst, e.Code)
	dst = codec.AppendString(dst, e.Name)
	dst = codec.AppendString(dst, e.Message)
	dst = codec.AppendBytes(dst, e.Data)
	return codec.AppendOptionalInt(dst, int64(e.HTTP))
}

func decodeError(message []byte) *Error {
	f := codec.Decode(message)
	e := &Error{Code: f.String(), Name: f.String(), Message: f.String(), Data: f.Bytes()}
	status, _ := f.Int()
	e.HTTP = int(status)
	if f.Err() != nil || e.Code == "" {
		e.Code = CodeServer
	}
	return e
}
