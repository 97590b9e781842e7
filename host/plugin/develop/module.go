package develop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/plugin/extism"
	"github.com/mesh-host/mesh-host/host/plugin/wasm/meter"
	"github.com/mesh-host/mesh-host/host/plugin/wasm/section"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// maxModule bounds a plugin's file, in bytes, as a server does.
const maxModule = 64 << 20

// pageSize is that of WebAssembly's memory, in bytes.
const pageSize = 64 << 10

// The formats of plugins.
const (
	// FormatMesh is the native ABI, abi/ABI.md.
	FormatMesh = "mesh"
	// FormatExtism is that of Extism's kits.
	FormatExtism = "extism"
	// FormatUnknown is neither.
	FormatUnknown = "unknown"
)

// Section is a part of a module.
type Section struct {
	Name string `json:"name"`
	// Bytes is its size, its header included.
	Bytes int `json:"bytes"`
}

// Import is a function that a module wants of its host.
type Import struct {
	Module string `json:"module"`
	Name   string `json:"name"`
	// Operation is the one that it stands for, if any.
	Operation string `json:"operation,omitempty"`
	// Capability is what its operator must grant for it; empty: nothing.
	Capability string `json:"capability,omitempty"`
	// Known says that this host has it.
	Known bool `json:"known"`
}

// Memory is a module's linear memory, in bytes.
type Memory struct {
	Minimum int64 `json:"minimum"`
	// Maximum is the module's own; 0: it states none, and the host's limit
	// alone counts.
	Maximum int64 `json:"maximum,omitempty"`
}

// Shape is what can be seen of a module without running it.
type Shape struct {
	// Bytes is the size of the file.
	Bytes    int       `json:"bytes"`
	Sections []Section `json:"sections"`
	// Format is FormatMesh, FormatExtism or FormatUnknown.
	Format string `json:"format"`
	// ABI is the version of the native format, 0 for others.
	ABI     int      `json:"abi,omitempty"`
	Imports []Import `json:"imports"`
	Exports []string `json:"exports"`
	// Memory is nil where the module exports none.
	Memory *Memory `json:"memory,omitempty"`
	// Meterable says that the host can count what the module executes;
	// MeterProblem why not. Of a module that it cannot count in, nothing but Bytes
	// and Sections is known.
	Meterable    bool   `json:"meterable"`
	MeterProblem string `json:"meterProblem,omitempty"`
	// MeteredBytes is the size of the module that the host compiles, which
	// counts as it goes; 0 where Meterable is false.
	MeteredBytes int `json:"meteredBytes,omitempty"`
}

// Capabilities are those that the imports ask for, sorted, each once.
func (s *Shape) Capabilities() []string {
	found := make(map[string]bool)
	for _, i := range s.Imports {
		if i.Capability != "" {
			found[i.Capability] = true
		}
	}
	return sortedKeys(found)
}

// ReadModule reads a file that may be a module, at most 64 MiB.
func ReadModule(path string) ([]byte, error) {
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no file %s: `mesh-host plugin build` makes a project's, in its folder build", path)
	case err != nil:
		return nil, err
	}
	defer func() { _ = f.Close() }() // it is only read
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, fmt.Errorf("%s is a folder: name the .wasm file in it", path)
	}
	module, err := io.ReadAll(io.LimitReader(f, maxModule+1))
	switch {
	case err != nil:
		return nil, err
	case len(module) > maxModule:
		return nil, fmt.Errorf("%s has more than %d bytes, the most that a host loads", path, maxModule)
	}
	if err := checkMagic(module); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return module, nil
}

// checkMagic tells what people mistake for a module from one (WebAssembly core
// 2, section 5.5.16).
func checkMagic(module []byte) error {
	switch {
	case len(module) == 0:
		return errors.New("the file is empty")
	case bytes.HasPrefix(bytes.TrimSpace(module), []byte("(module")):
		return errors.New("this is WebAssembly's text format: wat2wasm makes a module of it")
	case !bytes.HasPrefix(module, []byte("\x00asm")):
		return errors.New("this is no WebAssembly module: it does not begin with the bytes 00 61 73 6d")
	case len(module) < 8:
		return errors.New("the module is cut off in its first 8 bytes")
	case bytes.Equal(module[4:8], []byte{0x0D, 0, 1, 0}):
		return errors.New("this is a WebAssembly component: a plugin is a core module (for Go: GOOS=wasip1, for Rust: wasm32-unknown-unknown)")
	case !bytes.Equal(module[4:8], []byte{1, 0, 0, 0}):
		return fmt.Errorf("the module has version %x of WebAssembly's binary format, not 1", module[4:8])
	}
	return nil
}

var sectionNames = []string{
	"custom", "type", "import", "function", "table", "memory", "global", "export", "start", "element", "code", "data", "data count",
}

// maxSections bounds a module's parts: most have about 20.
const maxSections = 1000

// sections lists a module's parts, in their order; custom ones with their
// names.
func sections(module []byte) ([]Section, error) {
	var list []Section
	for part, err := range section.All(module) {
		switch {
		case len(list) == maxSections:
			return nil, fmt.Errorf("the module has more than %d sections", maxSections)
		case err != nil:
			return nil, fmt.Errorf("the module is cut off or damaged: a section at byte %d does not fit", part.Start)
		}
		s := Section{Name: fmt.Sprintf("section %d", part.ID), Bytes: len(part.Whole)}
		if id := int(part.ID); id < len(sectionNames) {
			s.Name = sectionNames[id]
			if id == section.Custom {
				s.Name += " " + customName(part.Content)
			}
		}
		list = append(list, s)
	}
	return list, nil
}

// customName is the name at the front of a custom section, for people.
func customName(content []byte) string {
	r := section.Reader{Rest: content}
	name := r.Text()
	if r.Bad {
		return "?"
	}
	return printable(protocol.CutText(name, maxShownName))
}

// maxShownName bounds a name of a module where it is shown, in bytes.
const maxShownName = 128

// LookAt describes a module without running it. The error says what is wrong
// with it.
func LookAt(ctx context.Context, module []byte) (*Shape, error) {
	if err := checkMagic(module); err != nil {
		return nil, err
	}
	shape := &Shape{Bytes: len(module)}
	var err error
	if shape.Sections, err = sections(module); err != nil {
		return nil, err
	}
	// Its bounds are those of a server, and come before anything believes the
	// module's counts.
	metered, err := meter.Instrument(module, meter.Options{})
	if err != nil {
		shape.Format, shape.MeterProblem = FormatUnknown, printable(protocol.CutText(err.Error(), 500))
		return shape, nil
	}
	shape.Meterable, shape.MeteredBytes = true, len(metered)
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter().WithCoreFeatures(api.CoreFeaturesV2))
	compiled, err := r.CompileModule(ctx, outline(module))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("this is no valid module: %s", printable(protocol.CutText(err.Error(), 500))), r.Close(ctx))
	}
	shape.describe(compiled)
	if extism.Detect(module) {
		shape.Format = FormatExtism
	}
	return shape, r.Close(ctx)
}

func (s *Shape) describe(m wazero.CompiledModule) {
	for _, f := range m.ImportedFunctions() {
		module, name, _ := f.Import()
		s.Imports = append(s.Imports, importOf(printable(module), printable(name)))
	}
	slices.SortFunc(s.Imports, func(a, b Import) int {
		return strings.Compare(a.Module+"."+a.Name, b.Module+"."+b.Name)
	})
	for _, name := range sortedKeys(m.ExportedFunctions()) {
		s.Exports = append(s.Exports, printable(protocol.CutText(name, maxShownName)))
	}
	if memory, ok := m.ExportedMemories()[abi.ExportMemory]; ok {
		s.Memory = &Memory{Minimum: int64(memory.Min()) * pageSize}
		if maximum, stated := memory.Max(); stated {
			s.Memory.Maximum = int64(maximum) * pageSize
		}
	}
	s.Format = FormatUnknown
	if _, ok := m.ExportedFunctions()[abi.ExportVersion]; ok {
		s.Format, s.ABI = FormatMesh, 1
	}
}

const wasiNamespace = "wasi_snapshot_preview1"

// importOf says what an import asks for.
func importOf(module, name string) Import {
	i := Import{Module: module, Name: name}
	switch {
	case module == wasiNamespace, module == abi.Namespace && name == abi.ImportTake:
		i.Known = true
	case module == extism.EnvModule:
		i.Known = extism.HasEnv(name)
	case module == abi.Namespace, module == extism.UserModule:
		if o := operationOf(module, name); o != nil {
			i.Known, i.Operation, i.Capability = true, o.Name, o.Capability
		}
	}
	return i
}

// operationOf returns the operation that a function stands for, nil for none.
func operationOf(module, name string) *abi.Operation {
	for n := range abi.Operations {
		o := &abi.Operations[n]
		function := o.Name
		if module == extism.UserModule {
			function = extism.ImportName(o.Name)
		}
		if function == name && o.Door != abi.DoorOperator {
			return o
		}
	}
	return nil
}

// printable keeps a module's text from doing something to a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7F || r >= 0x80 && r < 0xA0 {
			return '\uFFFD'
		}
		return r
	}, s)
}
