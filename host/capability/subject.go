package capability

import (
	"slices"
	"strings"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// subject finds the names that a request is about.
type subject struct {
	kind   kind
	field  int    // its place in the request
	member string // of the objects of a list
}

type kind int

const (
	nameless kind = iota
	oneName
	manyNames
	members
)

func subjectOf(o *abi.Operation) subject {
	name, member, inside := strings.Cut(o.Subject, "[].")
	i := slices.IndexFunc(o.Request, func(f abi.Field) bool { return f.Name == name })
	switch {
	case o.Subject == "" || i < 0:
		return subject{kind: nameless}
	case inside:
		return subject{kind: members, field: i, member: member}
	case o.Request[i].Type == "strings":
		return subject{kind: manyNames, field: i}
	}
	return subject{kind: oneName, field: i}
}

// each calls fn with every name of a request and returns the first that it
// says no to, or its error. What is malformed is a no: it names nothing.
func (s subject) each(request []byte, fn func(name []byte) (bool, error)) (name []byte, ok bool, err error) {
	value, wellFormed := s.value(request)
	switch {
	case !wellFormed:
		return nil, false, nil
	case s.kind == oneName:
		ok, err = fn(value)
		return value, ok, err
	case s.kind == manyNames:
		return eachOf(value, fn)
	}
	return s.eachMember(value, fn)
}

// value returns the field with the names, and whether there could be one.
func (s subject) value(request []byte) ([]byte, bool) {
	fields := abi.Decode(request)
	for range s.field {
		fields.Bytes()
	}
	value := fields.Bytes()
	return value, fields.Err() == nil
}

// eachOf reads a field of type strings.
func eachOf(list []byte, fn func(name []byte) (bool, error)) (name []byte, ok bool, err error) {
	if len(list) < 4 {
		return nil, list == nil, nil
	}
	items := abi.Decode(list[4:])
	for !items.Done() {
		name = items.Bytes()
		if name == nil { // absent, or malformed
			return nil, false, nil
		}
		if ok, err = fn(name); !ok || err != nil {
			return name, false, err
		}
	}
	return nil, true, nil
}

// eachMember reads a JSON list of objects. Each must have the member, and all
// that are written like it count, since readers differ in which one they take.
func (s subject) eachMember(list []byte, fn func(name []byte) (bool, error)) (name []byte, ok bool, err error) {
	if !protocol.Valid(list) || !protocol.IsArray(list) {
		return nil, false, nil
	}
	ok = true
	protocol.EachElement(list, func(element []byte) bool {
		found := false
		protocol.EachMember(element, func(key, value []byte) bool {
			if !strings.EqualFold(string(key), s.member) {
				return true
			}
			text, isText := protocol.Text(value)
			found, name = true, []byte(text)
			if ok = isText; ok {
				ok, err = fn(name)
			}
			return ok && err == nil
		})
		ok = ok && found
		return ok && err == nil
	})
	return name, ok, err
}
