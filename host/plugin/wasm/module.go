package wasm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/plugin/guest"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// Module is a compiled module that has the imports and exports of a plugin.
type Module struct {
	runtime  *Runtime
	compiled wazero.CompiledModule
	depth    int // how deep calls may nest
	// minimum is the memory that the module cannot start without, in bytes.
	minimum uint64
}

const (
	i32 = api.ValueTypeI32
	i64 = api.ValueTypeI64
)

// exports are the functions that every plugin has.
var exports = []struct {
	name            string
	params, results []api.ValueType
}{
	{abi.ExportVersion, nil, nil},
	{abi.ExportAlloc, []api.ValueType{i32}, []api.ValueType{i32}},
	{abi.ExportRegister, nil, []api.ValueType{i64}},
	{abi.ExportCall, []api.ValueType{i32, i32, i32}, []api.ValueType{i64}},
}

func (m *Module) check() error {
	if err := m.checkVersion(); err != nil {
		return err // the rest of another version's exports says nothing
	}
	return join(slices.Concat(m.checkExports(), m.checkMemory(), m.checkImports()))
}

// join makes one line of several problems.
func join(problems []error) error {
	if len(problems) == 0 {
		return nil
	}
	text := make([]string, len(problems))
	for i, p := range problems {
		text[i] = p.Error()
	}
	return errors.New(strings.Join(text, "; "))
}

// versionPrefix is what the names of all versions' exports start with.
const versionPrefix = "mesh_abi_"

// checkVersion tells a plugin for another host from what is no plugin at all.
func (m *Module) checkVersion() error {
	functions := m.compiled.ExportedFunctions()
	if _, ok := functions[abi.ExportVersion]; ok {
		return nil
	}
	for name := range functions {
		number, ok := strings.CutPrefix(name, versionPrefix)
		if version, err := strconv.ParseUint(number, 10, 16); ok && err == nil && version > 1 {
			return fmt.Errorf("ABI %d is newer than this host, which speaks ABI 1", version)
		}
	}
	return fmt.Errorf("does not export %s: it is no plugin for this host", abi.ExportVersion)
}

func (m *Module) checkExports() (problems []error) {
	functions := m.compiled.ExportedFunctions()
	for _, e := range exports {
		f, ok := functions[e.name]
		switch {
		case !ok:
			problems = append(problems, fmt.Errorf("does not export %s", e.name))
		case ok && !(slices.Equal(f.ParamTypes(), e.params) && slices.Equal(f.ResultTypes(), e.results)):
			problems = append(problems, fmt.Errorf("exports %s as %s, not as %s", e.name,
				signature(f.ParamTypes(), f.ResultTypes()), signature(e.params, e.results)))
		}
	}
	return problems
}

func (m *Module) checkMemory() []error {
	memory, ok := m.compiled.ExportedMemories()[abi.ExportMemory]
	if len(m.compiled.ImportedMemories()) > 0 {
		return []error{errors.New("imports its memory: a plugin must define it")}
	}
	if !ok {
		return []error{fmt.Errorf("does not export %s", abi.ExportMemory)}
	}
	m.minimum = uint64(memory.Min()) * pageSize
	return nil
}

// The bounds of what an error tells about unknown imports.
const (
	maxListed = 16
	maxNamed  = 128 // bytes of one name
)

func (m *Module) checkImports() (problems []error) {
	var unknown []string
	for _, f := range m.compiled.ImportedFunctions() {
		module, name, _ := f.Import()
		host, ok := m.runtime.exports[module][name]
		switch {
		case !ok && len(unknown) < maxListed:
			unknown = append(unknown, strconv.Quote(protocol.CutText(module+"."+name, maxNamed)))
		case ok && !(slices.Equal(f.ParamTypes(), host.ParamTypes()) && slices.Equal(f.ResultTypes(), host.ResultTypes())):
			problems = append(problems, fmt.Errorf("imports %s.%s as %s, not as %s", module, name,
				signature(f.ParamTypes(), f.ResultTypes()), signature(host.ParamTypes(), host.ResultTypes())))
		}
	}
	if len(unknown) > 0 {
		problems = append(problems, fmt.Errorf("imports what this host does not have: %s", strings.Join(unknown, ", ")))
	}
	return problems
}

// Imports returns the names of the operations that the module imports.
func (m *Module) Imports() []string {
	var names []string
	for _, f := range m.compiled.ImportedFunctions() {
		if module, name, _ := f.Import(); module == abi.Namespace && name != abi.ImportTake {
			names = append(names, name)
		}
	}
	return names
}

// signature spells a function's type as the text format does.
func signature(params, results []api.ValueType) string {
	return "(" + typeNames(params) + ") → (" + typeNames(results) + ")"
}

func typeNames(types []api.ValueType) string {
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = api.ValueTypeName(t)
	}
	return strings.Join(names, ", ")
}

// Start instantiates the module once, asks it for its registration document
// and keeps that instance as the first of the plugin's pool.
func (m *Module) Start(o guest.Options) (*Plugin, error) {
	limit := uint64(o.Memory) / pageSize * pageSize
	if m.minimum > limit {
		return nil, fmt.Errorf("needs at least %d bytes of memory, over its limit of %d", m.minimum, limit)
	}
	p := &Plugin{module: m, options: o, memory: limit, calls: m.runtime.NewPool(o, newInstance)}
	if err := p.probe(); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// Close frees the compiled code. Its plugins must have been closed.
func (m *Module) Close() error { return m.compiled.Close(context.Background()) }
