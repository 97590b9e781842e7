package wasm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/capability"
	"github.com/mesh-host/mesh-host/host/plugin/guest"
)

// Plugin is a started module.
type Plugin struct {
	module   *Module
	options  guest.Options
	memory   uint64 // limit of an instance, in bytes
	calls    Pool
	document []byte
	used     atomic.Int64 // bytes of its instances' memory
}

var (
	_ guest.Plugin  = (*Plugin)(nil)
	_ guest.Handler = (*handler)(nil)
)

// Document implements guest.Plugin.
func (p *Plugin) Document() []byte { return p.document }

// Handler implements guest.Plugin.
func (p *Plugin) Handler(number uint32) guest.Handler {
	return &handler{plugin: p, number: number}
}

// Imports implements guest.Plugin.
func (p *Plugin) Imports() []string { return p.module.Imports() }

// Narrow implements guest.Plugin.
func (p *Plugin) Narrow(access *capability.Access) { p.calls.Narrow(access) }

// Memory implements guest.Plugin.
func (p *Plugin) Memory() int64 { return p.used.Load() }

// Instances implements guest.Plugin.
func (p *Plugin) Instances() (all, running int) { return p.calls.Size() }

// Close implements guest.Plugin.
func (p *Plugin) Close() { p.calls.Close() }

// handler is one function of a plugin and its place in the pool.
type handler struct {
	Lane
	plugin *Plugin
	number uint32
}

// Call implements guest.Handler.
func (h *handler) Call(ctx context.Context, request abi.Request, to guest.Receiver) error {
	p := h.plugin
	slot, err := p.calls.Acquire(ctx, &h.Lane, to)
	if err != nil {
		return err
	}
	healthy := false
	defer func() { p.calls.Release(slot, healthy) }() // also where to panics
	i := slot.guest.(*instance)
	if !i.started() {
		if err := p.start(i); err != nil {
			return p.calls.Failed(slot, err)
		}
	}
	i.Carry(ctx)
	if err = i.serve(h.number, &request, to); err != nil {
		healthy = i.healthy
		return p.calls.Failed(slot, err)
	}
	healthy = true
	return nil
}

// probe starts the first instance and keeps what it registers.
func (p *Plugin) probe() error {
	slot, err := p.calls.Acquire(context.Background(), new(Lane), silent{})
	if err != nil {
		return err
	}
	err = p.start(slot.guest.(*instance))
	p.calls.Release(slot, err == nil)
	return err
}

// start brings a new instance to life. It runs guest code, under the deadline,
// and gives the call that follows a deadline of its own.
func (p *Plugin) start(i *instance) error {
	if err := i.instantiate(p); err != nil {
		return i.explain(fmt.Errorf("start: %w", err))
	}
	document, err := i.register()
	if err != nil {
		return i.explain(fmt.Errorf("%s: %w", abi.ExportRegister, err))
	}
	if p.document == nil { // the probe: no one else knows the plugin yet
		p.document = bytes.Clone(document)
	} else if !bytes.Equal(document, p.document) {
		return &guest.Fault{Cause: errors.New("registers something else than its first instance did")}
	}
	p.calls.Restart(&i.Slot)
	return nil
}

// silent receives nothing.
type silent struct{}

func (silent) Receive(abi.Response) error { return nil }
func (silent) Yield()                     {}
