package extism

import (
	"context"
	"fmt"
	"strings"

	sdk "github.com/extism/go-sdk"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/capability"
	"github.com/mesh-host/mesh-host/host/operation"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// ImportName is what an operation's function in UserModule is called: kits import functions
// by identifiers, which have no dots.
func ImportName(operation string) string { return strings.ReplaceAll(operation, ".", "_") }

// hostCalls makes a function for each operation that plugins may call: the
// offset of a request in, that of a response out.
func (r *Runtime) hostCalls() []sdk.HostFunction {
	var functions []sdk.HostFunction
	for name, o := range r.Operations {
		if o.Door == abi.DoorOperator {
			continue
		}
		index := capability.IndexOf(name)
		functions = append(functions, sdk.NewHostFunctionWithStack(ImportName(name),
			func(ctx context.Context, p *sdk.CurrentPlugin, stack []uint64) {
				i := current(ctx, p)
				request := i.readRequest(stack[0])
				known := r.Pools.BeginHostCall(&i.Slot)
				response := r.serve(i, o, index, request)
				r.Pools.EndHostCall(&i.Slot, known)
				stack[0] = i.answer(response)
			}, []sdk.ValueType{i64}, []sdk.ValueType{i64}))
	}
	return functions
}

// readRequest reads the JSON at an offset; 0 stands for a request without
// members.
func (i *instance) readRequest(offset uint64) []byte {
	if offset == 0 {
		return []byte("{}")
	}
	return i.read(offset)
}

// serve runs an operation, by its place in abi.Operations, as for a native
// plugin. The answer is {"result": …} or {"error": {…}}.
func (r *Runtime) serve(i *instance, o operation.Operation, index int, request []byte) []byte {
	result, err := i.ask(o, index, request)
	if err != nil {
		return appendError(nil, r.Pools.Visible(&i.Slot, o.Name, err))
	}
	return append(append([]byte(`{"result":`), result...), '}')
}

// ask holds a request against what the plugin may ask for and runs it. One that
// is malformed counts as well.
func (i *instance) ask(o operation.Operation, index int, request []byte) ([]byte, error) {
	flat, malformed := o.ToFlat(request)
	if o.Capability != "" {
		if err := i.Admit(i, index, flat); err != nil {
			return nil, err
		}
	}
	if malformed != nil {
		return nil, malformed
	}
	response, err := o.Flat(i, i.Caller(), flat, nil)
	if err != nil {
		return nil, err
	}
	return o.ToJSON(response)
}

func appendError(dst []byte, e *protocol.Error) []byte {
	dst = protocol.AppendString(append(dst, `{"error":{"code":`...), e.Code)
	dst = protocol.AppendString(append(dst, `,"name":`...), e.Name)
	dst = protocol.AppendString(append(dst, `,"message":`...), e.Message)
	if e.Data != nil {
		dst = append(append(dst, `,"data":`...), e.Data...)
	}
	return append(dst, "}}"...)
}

// answer hands a response to the guest, or the error that it has no room for
// it; one that has no room for that either traps.
func (i *instance) answer(response []byte) uint64 {
	if offset := i.write(response); offset != 0 {
		return offset
	}
	offset := i.write(appendError(nil, protocol.NewError(abi.CodeLimit,
		fmt.Sprintf("The plugin has no memory for a response of %d bytes", len(response)))))
	if offset == 0 {
		panic(errMemory)
	}
	return offset
}
