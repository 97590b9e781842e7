package extism

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// kinds are the names of what a call asks.
var kinds = map[abi.Kind]string{
	abi.KindCommand: "command", abi.KindMiddleware: "middleware", abi.KindGuard: "guard",
	abi.KindAuthenticate: "authenticate", abi.KindConnect: "connect", abi.KindDisconnect: "disconnect",
	abi.KindSchedule: "schedule", abi.KindJoin: "join", abi.KindLeave: "leave", abi.KindResolve: "resolve",
	abi.KindRecordUpdate: "recordUpdate", abi.KindRecordRemoved: "recordRemoved",
}

// object writes a JSON object.
type object struct{ dst []byte }

func (o *object) key(name string) {
	if o.dst[len(o.dst)-1] != '{' {
		o.dst = append(o.dst, ',')
	}
	o.dst = append(append(append(o.dst, '"'), name...), `":`...)
}

func (o *object) text(name, value string) {
	o.key(name)
	o.dst = protocol.AppendString(o.dst, value)
}

func (o *object) optional(name, value string) {
	if value != "" {
		o.text(name, value)
	}
}

func (o *object) json(name string, value []byte) {
	if value != nil {
		o.key(name)
		o.dst = append(o.dst, value...)
	}
}

func (o *object) number(name string, value int64) {
	o.key(name)
	o.dst = strconv.AppendInt(o.dst, value, 10)
}

// appendRequest adds a request as the JSON object that handlers get. What is
// absent from the request is missing.
func appendRequest(dst []byte, q *abi.Request) ([]byte, error) {
	o := &object{append(dst, '{')}
	o.text("kind", kinds[q.Kind])
	o.text("name", q.Name)
	o.optional("connectionId", q.ConnectionID)
	o.optional("user", q.User)
	o.json("metadata", q.Metadata)
	o.json("locals", q.Locals)
	o.json("payload", q.Payload)
	if q.Detail != nil {
		o.key("detail")
		o.dst = append(o.dst, '{')
		if err := o.detail(q); err != nil {
			return o.dst, fmt.Errorf("extism: the detail of a %s call: %w", kinds[q.Kind], err)
		}
		o.dst = append(o.dst, '}')
	}
	return append(o.dst, '}'), nil
}

func (o *object) detail(q *abi.Request) error {
	switch q.Kind {
	case abi.KindGuard:
		var a abi.Access
		err := a.Decode(q.Detail)
		o.text("topic", a.Topic)
		o.text("action", a.Action)
		o.optional("strategy", a.Strategy)
		return err
	case abi.KindAuthenticate:
		var h abi.Handshake
		err := h.Decode(q.Detail)
		o.handshake(&h)
		return err
	case abi.KindDisconnect:
		var d abi.Departure
		err := d.Decode(q.Detail)
		o.number("code", d.Code)
		o.text("reason", d.Reason)
		return err
	case abi.KindJoin, abi.KindLeave:
		var c abi.RoomChange
		err := c.Decode(q.Detail)
		o.text("room", c.Room)
		o.optional("reason", c.Reason)
		return err
	case abi.KindRecordUpdate, abi.KindRecordRemoved:
		var c abi.RecordChange
		err := c.Decode(q.Detail)
		o.text("recordId", c.RecordID)
		o.number("version", c.Version)
		o.text("epoch", c.Epoch)
		o.optional("reason", c.Reason)
		return err
	}
	return nil
}

func (o *object) handshake(h *abi.Handshake) {
	o.text("method", h.Method)
	o.text("path", h.Path)
	o.text("query", h.Query)
	o.key("headers")
	o.dst = append(o.dst, '[')
	for i, s := range h.Headers {
		if i > 0 {
			o.dst = append(o.dst, ',')
		}
		o.dst = protocol.AppendString(o.dst, s)
	}
	o.dst = append(o.dst, ']')
	o.text("remoteAddress", h.RemoteAddress)
}

// statuses are the outcomes by their names.
var statuses = map[string]abi.Status{
	"continue": abi.StatusContinue, "reply": abi.StatusReply, "error": abi.StatusError, "refuse": abi.StatusRefuse,
}

// decodeResponse reads what a handler put out. Nothing at all is an error, so
// that a guard whose output is lost does not let anyone pass.
func decodeResponse(output []byte) (abi.Response, error) {
	var a abi.Response
	if len(output) == 0 {
		return a, errors.New("has put out nothing: an object with a status is needed")
	}
	members, err := membersOf("the output", output, "status", "body", "locals", "error")
	if err != nil {
		return a, err
	}
	name, _ := protocol.Text(members["status"])
	status, known := statuses[name]
	if !known {
		return a, fmt.Errorf("the status is %s, not continue, reply, error or refuse", quoteJSON(members["status"]))
	}
	a = abi.Response{Status: status, Body: members["body"], Locals: members["locals"]}
	failed := status == abi.StatusError || status == abi.StatusRefuse
	switch {
	case failed && a.Body != nil:
		return a, fmt.Errorf("a body means nothing with the status %s", name)
	case !failed && members["error"] != nil:
		return a, fmt.Errorf("an error means nothing with the status %s", name)
	case status == abi.StatusError && members["error"] == nil:
		return a, errors.New("the status is error, and there is none")
	case members["error"] != nil:
		a.Body, err = decodeError(members["error"])
	}
	return a, err
}

// decodeError reads an error and returns it in the flat codec.
func decodeError(text []byte) ([]byte, error) {
	members, err := membersOf("the error", text, "code", "name", "message", "data", "http")
	if err != nil {
		return nil, err
	}
	e := abi.Error{Data: members["data"]}
	for name, to := range map[string]*string{"code": &e.Code, "name": &e.Name, "message": &e.Message} {
		value, there := members[name]
		if !there {
			continue
		}
		var ok bool
		if *to, ok = protocol.Text(value); !ok {
			return nil, fmt.Errorf("the error's %s is no string", name)
		}
	}
	if value, there := members["http"]; there {
		if e.HTTP, err = strconv.ParseInt(string(value), 10, 32); err != nil {
			return nil, errors.New("the error's http is no whole number")
		}
	}
	return e.Append(nil), nil
}

// membersOf returns the members of an object that has none but those named,
// each at most once. What stands in them may nest as deep as elsewhere.
func membersOf(what string, text []byte, names ...string) (map[string][]byte, error) {
	if !protocol.IsObject(text) || !protocol.ValidWithin(text, -1) {
		return nil, fmt.Errorf("%s is not a JSON object in UTF-8", what)
	}
	members := make(map[string][]byte, len(names))
	var problem error
	protocol.EachMemberWithin(text, -1, func(key, value []byte) bool {
		name := string(key)
		known := false
		for _, n := range names {
			known = known || n == name
		}
		switch _, twice := members[name]; {
		case !known:
			problem = fmt.Errorf("%s has an unknown member %s", what, strconv.Quote(protocol.CutText(name, maxNamed)))
		case twice:
			problem = fmt.Errorf("%s has its %s twice", what, name)
		}
		members[name] = value
		return problem == nil
	})
	return members, problem
}

func quoteJSON(value []byte) string {
	if value == nil {
		return "missing"
	}
	return protocol.CutText(string(value), maxNamed)
}
