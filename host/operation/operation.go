// Package operation is the table of what plugins and operators can ask of the
// server. An operation is described once, in abi/operations.json, and given
// its meaning once, with Define; every door (the native host calls, the admin
// API) serves the same table.
package operation

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"strconv"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/capability"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// Caller is who asks.
type Caller struct {
	// Plugin is the name of the calling plugin, "" for another door.
	Plugin string
	// Version is the short hash of the plugin's content, for the log.
	Version string
	// Call is the call into the plugin that asks, 0 where none is known.
	Call CallID
	// Origins are where the plugin may send HTTP requests to; nil: nowhere.
	Origins *capability.Origins
}

// CallID names one call into a plugin; it is unique on its node until that
// restarts. It costs nothing until it is written.
type CallID struct {
	// Pool tells the versions of plugins from each other, Number the calls of
	// one, each from 1.
	Pool, Number uint64
}

// String returns the id as logs have it, such as "3-1f"; "" for the zero id.
func (c CallID) String() string {
	if c == (CallID{}) {
		return ""
	}
	text := strconv.AppendUint(make([]byte, 0, 24), c.Pool, 36)
	return string(strconv.AppendUint(append(text, '-'), c.Number, 36))
}

// LogValue implements slog.LogValuer.
func (c CallID) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Operation is one entry of a Table. Its functions are safe for concurrent
// use; an error that is a *protocol.Error may be shown to the caller.
type Operation struct {
	abi.Operation
	// Flat serves a request in the flat codec and adds the response, in the
	// same codec, to dst. It keeps no part of request.
	Flat func(ctx context.Context, caller Caller, request, dst []byte) ([]byte, error)
	// JSON serves a request that is a JSON object and answers with one. It is
	// strict: a member that is unknown, missing, there twice or of another type
	// than abi.Operation says is EPAYLOAD with the member's name.
	JSON func(ctx context.Context, caller Caller, request []byte) ([]byte, error)
	// ToFlat returns a JSON request in the flat codec, or JSON's error, and
	// ToJSON a response of Flat as JSON: for a door that takes JSON and looks at
	// requests before they are served.
	ToFlat, ToJSON func(message []byte) ([]byte, error)
}

// Table is a set of operations by name, immutable once it is served.
type Table map[string]Operation

// message is what the generated requests and responses can do.
type message[T any] interface {
	*T
	Append(dst []byte) []byte
	Decode(message []byte) error
}

// Define gives an operation of abi.Operations its meaning. It panics where the
// name is unknown or defined already: a mistake in the program, found at its
// start.
func Define[Q, A any, PQ message[Q], PA message[A]](t Table, name string, serve func(ctx context.Context, caller Caller, request *Q) (A, error)) {
	if _, ok := t[name]; ok {
		panic("operation: " + name + " is defined twice")
	}
	o := describe(name)
	requests := newObject(name, reflect.TypeFor[Q](), o.Request)
	responses := newObject(name, reflect.TypeFor[A](), o.Response)
	fromJSON := func(request []byte, q *Q) error {
		if err := requests.decode(request, reflect.ValueOf(q).Elem()); err != nil {
			return protocol.NewError(abi.CodePayload, err.Error())
		}
		return nil
	}
	t[name] = Operation{
		Operation: o,
		ToFlat: func(request []byte) ([]byte, error) {
			var q Q
			if err := fromJSON(request, &q); err != nil {
				return nil, err
			}
			return PQ(&q).Append(nil), nil
		},
		ToJSON: func(response []byte) ([]byte, error) {
			var a A
			if err := PA(&a).Decode(response); err != nil {
				return nil, fmt.Errorf("operation: the response of %s: %w", name, err)
			}
			return responses.encode(nil, reflect.ValueOf(a)), nil
		},
		Flat: func(ctx context.Context, caller Caller, request, dst []byte) ([]byte, error) {
			var q Q
			if err := PQ(&q).Decode(request); err != nil {
				return dst, badRequest(name, err)
			}
			a, err := serve(ctx, caller, &q)
			if err != nil {
				return dst, err
			}
			return PA(&a).Append(dst), nil
		},
		JSON: func(ctx context.Context, caller Caller, request []byte) ([]byte, error) {
			var q Q
			if err := fromJSON(request, &q); err != nil {
				return nil, err
			}
			a, err := serve(ctx, caller, &q)
			if err != nil {
				return nil, err
			}
			return responses.encode(nil, reflect.ValueOf(a)), nil
		},
	}
}

// Refuse has an operation of abi.Operations answer every request with an error,
// of a host that has no part that it needs. It panics as Define does.
func Refuse(t Table, name string, err *protocol.Error) {
	if _, ok := t[name]; ok {
		panic("operation: " + name + " is defined twice")
	}
	nothing := func([]byte) ([]byte, error) { return nil, nil }
	t[name] = Operation{
		Operation: describe(name),
		Flat:      func(_ context.Context, _ Caller, _, dst []byte) ([]byte, error) { return dst, err },
		JSON:      func(context.Context, Caller, []byte) ([]byte, error) { return nil, err },
		ToFlat:    nothing,
		ToJSON:    nothing,
	}
}

func describe(name string) abi.Operation {
	for _, o := range abi.Operations {
		if o.Name == name {
			return o
		}
	}
	panic(fmt.Sprintf("operation: %s is not in abi/operations.json", name))
}
