package extism

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	sdk "github.com/extism/go-sdk"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/capability"
	"github.com/mesh-host/mesh-host/host/plugin/guest"
	"github.com/mesh-host/mesh-host/host/plugin/wasm"
)

// Plugin is a started module.
type Plugin struct {
	module   *Module
	compiled *sdk.CompiledPlugin
	options  guest.Options
	memory   uint64 // limit of an instance, in bytes
	settings map[string]string
	calls    wasm.Pool
	used     atomic.Int64 // bytes of its instances' memory

	registered []byte // what the first instance registered
	document   []byte // the same, with numbers for handlers
	functions  []string
}

var (
	_ guest.Plugin  = (*Plugin)(nil)
	_ guest.Handler = (*handler)(nil)
)

// Start instantiates the module once, asks it for its registration document
// and keeps that instance as the first of the plugin's pool.
func (m *Module) Start(o guest.Options) (guest.Plugin, error) {
	limit := uint64(o.Memory) / pageSize * pageSize
	if least := m.minimum + kernelMinimum; least > limit {
		return nil, fmt.Errorf("needs at least %d bytes of memory, Extism's kernel included, over its limit of %d", least, limit)
	}
	p := &Plugin{module: m, options: o, memory: limit, settings: settings(m.runtime.Settings(o.Name))}
	manifest := sdk.Manifest{
		Wasm: []sdk.Wasm{sdk.WasmData{Data: m.binary}},
		// Nothing is allowed: no hosts, no paths. The time is the pool's.
		Memory: &sdk.ManifestMemory{MaxPages: uint32(limit / pageSize), MaxHttpResponseBytes: 0, MaxVarBytes: 0},
	}
	var err error
	p.compiled, err = sdk.NewCompiledPlugin(context.Background(), manifest,
		sdk.PluginConfig{RuntimeConfig: m.config(), EnableWasi: true}, m.runtime.functions)
	if err != nil {
		return nil, brief(err)
	}
	p.calls = m.runtime.Pools.NewPool(o, newInstance)
	if err := p.probe(); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// Document implements guest.Plugin.
func (p *Plugin) Document() []byte { return p.document }

// Handler implements guest.Plugin.
func (p *Plugin) Handler(number uint32) guest.Handler {
	return &handler{plugin: p, function: p.functions[number]}
}

// Imports implements guest.Plugin.
func (p *Plugin) Imports() []string { return p.module.Imports() }

// Narrow implements guest.Plugin.
func (p *Plugin) Narrow(access *capability.Access) { p.calls.Narrow(access) }

// Memory implements guest.Plugin: the kernels' counts as well.
func (p *Plugin) Memory() int64 { return p.used.Load() }

// Instances implements guest.Plugin.
func (p *Plugin) Instances() (all, running int) { return p.calls.Size() }

// Close implements guest.Plugin.
func (p *Plugin) Close() {
	p.calls.Close()
	_ = p.compiled.Close(context.Background()) // nothing is left in it that could fail
}

// handler is one function of a plugin and its place in the pool.
type handler struct {
	lane     wasm.Lane
	plugin   *Plugin
	function string
}

// Call implements guest.Handler.
func (h *handler) Call(ctx context.Context, request abi.Request, to guest.Receiver) error {
	p := h.plugin
	slot, err := p.calls.Acquire(ctx, &h.lane, to)
	if err != nil {
		return err
	}
	healthy := false
	defer func() { p.calls.Release(slot, healthy) }() // also where to panics
	i := slot.Instance().(*instance)
	if i.guest == nil {
		if err := p.start(i); err != nil {
			return p.calls.Failed(slot, err)
		}
	}
	i.Carry(ctx)
	healthy, err = i.serve(h.function, &request, to)
	if err != nil {
		return p.calls.Failed(slot, err)
	}
	return nil
}

// probe starts the first instance and keeps what it registers.
func (p *Plugin) probe() error {
	slot, err := p.calls.Acquire(context.Background(), new(wasm.Lane), silent{})
	if err != nil {
		return err
	}
	err = p.start(slot.Instance().(*instance))
	p.calls.Release(slot, err == nil)
	return err
}

// start brings a new instance to life. It runs guest code, under the deadline,
// and gives the call that follows a deadline of its own.
func (p *Plugin) start(i *instance) error {
	if err := i.instantiate(p); err != nil {
		return i.explain(fmt.Errorf("start: %w", err))
	}
	document, err := i.call(registerFunction, nil, guest.MaxDocument)
	if err != nil {
		return i.explain(err)
	}
	if p.registered == nil { // the probe: no one else knows the plugin yet
		if p.document, p.functions, err = translate(document, p.module.handlers); err != nil {
			return err
		}
		p.registered = document
	} else if !bytes.Equal(document, p.registered) {
		return &guest.Fault{Cause: errors.New("registers something else than its first instance did")}
	}
	p.calls.Restart(&i.Slot)
	return nil
}

// silent receives nothing.
type silent struct{}

func (silent) Receive(abi.Response) error { return nil }
func (silent) Yield()                     {}
