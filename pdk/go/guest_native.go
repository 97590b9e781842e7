//go:build !wasm

package mesh

import (
	"unsafe"

	"github.com/mesh-host/mesh-host/pdk/go/internal/env"
)

func init() {
	env.NewGuest = func(setup any) env.Guest {
		fn, _ := setup.(func(*Plugin) error)
		return &guest{setup: fn}
	}
}

// guest lets meshtest call a plugin by its exports.
type guest struct {
	plugin Plugin
	setup  func(*Plugin) error
}

func (g *guest) Register() []byte { return g.plugin.register(g.setup) }

// Call hands the plugin a copy of the request and gives back a copy of the
// response. Then it fills the plugin's copy with rubbish, so that a plugin that
// keeps what is valid only until its handler returns fails its tests.
func (g *guest) Call(handler uint32, request []byte) []byte {
	memory := append(make([]byte, 0, len(request)+slack), request...)[:len(request)+slack]
	response := g.plugin.call(handler, unsafe.Pointer(&memory[0]), uint32(len(request)))
	response = append([]byte(nil), response...)
	for i := range memory {
		memory[i] = 0xAA
	}
	for i := range g.plugin.memory.chunks {
		for j := range g.plugin.memory.chunks[i].data {
			g.plugin.memory.chunks[i].data[j] = 0xAA
		}
	}
	return response
}
