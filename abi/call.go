package abi

import (
	"encoding/binary"
	"slices"
)

// Request is what a guest gets with every call. ConnectionID, User, Metadata
// and Locals are absent (empty, nil) where there is no connection, no
// authenticated user, and nothing set. Metadata, Locals and Payload are JSON
// text.
type Request struct {
	Kind         Kind
	Name         string
	ConnectionID string
	User         string
	Metadata     []byte
	Locals       []byte
	Payload      []byte
	// Detail is a message of its own, by kind: an Access for a guard, a
	// Handshake for authenticate, a Departure for disconnect, a RoomChange for
	// join and leave, a RecordChange for the hooks of records, absent otherwise.
	Detail []byte
}

// Size returns the length of the encoded request in bytes.
func (r *Request) Size() int {
	return 12 + 7*4 + len(r.Name) + len(r.ConnectionID) + len(r.User) +
		len(r.Metadata) + len(r.Locals) + len(r.Payload) + len(r.Detail)
}

// Append adds the encoded request to dst. It is on the way of every call, so it
// makes room once and writes each field in place.
func (r *Request) Append(dst []byte) []byte {
	n, size := len(dst), r.Size()
	dst = slices.Grow(dst, size)[:n+size]
	b := dst[n:]
	binary.LittleEndian.PutUint32(b, 8)
	binary.LittleEndian.PutUint64(b[4:], uint64(r.Kind))
	b = put(b[12:], r.Name, false)
	b = put(b, r.ConnectionID, r.ConnectionID == "")
	b = put(b, r.User, r.User == "")
	b = put(b, r.Metadata, r.Metadata == nil)
	b = put(b, r.Locals, r.Locals == nil)
	b = put(b, r.Payload, r.Payload == nil)
	put(b, r.Detail, r.Detail == nil)
	return dst
}

// put writes a field at the front of b and returns what is behind it.
func put[T string | []byte](b []byte, v T, missing bool) []byte {
	if missing {
		binary.LittleEndian.PutUint32(b, absent)
		return b[4:]
	}
	binary.LittleEndian.PutUint32(b, uint32(len(v)))
	return b[4+copy(b[4:], v):]
}

// Decode reads an encoded request. Its JSON fields and Detail point into
// message.
func (r *Request) Decode(message []byte) error {
	f := Decode(message)
	kind, _ := f.Int()
	*r = Request{
		Kind: Kind(kind), Name: f.String(), ConnectionID: f.String(), User: f.String(),
		Metadata: f.Bytes(), Locals: f.Bytes(), Payload: f.Bytes(), Detail: f.Bytes(),
	}
	return f.Err()
}

// Response is what a guest answers. Body is JSON text for StatusReply (and for
// StatusContinue of middleware, where it replaces the payload), an encoded
// Error for StatusError and StatusRefuse. Locals is a JSON object whose
// members are merged over the command's locals; only middleware may set it.
type Response struct {
	Status Status
	Body   []byte
	Locals []byte
}

// Append adds the encoded response to dst.
func (r *Response) Append(dst []byte) []byte {
	dst = AppendInt(dst, int64(r.Status))
	dst = AppendBytes(dst, r.Body)
	return AppendBytes(dst, r.Locals)
}

// Decode reads an encoded response. Its fields point into message.
func (r *Response) Decode(message []byte) error {
	// The shape of nearly every answer, on the way of every call: a status, a
	// body, and nothing else.
	if len(message) >= 16 && binary.LittleEndian.Uint32(message) == 8 &&
		uint64(binary.LittleEndian.Uint32(message[12:])) == uint64(len(message)-16) {
		*r = Response{Status: Status(binary.LittleEndian.Uint64(message[4:])), Body: message[16:len(message):len(message)]}
		return nil
	}
	f := Decode(message)
	status, _ := f.Int()
	*r = Response{Status: Status(status), Body: f.Bytes(), Locals: f.Bytes()}
	return f.Err()
}

// Error is how a guest and the host tell each other what went wrong.
type Error struct {
	// Code is one of the table, or the plugin's own; empty reads as ESERVER.
	Code string
	// Name is the error's class; empty reads as the one that the table gives
	// the code, Error for the codes that plugins invent.
	Name string
	// Message is for people.
	Message string
	// Data is JSON text, absent (nil) where there is none.
	Data []byte
	// HTTP is the status of a refused handshake, 400 to 599; 0 is absent. It
	// means nothing elsewhere.
	HTTP int64
}

// Append adds the encoded error to dst.
func (e *Error) Append(dst []byte) []byte {
	dst = AppendString(dst, e.Code)
	dst = AppendString(dst, e.Name)
	dst = AppendString(dst, e.Message)
	dst = AppendBytes(dst, e.Data)
	return appendOptionalInt(dst, e.HTTP)
}

// Decode reads an encoded error. Data points into message.
func (e *Error) Decode(message []byte) error {
	f := Decode(message)
	*e = Error{Code: f.String(), Name: f.String(), Message: f.String(), Data: f.Bytes()}
	e.HTTP, _ = f.Int()
	return f.Err()
}

// Handshake is the detail of an authenticate call. What a client has sent that is
// not UTF-8 has U+FFFD in its place.
type Handshake struct {
	Method string
	// Path is the request's path, still escaped, without the query.
	Path string
	// Query is the raw query, without the question mark.
	Query string
	// Headers holds names and values in turn, as they were sent; names are
	// lower case.
	Headers []string
	// RemoteAddress is the peer's host:port.
	RemoteAddress string
}

// Append adds the encoded handshake to dst.
func (h *Handshake) Append(dst []byte) []byte {
	dst = AppendString(dst, h.Method)
	dst = AppendString(dst, h.Path)
	dst = AppendString(dst, h.Query)
	dst = AppendStrings(dst, h.Headers)
	return AppendString(dst, h.RemoteAddress)
}

// Decode reads an encoded handshake.
func (h *Handshake) Decode(message []byte) error {
	f := Decode(message)
	*h = Handshake{Method: f.String(), Path: f.String(), Query: f.String(), Headers: f.Strings(), RemoteAddress: f.String()}
	return f.Err()
}

// Departure is the detail of a disconnect call.
type Departure struct {
	// Code is the close code; 1006 where the peer vanished without one.
	Code int64
	// Reason is the close reason.
	Reason string
}

// Append adds the encoded departure to dst.
func (d *Departure) Append(dst []byte) []byte {
	return AppendString(AppendInt(dst, d.Code), d.Reason)
}

// Decode reads an encoded departure.
func (d *Departure) Decode(message []byte) error {
	f := Decode(message)
	code, _ := f.Int()
	*d = Departure{Code: code, Reason: f.String()}
	return f.Err()
}

// Access is the detail of a guard's call: what a client wants of the topic that
// the request names.
type Access struct {
	// Topic is what the name is of: TopicChannel, TopicPresence, TopicRoom,
	// TopicConnection, TopicRecord or TopicCollection.
	Topic string
	// Action is ActionSubscribe (presence: also being present), ActionPublish,
	// ActionHistory, ActionJoin, ActionMetadata, ActionWrite (the request's
	// payload is the new value as the client sent it) or ActionDelete.
	Action string
	// Strategy is how the value of an ActionWrite is applied: "replace",
	// "merge" or "deepMerge". Absent (empty) for all other actions.
	Strategy string
}

// The topics and actions of an Access.
const (
	TopicChannel    = "channel"
	TopicPresence   = "presence"
	TopicRoom       = "room"
	TopicConnection = "connection"
	TopicRecord     = "record"
	TopicCollection = "collection"

	ActionSubscribe = "subscribe"
	ActionPublish   = "publish"
	ActionHistory   = "history"
	ActionJoin      = "join"
	ActionMetadata  = "metadata"
	ActionWrite     = "write"
	ActionDelete    = "delete"
)

// Append adds the encoded access to dst.
func (a *Access) Append(dst []byte) []byte {
	dst = AppendString(AppendString(dst, a.Topic), a.Action)
	return appendOptionalString(dst, a.Strategy)
}

// Decode reads an encoded access.
func (a *Access) Decode(message []byte) error {
	f := Decode(message)
	*a = Access{Topic: f.String(), Action: f.String(), Strategy: f.String()}
	return f.Err()
}

// RoomChange is the detail of a join or leave call.
type RoomChange struct {
	Room string
	// Reason says why a member has left: LeftByRequest, LeftByDisconnect,
	// LeftByRemoval or LeftByClear; empty for join.
	Reason string
}

// The reasons of a leave.
const (
	LeftByRequest    = "leave"
	LeftByDisconnect = "disconnect"
	LeftByRemoval    = "removed"
	LeftByClear      = "cleared"
)

// Append adds the encoded change to dst.
func (c *RoomChange) Append(dst []byte) []byte {
	return AppendString(AppendString(dst, c.Room), c.Reason)
}

// Decode reads an encoded change.
func (c *RoomChange) Decode(message []byte) error {
	f := Decode(message)
	*c = RoomChange{Room: f.String(), Reason: f.String()}
	return f.Err()
}

// RecordChange is the detail of a call of the hooks recordUpdate and
// recordRemoved. The request's payload is the new value, for recordRemoved the
// one that the record had; its connection is the client that wrote, absent
// where a plugin, an operator or a TTL did.
type RecordChange struct {
	RecordID string
	Version  int64
	Epoch    string
	// Reason says why a record was removed: RemovedByDelete or
	// RemovedByExpiry; empty for recordUpdate.
	Reason string
}

// The reasons of a removal.
const (
	RemovedByDelete = "deleted"
	RemovedByExpiry = "expired"
)

// Append adds the encoded change to dst.
func (c *RecordChange) Append(dst []byte) []byte {
	dst = AppendInt(AppendString(dst, c.RecordID), c.Version)
	return AppendString(AppendString(dst, c.Epoch), c.Reason)
}

// Decode reads an encoded change.
func (c *RecordChange) Decode(message []byte) error {
	f := Decode(message)
	*c = RecordChange{RecordID: f.String()}
	c.Version, _ = f.Int()
	c.Epoch, c.Reason = f.String(), f.String()
	return f.Err()
}
