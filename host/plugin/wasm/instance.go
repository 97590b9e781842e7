package wasm

import (
	"context"
	"errors"
	"fmt"
	"math/bits"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/plugin/guest"
	"github.com/mesh-host/mesh-host/host/plugin/wasm/meter"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// instance is one instantiation of a module, used by one caller at a time.
type instance struct {
	Slot
	plugin *Plugin
	memory *linear
	module api.Module
	alloc  api.Function
	call   api.Function
	stack  [3]uint64

	// The input buffer: mesh_alloc is asked again only for a larger one.
	buffer, capacity uint32
	// result of the last host call, until the guest takes it.
	result []byte
	// healthy tells a call that failed by the guest's own decision from one
	// after which the instance is not to be trusted.
	healthy bool
}

// newInstance makes an instance that is not started, for a pool.
func newInstance() *Slot {
	i := new(instance)
	return i.Hold(i)
}

var _ Instance = (*instance)(nil)

func (i *instance) started() bool { return i.module != nil }

// instantiate runs the module's start function and _initialize (WASI
// reactors).
func (i *instance) instantiate(p *Plugin) (err error) {
	i.plugin = p
	r := p.module.runtime
	if i.memory, err = newLinear(p.memory, p.module.minimum, &r.memories, &p.used); err != nil {
		return err
	}
	ctx := experimental.WithMemoryAllocator(i, i.memory)
	module, err := r.wazero.InstantiateModule(ctx, p.module.compiled, r.GuestConfig(&i.Slot))
	if err != nil {
		return err
	}
	if i.memory.bytes == nil { // exited with code 0, which wazero takes for success
		return errExited
	}
	i.module = module
	i.tank.gauge, _ = module.ExportedGlobal(meter.Fuel).(api.MutableGlobal)
	i.alloc = module.ExportedFunction(abi.ExportAlloc)
	i.call = module.ExportedFunction(abi.ExportCall)
	return nil
}

var errExited = errors.New("the guest has exited")

// register returns the registration document, in the guest's memory.
func (i *instance) register() ([]byte, error) {
	f := i.module.ExportedFunction(abi.ExportRegister) // once per instance: not kept
	if err := f.CallWithStack(i, i.stack[:]); err != nil {
		return nil, err
	}
	return i.output(guest.MaxDocument)
}

// output is the memory that a function returned the location of.
func (i *instance) output(limit int) ([]byte, error) {
	ptr, length := abi.Unpack(i.stack[0])
	if uint64(length) > uint64(limit) {
		return nil, fmt.Errorf("returned %d bytes, over the limit of %d", length, limit)
	}
	b, ok := i.memory.slice(ptr, length)
	if !ok {
		return nil, fmt.Errorf("returned %d bytes at %d, outside its memory of %d", length, ptr, len(i.memory.bytes))
	}
	return b, nil
}

// serve runs one call.
func (i *instance) serve(number uint32, request *abi.Request, to guest.Receiver) error {
	i.healthy, i.result = false, i.result[:0]
	size, err := i.write(request)
	if err != nil {
		return i.explain(err)
	}
	i.stack = [3]uint64{uint64(number), uint64(i.buffer), uint64(size)}
	if err := i.call.CallWithStack(i, i.stack[:]); err != nil {
		return i.explain(fmt.Errorf("%s: %w", abi.ExportCall, err))
	}
	if i.expired.Load() { // in a host call, of which it returned at once
		return guest.ErrTimeout
	}
	answer, err := i.output(i.plugin.options.Output)
	if err != nil {
		return &guest.Fault{Cause: fmt.Errorf("%s: %w", abi.ExportCall, err)}
	}
	var response abi.Response
	if err := response.Decode(answer); err != nil {
		return &guest.Fault{Cause: fmt.Errorf("%s: malformed response: %w", abi.ExportCall, err)}
	}
	if err = to.Receive(response); err != nil && errors.Is(err, guest.ErrMalformed) {
		return &guest.Fault{Cause: fmt.Errorf("%s: %w", abi.ExportCall, err)}
	}
	i.healthy = true
	return err
}

// write encodes the request straight into the guest's memory.
func (i *instance) write(request *abi.Request) (size int, err error) {
	size = request.Size()
	if size > int(i.capacity) {
		if err := i.enlarge(size); err != nil {
			return 0, err
		}
	}
	b, ok := i.memory.slice(i.buffer, i.capacity)
	if !ok {
		return 0, fmt.Errorf("%s: its buffer of %d bytes at %d is outside the memory of %d",
			abi.ExportAlloc, i.capacity, i.buffer, len(i.memory.bytes))
	}
	return len(request.Append(b[:0])), nil
}

// The sizes that input buffers are asked for.
const (
	minBuffer   = 1 << 10
	doubleUpTo  = 64 << 10
	maxAllocate = 1<<31 - 1
)

// enlarge asks for a buffer of at least size bytes, and for some more, so that
// requests of slowly growing size do not each ask again.
func (i *instance) enlarge(size int) error {
	switch {
	case size > maxAllocate:
		return fmt.Errorf("a request of %d bytes is too large", size)
	case size <= doubleUpTo:
		size = max(minBuffer, 1<<bits.Len(uint(size-1)))
	default:
		size = min((size+doubleUpTo-1)/doubleUpTo*doubleUpTo, maxAllocate)
	}
	i.buffer, i.capacity = 0, 0
	i.stack[0] = uint64(size)
	if err := i.alloc.CallWithStack(i, i.stack[:1]); err != nil {
		return fmt.Errorf("%s: %w", abi.ExportAlloc, err)
	}
	ptr := uint32(i.stack[0])
	if ptr == 0 {
		return fmt.Errorf("%s(%d) returned 0: out of memory", abi.ExportAlloc, size)
	}
	i.buffer, i.capacity = ptr, uint32(size)
	return nil
}

// maxCause bounds the text of a fault: stack traces hold names that the guest
// chose.
const maxCause = 4 << 10

// explain turns an error of running guest code into the outcome of a call.
func (i *instance) explain(err error) error {
	if i.expired.Load() {
		return fmt.Errorf("%w: %s", guest.ErrTimeout, protocol.CutText(err.Error(), maxCause))
	}
	if errors.Is(err, guest.ErrFuel) {
		return fmt.Errorf("%w: %s", guest.ErrFuel, protocol.CutText(err.Error(), maxCause))
	}
	if text := err.Error(); len(text) > maxCause {
		err = errors.New(protocol.CutText(text, maxCause))
	}
	return &guest.Fault{Cause: err}
}

// Close implements Instance. The module may have been marked as closed already
// without its memory being freed, so both are.
func (i *instance) Close() {
	if i.module != nil {
		_ = i.module.Close(context.Background()) // there is nothing else to close, and nothing that can fail
	}
	if i.memory != nil {
		i.memory.Free()
	}
}
