package extism

import (
	"context"
	"errors"
	"fmt"
	"slices"

	sdk "github.com/extism/go-sdk"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/plugin/wasm"
	"github.com/mesh-host/mesh-host/host/plugin/wasm/meter"
)

// envFunctions are all functions of Extism's environment.
var envFunctions = []string{
	"alloc", "free", "length", "length_unsafe", "load_u8", "load_u64", "store_u8", "store_u64",
	"input_set", "input_length", "input_offset", "input_load_u8", "input_load_u64",
	"output_set", "output_length", "output_offset", "error_set", "error_get", "reset", "memory_bytes",
	"config_get", "var_get", "var_set", "http_request", "http_status_code", "http_headers",
	"get_log_level", "log_trace", "log_debug", "log_info", "log_warn", "log_error",
}

// HasEnv reports whether there is a function of a name in EnvModule.
func HasEnv(name string) bool { return slices.Contains(envFunctions, name) }

// ownModule has those of them that this host does itself. The SDK's would call
// the kernel without a context, where nothing ends it, take a goroutine for
// each byte, log past the plugin's rate, and follow redirects to hosts that no
// one has allowed.
const ownModule = "mesh_extism"

var ownFunctions = []string{
	"load_u8", "load_u64", "store_u8", "store_u64", "input_load_u8", "input_load_u64",
	"config_get", "var_get", "var_set", "http_request", "http_status_code", "http_headers",
	"get_log_level", "log_trace", "log_debug", "log_info", "log_warn", "log_error",
}

const (
	i32 = sdk.ValueTypeI32
	i64 = sdk.ValueTypeI64
)

// own makes a function of ownModule.
func own(name string, params, results []sdk.ValueType, fn func(i *instance, stack []uint64)) sdk.HostFunction {
	f := sdk.NewHostFunctionWithStack(name, func(ctx context.Context, p *sdk.CurrentPlugin, stack []uint64) {
		fn(current(ctx, p), stack)
	}, params, results)
	f.SetNamespace(ownModule)
	return f
}

// ofInput makes a function that loads from an offset in the call's input.
func ofInput(name string, params, results []sdk.ValueType, load func(i *instance, offset uint64) uint64) sdk.HostFunction {
	f := sdk.NewHostFunctionWithStack(name, func(ctx context.Context, p *sdk.CurrentPlugin, stack []uint64) {
		input, _ := ctx.Value(sdk.InputOffsetKey("inputOffset")).(uint64)
		stack[0] = load(current(ctx, p), stack[0]+input)
	}, params, results)
	f.SetNamespace(ownModule)
	return f
}

// errBounds traps a guest that reads or writes outside the kernel's memory.
var errBounds = errors.New("outside Extism's memory")

func must(ok bool) {
	if !ok {
		panic(errBounds)
	}
}

// environment returns the functions of ownModule.
func environment() []sdk.HostFunction {
	one, two := []sdk.ValueType{i64}, []sdk.ValueType{i64, i64}
	small, none := []sdk.ValueType{i32}, []sdk.ValueType{}
	functions := []sdk.HostFunction{
		own("load_u8", one, small, func(i *instance, stack []uint64) { stack[0] = i.loadByte(stack[0]) }),
		own("load_u64", one, one, func(i *instance, stack []uint64) { stack[0] = i.loadWord(stack[0]) }),
		ofInput("input_load_u8", one, small, (*instance).loadByte),
		ofInput("input_load_u64", one, one, (*instance).loadWord),
		own("store_u8", []sdk.ValueType{i64, i32}, none, func(i *instance, stack []uint64) {
			must(stack[0]>>32 == 0 && i.memory.WriteByte(uint32(stack[0]), byte(stack[1])))
		}),
		own("store_u64", two, none, func(i *instance, stack []uint64) {
			must(stack[0]>>32 == 0 && i.memory.WriteUint64Le(uint32(stack[0]), stack[1]))
		}),
		own("config_get", one, one, func(i *instance, stack []uint64) {
			value, ok := i.plugin.settings[string(i.read(stack[0]))]
			stack[0] = i.writeIf([]byte(value), ok)
		}),
		own("var_get", one, one, func(i *instance, stack []uint64) {
			value, ok := i.vars[string(i.take(stack[0]))]
			stack[0] = i.writeIf(value, ok)
		}),
		own("var_set", two, none, func(i *instance, stack []uint64) { i.setVar(stack[0], stack[1]) }),
		own("http_request", two, one, func(*instance, []uint64) {
			panic(fmt.Errorf("extism's http_request is not there for plugins of this host: use the function %s", ImportName(abi.OpHTTPFetch)))
		}),
		own("http_status_code", none, small, func(_ *instance, stack []uint64) { stack[0] = 0 }),
		own("http_headers", none, one, func(_ *instance, stack []uint64) { stack[0] = 0 }),
		own("get_log_level", none, small, func(_ *instance, stack []uint64) {
			stack[0] = uint64(uint32(sdk.LogLevelTrace.ExtismCompat())) // the host decides
		}),
	}
	for name, level := range map[string]string{
		"log_trace": "debug", "log_debug": "debug", "log_info": "info", "log_warn": "warn", "log_error": "error",
	} {
		functions = append(functions, own(name, one, none, func(i *instance, stack []uint64) { i.log(level, stack[0]) }))
	}
	return functions
}

// metering returns the functions of meter.Module.
func (r *Runtime) metering() []sdk.HostFunction {
	tick := sdk.NewHostFunctionWithStack(meter.Tick, func(ctx context.Context, _ *sdk.CurrentPlugin, stack []uint64) {
		i := wasm.InstanceOf(ctx).(*instance)
		stack[0] = uint64(r.Pools.Tick(&i.Slot, int64(stack[0])))
	}, []sdk.ValueType{i64}, []sdk.ValueType{i64})
	tick.SetNamespace(meter.Module)
	deep := sdk.NewHostFunctionWithStack(meter.TooDeep, func(ctx context.Context, _ *sdk.CurrentPlugin, _ []uint64) {
		panic(fmt.Errorf("calls nest deeper than %d", wasm.InstanceOf(ctx).(*instance).plugin.module.depth))
	}, []sdk.ValueType{}, []sdk.ValueType{})
	deep.SetNamespace(meter.Module)
	return []sdk.HostFunction{tick, deep}
}

func (i *instance) loadByte(offset uint64) uint64 {
	b, ok := i.memory.ReadByte(uint32(offset))
	must(ok && offset>>32 == 0)
	return uint64(b)
}

func (i *instance) loadWord(offset uint64) uint64 {
	v, ok := i.memory.ReadUint64Le(uint32(offset))
	must(ok && offset>>32 == 0)
	return v
}

// maxVars bounds Extism's variables of one instance, in bytes, with so much for
// each besides its name and value.
const (
	maxVars    = 1 << 20
	varExpense = 64
)

// setVar serves var_set. Variables live as long as their instance.
func (i *instance) setVar(nameAt, valueAt uint64) {
	name := string(i.take(nameAt))
	if old, ok := i.vars[name]; ok {
		i.varSize -= len(name) + len(old) + varExpense
		delete(i.vars, name)
	}
	if valueAt == 0 {
		return
	}
	value := i.take(valueAt)
	size := len(name) + len(value) + varExpense
	if i.varSize+size > maxVars {
		panic(fmt.Errorf("its variables exceed %d bytes", maxVars))
	}
	i.varSize += size
	i.vars[name] = value
}

// log writes a line to the plugin's log, at its rate, by the operation for it.
func (i *instance) log(level string, offset uint64) {
	line := string(i.take(offset))
	o, ok := i.plugin.module.runtime.Operations[abi.OpLog]
	if !ok {
		return
	}
	request := (&abi.LogRequest{Level: level, Message: line}).Append(nil)
	_, _ = o.Flat(i, i.Caller(), request, nil) // a line that is dropped is counted there
}
