// Package meter rewrites WebAssembly modules so that what they execute is
// counted and bounded: fuel at function entries and loop heads, and the depth
// of calls. Nothing else about a module changes. It knows all of WebAssembly
// core 2.0 and refuses what it does not know.
package meter

import "fmt"

// What a metered module imports besides what it imported before, and exports.
// A module that has one of these names already is refused.
const (
	// Module is the module of the imports.
	Module = "mesh_meter"
	// Tick is the import (i64) → (i64): called when the fuel has fallen below
	// zero, with what is left, it returns what the guest goes on with, or traps.
	Tick = "tick"
	// TooDeep is the import () → (): called when calls nest deeper than
	// Options.Depth; it must trap.
	TooDeep = "too_deep"
	// Fuel is the exported mutable global, i64: what is left. It starts at 0.
	// One unit is about one instruction.
	Fuel = "mesh_meter.fuel"
	// Depth is the exported mutable global, i32: how much deeper calls may
	// nest. It starts at Options.Depth, and after a trap it must be set to that
	// again if the instance is to be used on.
	Depth = "mesh_meter.depth"
)

// Options are what a module is rewritten with.
type Options struct {
	// Depth is how deep calls may nest. 0 reads as DefaultDepth. A function
	// that has many locals counts for more than one.
	Depth int32
}

// DefaultDepth is the depth of Options that set none.
const DefaultDepth = 10_000

// Instrument returns the metered form of a module. The error says where and
// why a module cannot be metered. What Instrument accepts need not be valid,
// but its result is valid only if the module was.
func Instrument(binary []byte, o Options) ([]byte, error) {
	if o.Depth <= 0 {
		o.Depth = DefaultDepth
	}
	metered, err := instrument(binary, o)
	if err != nil {
		return nil, fmt.Errorf("meter: %w", err)
	}
	return metered, nil
}

func instrument(binary []byte, o Options) ([]byte, error) {
	m, err := read(binary)
	if err != nil {
		return nil, err
	}
	s, tangle := &scan{}, 0
	g := callGraph{m: m}
	for i := range m.bodies {
		s.scan(m, i)
		if s.err != nil {
			return nil, fmt.Errorf("function %d: %w", m.importedFunctions+i, s.err)
		}
		if tangle += s.tangle(); tangle > maxTangle {
			return nil, fmt.Errorf("function %d: the module branches too much to be compiled in reasonable time; make its largest functions smaller", m.importedFunctions+i)
		}
		g.add(s.calls)
	}
	g.settle(o.Depth)
	s.indirect = g.indirect
	w := writer{m: m, scan: s, options: o}
	return w.write()
}
