package extism

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/plugin/wasm/section"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// The modules that plugins in the Extism format import from.
const (
	// EnvModule has what is Extism's.
	EnvModule = "extism:host/env"
	// UserModule has a function for each operation, see ImportName.
	UserModule = "extism:host/user"
	wasiModule = "wasi_snapshot_preview1"
)

// The kinds of what a module imports (WebAssembly core 2, section 5.5.5).
const (
	kindFunction = 0
	kindTable    = 1
	kindMemory   = 2
	kindGlobal   = 3

	pageSize = 64 << 10
)

var errBinary = errors.New("not a usable WebAssembly module: malformed section")

// Detect reports whether a module is a plugin in the Extism format: it states
// no version of the native ABI and exports nothing of it but mesh_register, and
// imports from Extism or exports that. What is neither is for the native runtime to refuse.
func Detect(module []byte) bool {
	extism := false
	_, err := sections(module, func(id byte, content []byte) ([]byte, error) {
		r := reader{section.Reader{Rest: content}}
		switch id {
		case section.Import:
			for range r.Number() {
				from, _ := r.imported()
				extism = extism || from == EnvModule || from == UserModule
				if r.Bad {
					return nil, errBinary
				}
			}
		case section.Export:
			for range r.Number() {
				name := r.Text()
				r.Number()
				r.Number()
				if r.Bad {
					return nil, errBinary
				}
				if strings.HasPrefix(name, strings.TrimRight(abi.ExportVersion, "0123456789")) ||
					name == abi.ExportAlloc || name == abi.ExportCall {
					return nil, errNative
				}
				extism = extism || name == registerFunction
			}
		}
		return content, nil
	})
	return err == nil && extism
}

var errNative = errors.New("a native plugin")

// sections calls fn for each section of a module and returns the module with
// what fn makes of them.
func sections(module []byte, fn func(id byte, content []byte) ([]byte, error)) ([]byte, error) {
	if len(module) < section.HeaderSize {
		return nil, errBinary
	}
	made := append(make([]byte, 0, len(module)+256), module[:section.HeaderSize]...)
	for part, err := range section.All(module) {
		if err != nil {
			return nil, errBinary
		}
		content, err := fn(part.ID, part.Content)
		if err != nil {
			return nil, err
		}
		made = section.Append(made, part.ID, content)
	}
	return made, nil
}

// redirect has a module import what this host does itself from ownModule, and
// returns the memory that it starts with. It refuses a module that imports
// from there, where only this function may send it.
func redirect(module []byte) (made []byte, minimum uint64, err error) {
	made, err = sections(module, func(id byte, content []byte) ([]byte, error) {
		switch id {
		case section.Import:
			return redirectImports(content)
		case section.Memory:
			r := reader{section.Reader{Rest: content}}
			if r.Number() == 1 {
				r.Number()
				minimum = r.Number() * pageSize
			}
		}
		return content, nil
	})
	return made, minimum, err
}

func redirectImports(content []byte) ([]byte, error) {
	r := reader{section.Reader{Rest: content}}
	count := r.Number()
	made := binary.AppendUvarint(nil, count)
	for range count {
		start := r.Rest
		from, name := r.imported()
		if r.Bad {
			return nil, errBinary
		}
		if from == ownModule {
			return nil, fmt.Errorf("imports what this host does not have: %s", quote(from, name))
		}
		if from == EnvModule && slices.Contains(ownFunctions, name) {
			tail := start[:len(start)-len(r.Rest)]
			_, n := binary.Uvarint(tail)
			made = append(appendText(made, ownModule), tail[n+len(from):]...)
			continue
		}
		made = append(made, start[:len(start)-len(r.Rest)]...)
	}
	return made, nil
}

func appendText(dst []byte, text string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(text))), text...)
}

// The bounds of what an error tells about unknown imports.
const (
	maxListed = 16
	maxNamed  = 128 // bytes of one name
)

func quote(module, name string) string {
	return strconv.Quote(protocol.CutText(module+"."+name, maxNamed))
}

// checkImports returns the operations that a module imports, and refuses one
// that imports functions that the host does not have.
func (r *Runtime) checkImports(module []byte) (operations []string, err error) {
	var unknown []string
	_, err = sections(module, func(id byte, content []byte) ([]byte, error) {
		if id != section.Import {
			return content, nil
		}
		in := reader{section.Reader{Rest: content}}
		for range in.Number() {
			from, name := in.imported()
			if in.Bad {
				return nil, errBinary
			}
			operation, known := r.imports[from][name]
			switch {
			case from == UserModule && known && !slices.Contains(operations, operation):
				operations = append(operations, operation)
			case from != wasiModule && !known && len(unknown) < maxListed:
				unknown = append(unknown, quote(from, name))
			}
		}
		return content, nil
	})
	if err != nil {
		return nil, err
	}
	if len(unknown) > 0 {
		return nil, fmt.Errorf("imports what this host does not have: %s", strings.Join(unknown, ", "))
	}
	return operations, nil
}

// reader reads the parts of a section.
type reader struct{ section.Reader }

// imported reads one import.
func (r *reader) imported() (module, name string) {
	module, name = r.Text(), r.Text()
	switch kind := r.Number(); kind {
	case kindFunction:
		r.Number()
	case kindTable:
		r.Number()
		r.limits()
	case kindMemory:
		r.limits()
	case kindGlobal:
		r.Number()
		r.Number()
	default:
		r.Bad = true
	}
	return module, name
}

func (r *reader) limits() {
	flags := r.Number()
	r.Number()
	if flags&1 != 0 {
		r.Number()
	}
}
