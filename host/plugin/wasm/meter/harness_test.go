package meter_test

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/mesh-host/mesh-host/host/plugin/wasm/meter"
)

var (
	errOutOfFuel = errors.New("out of fuel")
	errTooDeep   = errors.New("calls nest too deep")
)

// host is what a metered guest sees of its host: it gives fuel by the slice.
type host struct {
	slice  int64
	budget int64 // what is given in all; 0 is without end
	spent  int64
	ticks  int
	lowest int64 // the least fuel that was seen

	last    time.Time // of the tick before
	longest time.Duration
}

func (h *host) tick(fuel int64) int64 {
	h.ticks++
	h.spent += h.slice - fuel
	h.lowest = min(h.lowest, fuel)
	now := time.Now()
	h.longest, h.last = max(h.longest, now.Sub(h.last)), now
	if h.budget > 0 && h.spent > h.budget {
		panic(errOutOfFuel)
	}
	return h.slice
}

// engine is a runtime, and how modules get into it.
type engine struct {
	wazero.Runtime
	host    *host // nil where modules run unmetered
	options meter.Options
}

// numbered is where wazero names a function by its index, which moves, or by any one
// of its exports.
var numbered = regexp.MustCompile(`(?s)^start function.* failed: `)

var seed = maphash.MakeSeed()

func newRuntime(tb testing.TB, ensureTermination bool) wazero.Runtime {
	tb.Helper()
	r := wazero.NewRuntimeWithConfig(tb.Context(), wazero.NewRuntimeConfig().
		WithCoreFeatures(api.CoreFeaturesV2).WithCloseOnContextDone(ensureTermination))
	tb.Cleanup(func() {
		if err := r.Close(context.Background()); err != nil {
			tb.Error(err)
		}
	})
	return r
}

func unmetered(tb testing.TB) *engine {
	tb.Helper()
	return &engine{Runtime: newRuntime(tb, false)}
}

func metered(tb testing.TB, slice int64) *engine {
	tb.Helper()
	e := &engine{Runtime: newRuntime(tb, false), host: &host{slice: slice, last: time.Now()}}
	_, err := e.NewHostModuleBuilder(meter.Module).
		NewFunctionBuilder().WithGoFunction(api.GoFunc(func(_ context.Context, stack []uint64) {
		stack[0] = uint64(e.host.tick(int64(stack[0])))
	}), []api.ValueType{api.ValueTypeI64}, []api.ValueType{api.ValueTypeI64}).Export(meter.Tick).
		NewFunctionBuilder().WithFunc(func() { panic(errTooDeep) }).Export(meter.TooDeep).
		Instantiate(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

func (e *engine) compile(ctx context.Context, module []byte) (wazero.CompiledModule, error) {
	if e.host != nil {
		var err error
		if module, err = meter.Instrument(module, e.options); err != nil {
			return nil, err
		}
	}
	return e.CompileModule(ctx, module)
}

func (e *engine) instantiate(ctx context.Context, module []byte, name string) (api.Module, error) {
	compiled, err := e.compile(ctx, module)
	if err != nil {
		return nil, err
	}
	return e.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName(name).WithStartFunctions())
}

// outcome says in words how a call ended, the same for both forms.
func outcome(results []uint64, types []api.ValueType, err error) string {
	switch {
	case err == nil:
		var b strings.Builder
		for i, at := 0, 0; i < len(types); i++ {
			switch types[i] {
			case 0x70: // a function reference differs from engine to engine
				fmt.Fprintf(&b, "function:%t ", results[at] != 0)
			case 0x7B:
				fmt.Fprintf(&b, "%#x:%#x ", results[at], results[at+1])
				at++
			default:
				fmt.Fprintf(&b, "%#x ", results[at])
			}
			at++
		}
		return b.String()
	case errors.Is(err, errTooDeep), strings.Contains(err.Error(), "stack overflow"):
		return "too deep"
	}
	cause, _, _ := strings.Cut(err.Error(), "\n")
	return numbered.ReplaceAllString(cause, "start function failed: ")
}

// state is what can be seen of an instance's memory from outside.
func state(m api.Module) string {
	for name := range m.ExportedMemoryDefinitions() {
		memory := m.ExportedMemory(name)
		all, _ := memory.Read(0, memory.Size())
		return fmt.Sprintf("memory %d bytes, hash %x", memory.Size(), maphash.Bytes(seed, all))
	}
	return ""
}

// reset undoes what a trap leaves behind, for instances that are used on.
func reset(m api.Module, depth int32) {
	if m == nil {
		return
	}
	if g, ok := m.ExportedGlobal(meter.Depth).(api.MutableGlobal); ok {
		g.Set(api.EncodeI32(depth))
	}
}
