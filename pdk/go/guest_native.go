//go:build !wasm

package mesh

import (
	"unsafe"

	"github.com/mesh-host/mesh-host/pdk/go/internal/codec"
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
// keeps what is valid only until its handler returns fails its tests. In wasm
// the host is trusted with the lengths in a request; here a wrong one panics.
func (g *guest) Call(handler uint32, request []byte) []byte {
	f := codec.Decode(request)
	f.Int()
	for range slack/4 - 1 {
		f.Bytes()
	}
	if err := f.Err(); err != nil {
		panic(err)
	}
	memory := append(make([]byte, 0, len(request)+slack), request...)[:len(request)+slack]
	response := g.plugin.call(handler, unsafe.Pointer(&memory[0]), uint32(len(request)))
	response = append([]byte(nil), response...)
	spoil(memory)
	for i := range g.plugin.memory.chunks {
		spoil(g.plugin.memory.chunks[i].data[:])
	}
	return response
}

func spoil(b []byte) {
	for i := range b {
		b[i] = 0xAA
	}
}
