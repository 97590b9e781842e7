package extism

import (
	"context"
	"errors"
	"fmt"

	sdk "github.com/extism/go-sdk"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/plugin/guest"
	"github.com/mesh-host/mesh-host/host/plugin/wasm"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// instance is one instantiation of a plugin with a kernel of its own, used by
// one caller at a time.
type instance struct {
	wasm.Slot
	plugin *Plugin
	guest  *sdk.Plugin
	room   *room

	// Of the kernel, from the first host call on.
	current *sdk.CurrentPlugin
	memory  api.Memory

	vars    map[string][]byte
	varSize int
	request []byte // kept from call to call
	exited  bool   // the guest has closed its module
}

var _ wasm.Instance = (*instance)(nil)

func newInstance() *wasm.Slot {
	i := &instance{vars: make(map[string][]byte)}
	return i.Hold(i)
}

// unstarted stands for the SDK's plugin while there is none yet: a module's
// start function may call host functions already.
var unstarted = new(sdk.Plugin)

// Value implements context.Context. It looks at guest for the SDK's key only,
// which no goroutine but the guest's asks for.
func (i *instance) Value(key any) any {
	if key == sdk.PluginCtxKey("plugin") && i.guest == nil {
		return unstarted
	}
	return i.Slot.Value(key)
}

var (
	errEarly  = errors.New("calls Extism's functions while it starts, before there is a call")
	errMemory = errors.New("out of memory")
	errExited = errors.New("the guest has exited")
)

// current returns the instance behind a host call.
func current(ctx context.Context, p *sdk.CurrentPlugin) *instance {
	i := wasm.InstanceOf(ctx).(*instance)
	i.Check()
	if i.memory == nil {
		if i.guest == nil {
			panic(errEarly)
		}
		i.current, i.memory = p, p.Memory()
	}
	return i
}

// instantiate makes the guest and its kernel.
func (i *instance) instantiate(p *Plugin) (err error) {
	i.plugin = p
	if i.room, err = newRoom(p.module.runtime.Pools, p.memory, p.module.minimum, &p.used); err != nil {
		return err
	}
	ctx := experimental.WithMemoryAllocator(i, i.room)
	ctx = experimental.WithCloseNotifier(ctx, experimental.CloseNotifyFunc(func(context.Context, uint32) { i.exited = true }))
	config := p.module.runtime.Pools.GuestConfig(&i.Slot)
	made, err := p.compiled.Instance(ctx, sdk.PluginInstanceConfig{ModuleConfig: config})
	switch {
	case err != nil:
		return err
	case i.exited:
		return errors.Join(errExited, made.Close(context.Background()))
	}
	i.guest = made
	return nil
}

// call runs an exported function and returns its output, a copy.
func (i *instance) call(function string, input []byte, limit int) ([]byte, error) {
	if !i.room.fits(len(input)) {
		return nil, fmt.Errorf("%s: an input of %d bytes does not fit into its memory", function, len(input))
	}
	// The SDK resets the kernel without a deadline. What the guest may have left
	// in the kernel's memory is gone by then.
	if _, err := i.guest.SetInputWithContext(i, nil); err != nil {
		return nil, fmt.Errorf("%s: %w", function, err)
	}
	status, output, err := i.guest.CallWithContext(i, function, input)
	switch {
	case i.Expired():
		return nil, guest.ErrTimeout
	case i.exited:
		return nil, fmt.Errorf("%s: %w", function, errExited)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", function, err)
	case status != 0:
		return nil, fmt.Errorf("%s returned %d", function, status)
	case len(output) > limit:
		return nil, fmt.Errorf("%s: an output of %d bytes, over the limit of %d", function, len(output), limit)
	}
	return output, nil
}

// maxKeptRequest bounds the buffer that an instance keeps for requests, in
// bytes.
const maxKeptRequest = 64 << 10

// serve runs one call.
func (i *instance) serve(function string, request *abi.Request, to guest.Receiver) (healthy bool, err error) {
	if i.request, err = appendRequest(i.request[:0], request); err != nil {
		return true, err
	}
	output, err := i.call(function, i.request, i.plugin.options.Output)
	if cap(i.request) > maxKeptRequest {
		i.request = nil
	}
	if err != nil {
		return false, i.explain(err)
	}
	response, err := decodeResponse(output)
	if err != nil {
		return false, &guest.Fault{Cause: fmt.Errorf("%s: %w", function, brief(err))}
	}
	if err = to.Receive(response); err != nil && errors.Is(err, guest.ErrMalformed) {
		return false, &guest.Fault{Cause: fmt.Errorf("%s: %w", function, err)}
	}
	return true, err
}

// explain turns an error of running guest code into the outcome of a call.
func (i *instance) explain(err error) error {
	if i.Expired() {
		return fmt.Errorf("%w: %s", guest.ErrTimeout, protocol.CutText(err.Error(), maxCause))
	}
	if errors.Is(err, guest.ErrFuel) {
		return fmt.Errorf("%w: %s", guest.ErrFuel, protocol.CutText(err.Error(), maxCause))
	}
	return &guest.Fault{Cause: brief(err)}
}

// Close implements wasm.Instance.
func (i *instance) Close() {
	if i.guest != nil {
		_ = i.guest.Close(context.Background()) // nothing that can fail
	}
	if i.room != nil {
		i.room.release()
	}
}

// read copies the block at an offset.
func (i *instance) read(offset uint64) []byte {
	length, err := i.current.LengthWithContext(i, offset)
	if err != nil {
		panic(err)
	}
	if length == 0 && offset != 0 {
		panic(fmt.Errorf("there is no block of Extism's memory at %d", offset))
	}
	view, ok := i.memory.Read(uint32(offset), uint32(length))
	must(ok && length>>32 == 0)
	return append([]byte(nil), view...)
}

// take is read for a block that the host frees, as Extism does.
func (i *instance) take(offset uint64) []byte {
	block := i.read(offset)
	if err := i.current.FreeWithContext(i, offset); err != nil {
		panic(err)
	}
	return block
}

// write returns the offset of a new block with a content, 0 where there is no
// memory for it.
func (i *instance) write(content []byte) uint64 {
	offset, err := i.current.AllocWithContext(i, uint64(len(content)))
	if err != nil {
		panic(err)
	}
	if offset != 0 {
		must(i.memory.Write(uint32(offset), content))
	}
	return offset
}

// writeIf is write for what may be absent, for which Extism says 0.
func (i *instance) writeIf(content []byte, there bool) uint64 {
	if !there || len(content) == 0 {
		return 0
	}
	offset := i.write(content)
	if offset == 0 {
		panic(errMemory)
	}
	return offset
}
