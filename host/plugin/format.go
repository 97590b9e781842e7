package plugin

import (
	"context"

	"github.com/mesh-host/mesh-host/host/plugin/extism"
	"github.com/mesh-host/mesh-host/host/plugin/guest"
	"github.com/mesh-host/mesh-host/host/plugin/wasm"
)

// The formats of plugins, as Status tells them.
const (
	// FormatNative is that of abi/ABI.md.
	FormatNative = "native"
	// FormatExtism is that of abi/EXTISM.md.
	FormatExtism = "extism"
)

// module is the compiled content of a file, in either format.
type module interface {
	// Start instantiates it and asks it for its registration document.
	Start(o guest.Options) (guest.Plugin, error)
	// Close frees it. What it has started must have been closed.
	Close() error
}

var (
	_ module = (*extism.Module)(nil)
	_ module = native{}
)

// native is a module of a native plugin.
type native struct{ *wasm.Module }

// Start implements module.
func (n native) Start(o guest.Options) (guest.Plugin, error) {
	p, err := n.Module.Start(o)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// compile has the runtime of a content's format compile it.
func (m *Manager) compile(ctx context.Context, content []byte, depth int) (module, string, error) {
	if extism.Detect(content) {
		code, err := m.extism.Compile(ctx, content, depth)
		if err != nil {
			return nil, "", err
		}
		return code, FormatExtism, nil
	}
	code, err := m.runtime.Compile(ctx, content, depth)
	if err != nil {
		return nil, "", err
	}
	return native{code}, FormatNative, nil
}
