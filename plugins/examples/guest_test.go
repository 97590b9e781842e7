package examples_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/mesh-host/mesh-host/abi"
)

// memoryPages is the default limit of a plugin, 16 MiB.
const memoryPages = 256

// cache lets the tests share the compiled code of a plugin.
var cache = wazero.NewCompilationCache()

// host is the other end of a guest's host calls. A missing operation fails with
// ENOTFOUND.
type host struct {
	operations map[string]func(arguments []byte) ([]byte, *abi.Error)
	result     []byte
	called     []string
}

// plugin is a compiled module.
type plugin struct {
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	host     *host
}

// compile reads a built plugin. Where enforced, its calls end with their
// context.
func compile(tb testing.TB, file string, enforced bool, h *host) *plugin {
	tb.Helper()
	ctx := context.Background()
	config := wazero.NewRuntimeConfig().WithMemoryLimitPages(memoryPages).WithCloseOnContextDone(enforced).WithCompilationCache(cache)
	p := &plugin{runtime: wazero.NewRuntimeWithConfig(ctx, config), host: h}
	tb.Cleanup(func() { p.runtime.Close(ctx) })
	wasi_snapshot_preview1.MustInstantiate(ctx, p.runtime)
	if err := p.imports(ctx); err != nil {
		tb.Fatal(err)
	}
	wasm, err := os.ReadFile(filepath.Join(built, file))
	if err != nil {
		tb.Fatal(err)
	}
	if p.compiled, err = p.runtime.CompileModule(ctx, wasm); err != nil {
		tb.Fatal(err)
	}
	return p
}

// imports makes the module mesh: a function per operation that plugins may
// call, and take.
func (p *plugin) imports(ctx context.Context) error {
	i32, i64 := api.ValueTypeI32, api.ValueTypeI64
	b := p.runtime.NewHostModuleBuilder(abi.Namespace)
	for _, o := range abi.Operations {
		if o.Door == abi.DoorOperator {
			continue
		}
		call := func(_ context.Context, m api.Module, stack []uint64) {
			arguments, ok := m.Memory().Read(uint32(stack[0]), uint32(stack[1]))
			if !ok {
				panic("arguments outside the memory")
			}
			stack[0] = p.host.call(o.Name, arguments)
		}
		b.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(call), []api.ValueType{i32, i32}, []api.ValueType{i64}).Export(o.Name)
	}
	take := func(_ context.Context, m api.Module, stack []uint64) {
		if !m.Memory().Write(uint32(stack[0]), p.host.result) {
			panic("result outside the memory")
		}
		p.host.result = nil
	}
	b.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(take), []api.ValueType{i32}, nil).Export(abi.ImportTake)
	_, err := b.Instantiate(ctx)
	return err
}

// call answers one host call the way the ABI says.
func (h *host) call(operation string, arguments []byte) uint64 {
	h.called = append(h.called, operation)
	run := h.operations[operation]
	refusal := &abi.Error{Code: abi.CodeNotFound, Name: "CommandError", Message: "no " + operation}
	if run != nil {
		h.result, refusal = run(arguments)
	}
	number := uint32(0)
	if refusal != nil {
		entry, _ := abi.LookupError(refusal.Code)
		number, h.result = max(entry.Number, 1), refusal.Append(nil)
	}
	return uint64(number)<<32 | uint64(len(h.result))
}

// guest is an instance of a plugin.
type guest struct {
	module             api.Module
	alloc, call        api.Function
	stack              [3]uint64
	buffer, capacity   uint32
	document           string
	commands, handlers map[string]uint32
}

func (p *plugin) instantiate(tb testing.TB) *guest {
	tb.Helper()
	ctx := context.Background()
	m, err := p.runtime.InstantiateModule(ctx, p.compiled, wazero.NewModuleConfig().WithName("").
		WithStartFunctions("_initialize").WithSysNanotime().WithSysWalltime())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { m.Close(ctx) })
	g := &guest{module: m, alloc: m.ExportedFunction(abi.ExportAlloc), call: m.ExportedFunction(abi.ExportCall)}
	if _, err := m.ExportedFunction(abi.ExportVersion).Call(ctx); err != nil {
		tb.Fatal(err)
	}
	packed, err := m.ExportedFunction(abi.ExportRegister).Call(ctx)
	if err != nil {
		tb.Fatal(err)
	}
	document, err := g.read(packed[0])
	if err != nil {
		tb.Fatal(err)
	}
	g.document = string(document)
	return g
}

// registration reads the document and notes the handlers by name; hooks go by
// their event.
func (g *guest) registration(tb testing.TB) abi.Registration {
	tb.Helper()
	var r abi.Registration
	if err := json.Unmarshal([]byte(g.document), &r); err != nil {
		tb.Fatalf("%v in %s", err, g.document)
	}
	g.commands, g.handlers = map[string]uint32{}, map[string]uint32{}
	for _, c := range r.Commands {
		g.commands[c.Name] = c.Handler
	}
	for _, m := range r.Middleware {
		g.handlers[m.Name] = m.Handler
	}
	for _, m := range r.Guards {
		g.handlers[m.Name] = m.Handler
	}
	for _, h := range r.Hooks {
		g.handlers[h.Event] = h.Handler
	}
	return r
}

func (g *guest) read(packed uint64) ([]byte, error) {
	ptr, length := abi.Unpack(packed)
	b, ok := g.module.Memory().Read(ptr, length)
	if !ok {
		return nil, fmt.Errorf("%d bytes at %d are outside the memory", length, ptr)
	}
	return b, nil
}

// send calls a handler; what the response points to is gone with the next call.
func (g *guest) send(ctx context.Context, handler uint32, r *abi.Request) (abi.Response, error) {
	var response abi.Response
	if size := uint32(r.Size()); size > g.capacity {
		g.stack[0] = uint64(size)
		if err := g.alloc.CallWithStack(ctx, g.stack[:]); err != nil {
			return response, err
		}
		g.buffer, g.capacity = uint32(g.stack[0]), size
	}
	memory, ok := g.module.Memory().Read(g.buffer, g.capacity)
	if !ok {
		return response, fmt.Errorf("mesh_alloc returned %d", g.buffer)
	}
	g.stack = [3]uint64{uint64(handler), uint64(g.buffer), uint64(len(r.Append(memory[:0])))}
	if err := g.call.CallWithStack(ctx, g.stack[:]); err != nil {
		return response, err
	}
	encoded, err := g.read(g.stack[0])
	if err != nil {
		return response, err
	}
	return response, response.Decode(encoded)
}

// outcome is the body of a response, or the error's code and message.
func outcome(t *testing.T, r abi.Response) string {
	t.Helper()
	switch r.Status {
	case abi.StatusContinue, abi.StatusReply:
		return string(r.Body)
	}
	var e abi.Error
	if err := e.Decode(r.Body); err != nil {
		t.Fatal(err)
	}
	return e.Code + ": " + e.Message
}

// needs returns the operations that the module imports, sorted.
func (p *plugin) needs() []string {
	operations := map[string]bool{}
	for _, f := range p.compiled.ImportedFunctions() {
		if module, name, _ := f.Import(); module == abi.Namespace {
			operations[name] = true
		}
	}
	return slices.Sorted(maps.Keys(operations))
}
