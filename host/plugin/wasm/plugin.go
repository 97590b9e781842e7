package wasm

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/plugin/guest"
)

// Plugin is a started module.
type Plugin struct {
	module   *Module
	options  guest.Options
	memory   uint64 // limit of an instance, in bytes
	calls    *pool
	document []byte
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

// Instances implements guest.Plugin.
func (p *Plugin) Instances() (all, running int) { return p.calls.size() }

// Close implements guest.Plugin.
func (p *Plugin) Close() { p.calls.close() }

// handler is one function of a plugin and its place in the pool.
type handler struct {
	plugin *Plugin
	number uint32

	// Guarded by the pool's lock.
	running int
	waiting queue
}

// Call implements guest.Handler.
func (h *handler) Call(ctx context.Context, request abi.Request, to guest.Receiver) error {
	p := h.plugin
	i, err := p.calls.acquire(ctx, h, to)
	if err != nil {
		return err
	}
	healthy := false
	defer func() { p.calls.release(i, healthy) }() // also where to panics
	if !i.started() {
		if err := p.start(i); err != nil {
			return p.failed(err)
		}
	}
	i.behind = ctx
	err = i.serve(h.number, &request, to)
	i.behind = nil
	if err != nil {
		healthy = i.healthy
		return p.failed(err)
	}
	healthy = true
	return nil
}

// failed counts what became of a call.
func (p *Plugin) failed(err error) error {
	var fault *guest.Fault
	switch {
	case errors.Is(err, guest.ErrTimeout):
		p.options.Counters.Timeouts.Add(1)
	case errors.As(err, &fault):
		p.options.Counters.Faults.Add(1)
	default:
		p.options.Counters.Errors.Add(1)
	}
	return err
}

// probe starts the first instance and keeps what it registers.
func (p *Plugin) probe() error {
	h := &handler{plugin: p}
	i, err := p.calls.acquire(context.Background(), h, silent{})
	if err != nil {
		return err
	}
	err = p.start(i)
	p.calls.release(i, err == nil)
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
	p.calls.restart(i)
	return nil
}

// silent receives nothing.
type silent struct{}

func (silent) Receive(abi.Response) error { return nil }
func (silent) Yield()                     {}
