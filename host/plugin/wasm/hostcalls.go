package wasm

import (
	"context"
	"fmt"

	"github.com/tetratelabs/wazero/api"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/capability"
	"github.com/mesh-host/mesh-host/host/operation"
)

// instantiateOperations makes the host module: a function per operation, and
// take. They work on wazero's stack, since the functions that it makes by
// reflection cost thirty times as much.
func (r *Runtime) instantiateOperations(ctx context.Context, operations operation.Table) (api.Module, error) {
	b := r.wazero.NewHostModuleBuilder(abi.Namespace)
	for name, o := range operations {
		if o.Door == abi.DoorOperator {
			continue
		}
		b.NewFunctionBuilder().
			WithGoModuleFunction(r.operation(o), []api.ValueType{i32, i32}, []api.ValueType{i64}).
			Export(name)
	}
	b.NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(take), []api.ValueType{i32}, nil).
		Export(abi.ImportTake)
	return b.Instantiate(ctx)
}

// caller returns the instance behind a host call. The context is the instance
// itself, but for the start function, which gets it wrapped.
func caller(ctx context.Context) *instance {
	if i, ok := ctx.(*instance); ok {
		return i
	}
	return InstanceOf(ctx).(*instance)
}

// operation serves (ptr, len) → error<<32 | length. A request outside the
// guest's memory traps: such a guest is not to be trusted with an answer.
func (r *Runtime) operation(o operation.Operation) api.GoModuleFunc {
	index := capability.IndexOf(o.Name)
	free := o.Capability == ""
	return func(ctx context.Context, _ api.Module, stack []uint64) {
		i := caller(ctx)
		ptr, length := uint32(stack[0]), uint32(stack[1])
		request, ok := i.memory.slice(ptr, length)
		if !ok {
			panic(fmt.Errorf("%s: request of %d bytes at %d is outside the memory of %d", o.Name, length, ptr, len(i.memory.bytes)))
		}
		known := r.BeginHostCall(&i.Slot)
		i.trimResult()
		result, err := i.result[:0], error(nil)
		if !free {
			err = i.Admit(ctx, index, request)
		}
		if err == nil {
			result, err = o.Flat(ctx, i.Caller(), request, result)
		}
		number := uint32(0)
		if err != nil {
			number, result = r.failure(o.Name, i, err, i.result[:0])
		}
		r.EndHostCall(&i.Slot, known)
		i.result = result
		stack[0] = uint64(number)<<32 | uint64(uint32(len(result)))
	}
}

// maxKeptResult bounds the buffer that an instance keeps for results, in
// bytes.
const maxKeptResult = 64 << 10

func (i *instance) trimResult() {
	if cap(i.result) > maxKeptResult {
		i.result = nil
	}
}

// failure encodes the error of a host call.
func (r *Runtime) failure(operation string, i *instance, err error, dst []byte) (uint32, []byte) {
	e := r.Visible(&i.Slot, operation, err)
	number := uint32(1)
	if entry, ok := abi.LookupError(e.Code); ok {
		number = entry.Number
	}
	return number, (&abi.Error{Code: e.Code, Name: e.Name, Message: e.Message, Data: e.Data}).Append(dst)
}

// take copies the result of the last host call to (ptr) and lets go of it.
func take(ctx context.Context, _ api.Module, stack []uint64) {
	i := caller(ctx)
	ptr := uint32(stack[0])
	dst, ok := i.memory.slice(ptr, uint32(len(i.result)))
	if !ok {
		panic(fmt.Errorf("%s: %d bytes at %d are outside the memory of %d", abi.ImportTake, len(i.result), ptr, len(i.memory.bytes)))
	}
	copy(dst, i.result)
	i.result = i.result[:0]
}
