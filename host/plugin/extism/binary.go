package extism

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mesh-host/mesh-host/abi"
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

// Sections of a module and kinds of what it imports and exports (WebAssembly
// core 2, section 5.5).
const (
	headerSize    = 8
	sectionImport = 2
	sectionMemory = 5
	sectionExport = 7

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
		r := reader{rest: content}
		switch id {
		case sectionImport:
			for range r.number() {
				from, _ := r.imported()
				extism = extism || from == EnvModule || from == UserModule
				if r.bad {
					return nil, errBinary
				}
			}
		case sectionExport:
			for range r.number() {
				name := r.text()
				r.number()
				r.number()
				if r.bad {
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
	if len(module) < headerSize {
		return nil, errBinary
	}
	made := append(make([]byte, 0, len(module)+256), module[:headerSize]...)
	for rest := module[headerSize:]; len(rest) > 0; {
		size, n := binary.Uvarint(rest[1:])
		if n <= 0 || size > uint64(len(rest)-1-n) {
			return nil, errBinary
		}
		end := 1 + n + int(size)
		content, err := fn(rest[0], rest[1+n:end])
		if err != nil {
			return nil, err
		}
		made = binary.AppendUvarint(append(made, rest[0]), uint64(len(content)))
		made = append(made, content...)
		rest = rest[end:]
	}
	return made, nil
}

// redirect has a module import what this host does itself from ownModule, and
// returns the memory that it starts with. It refuses a module that imports
// from there, where only this function may send it.
func redirect(module []byte) (made []byte, minimum uint64, err error) {
	made, err = sections(module, func(id byte, content []byte) ([]byte, error) {
		switch id {
		case sectionImport:
			return redirectImports(content)
		case sectionMemory:
			r := reader{rest: content}
			if r.number() == 1 {
				r.number()
				minimum = r.number() * pageSize
			}
		}
		return content, nil
	})
	return made, minimum, err
}

func redirectImports(content []byte) ([]byte, error) {
	r := reader{rest: content}
	count := r.number()
	made := binary.AppendUvarint(nil, count)
	for range count {
		start := r.rest
		from, name := r.imported()
		if r.bad {
			return nil, errBinary
		}
		if from == ownModule {
			return nil, fmt.Errorf("imports what this host does not have: %s", quote(from, name))
		}
		if from == EnvModule && slices.Contains(ownFunctions, name) {
			tail := start[:len(start)-len(r.rest)]
			_, n := binary.Uvarint(tail)
			made = append(appendText(made, ownModule), tail[n+len(from):]...)
			continue
		}
		made = append(made, start[:len(start)-len(r.rest)]...)
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
		if id != sectionImport {
			return content, nil
		}
		in := reader{rest: content}
		for range in.number() {
			from, name := in.imported()
			if in.bad {
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

// reader reads the parts of a section; what comes after a malformed one is
// zero.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) number() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) text() string {
	n := r.number()
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, nil
		return ""
	}
	text := string(r.rest[:n])
	r.rest = r.rest[n:]
	return text
}

// imported reads one import.
func (r *reader) imported() (module, name string) {
	module, name = r.text(), r.text()
	switch kind := r.number(); kind {
	case kindFunction:
		r.number()
	case kindTable:
		r.number()
		r.limits()
	case kindMemory:
		r.limits()
	case kindGlobal:
		r.number()
		r.number()
	default:
		r.bad = true
	}
	return module, name
}

func (r *reader) limits() {
	flags := r.number()
	r.number()
	if flags&1 != 0 {
		r.number()
	}
}
