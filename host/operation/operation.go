// Package operation is the table of what plugins and operators can ask of the
// server. An operation is described once, in abi/operations.json, and given
// its meaning once, with Define; every door (the native host calls, the admin
// API) serves the same table.
package operation

import (
	"context"
	"fmt"
	"reflect"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// Caller is who asks.
type Caller struct {
	// Plugin is the name of the calling plugin, "" for another door.
	Plugin string
}

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
	t[name] = Operation{
		Operation: o,
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
			if err := requests.decode(request, reflect.ValueOf(&q).Elem()); err != nil {
				return nil, protocol.NewError(abi.CodePayload, err.Error())
			}
			a, err := serve(ctx, caller, &q)
			if err != nil {
				return nil, err
			}
			return responses.encode(nil, reflect.ValueOf(a)), nil
		},
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
