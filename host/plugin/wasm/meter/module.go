package meter

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// The sections of a module (WebAssembly 2.0, section 5.5.2).
const (
	sectionCustom    = 0
	sectionType      = 1
	sectionImport    = 2
	sectionFunction  = 3
	sectionTable     = 4
	sectionMemory    = 5
	sectionGlobal    = 6
	sectionExport    = 7
	sectionStart     = 8
	sectionElement   = 9
	sectionCode      = 10
	sectionData      = 11
	sectionDataCount = 12
)

var sectionNames = [...]string{"custom", "type", "import", "function", "table", "memory", "global",
	"export", "start", "element", "code", "data", "data count"}

// order is where a section stands; custom sections stand anywhere.
var order = [...]int{sectionType: 1, sectionImport: 2, sectionFunction: 3, sectionTable: 4, sectionMemory: 5,
	sectionGlobal: 6, sectionExport: 7, sectionStart: 8, sectionElement: 9, sectionDataCount: 10,
	sectionCode: 11, sectionData: 12}

// preamble is the magic number and version 1.
var preamble = []byte{0, 'a', 's', 'm', 1, 0, 0, 0}

var errNotModule = errors.New("not a WebAssembly module of version 1")

// module is what metering needs to know of a module.
type module struct {
	bytes    []byte
	sections []section

	types             []signature
	importedFunctions int
	importedGlobals   int
	functionTypes     []uint32 // of all functions, the imported ones first
	globals           int      // the imported ones included
	entries           int      // of all element segments
	referred          []bool   // functions that are values somewhere: call_indirect may reach them
	bodies            []body   // of the functions that are not imported
}

// section is one section as it was read.
type section struct {
	id         byte
	start, end int    // of its content in the module
	name       string // of a custom section
	after      int    // where a custom section's content begins behind the name
	count      int    // of a section that metering adds to: its items
	items      int    // and where they begin
	rewritten  []byte // the content of a section that refers to functions; nil as it was
}

// signature is a function type.
type signature struct {
	params, results []byte // value types
}

// read reads all of a module but the functions' instructions.
func read(b []byte) (*module, error) {
	if len(b) > maxModule {
		return nil, fmt.Errorf("the module has %d bytes, over the limit of %d", len(b), maxModule)
	}
	if !bytes.HasPrefix(b, preamble) {
		return nil, errNotModule
	}
	m := &module{bytes: b}
	r := reader{module: b, pos: len(preamble), end: len(b), where: "module"}
	last := 0
	for !r.done() {
		s, content := nextSection(&r)
		if r.err != nil {
			return nil, r.err
		}
		if s.id != sectionCustom {
			if order[s.id] <= last {
				r.fail("the %s section is out of order", sectionNames[s.id])
				return nil, r.err
			}
			last = order[s.id]
		}
		m.section(&content, s)
		if content.err != nil {
			return nil, content.err
		}
		if !content.done() {
			content.fail("bytes behind the end of the section")
			return nil, content.err
		}
		m.sections = append(m.sections, *s)
	}
	if defined := len(m.functionTypes) - m.importedFunctions; defined != len(m.bodies) {
		return nil, fmt.Errorf("module: %d functions and %d bodies", defined, len(m.bodies))
	}
	return m, nil
}

func nextSection(r *reader) (*section, reader) {
	id := r.byte()
	if r.err == nil && int(id) >= len(sectionNames) {
		r.fail("section %d is unknown; WebAssembly 2.0 without extensions is what is understood", id)
		return &section{}, *r
	}
	size := r.count(maxModule, "bytes of a section")
	content := r.part(size, sectionNames[id]+" section")
	return &section{id: id, start: content.pos, end: content.end}, content
}

// section reads one section's content.
func (m *module) section(r *reader, s *section) {
	switch s.id {
	case sectionCustom:
		s.name = r.name()
		s.after = r.pos
		r.pos = r.end
	case sectionType:
		m.typeSection(r, s)
	case sectionImport:
		m.importSection(r, s)
	case sectionFunction:
		m.functionSection(r, s)
	case sectionGlobal:
		m.globalSection(r, s)
	case sectionExport:
		m.exportSection(r, s)
	case sectionStart:
		p := patch{reader: r, module: m, from: r.pos}
		p.function(false)
		s.rewritten = p.end()
	case sectionElement:
		m.elementSection(r, s)
	case sectionCode:
		m.codeSection(r)
	case sectionData:
		m.dataSection(r)
	case sectionTable, sectionMemory:
		// They stay as they are, but the compiler allocates by their number.
		r.count(maxSegments, "items")
		r.pos = r.end
	default: // the number of data segments stays as it is
		r.pos = r.end
	}
}

// items begins a section that is a list.
func (s *section) begin(r *reader, limit int, what string) int {
	s.count = r.count(limit, what)
	s.items = r.pos
	return s.count
}

func (m *module) typeSection(r *reader, s *section) {
	n := s.begin(r, maxTypes, "types")
	m.types = make([]signature, 0, n)
	for range n {
		if form := r.byte(); r.err == nil && form != typeFunc {
			r.fail("type form %#x is unknown; only function types are", form)
		}
		m.types = append(m.types, signature{params: valueTypes(r), results: valueTypes(r)})
		if r.err != nil {
			return
		}
	}
}

func valueTypes(r *reader) []byte {
	n := r.count(maxValues, "parameters or results")
	from := r.pos
	r.skip(n)
	if r.err != nil {
		return nil
	}
	for _, t := range r.module[from:r.pos] {
		if !isValueType(t) {
			r.fail("value type %#x is unknown", t)
		}
	}
	return r.module[from:r.pos]
}

func (m *module) importSection(r *reader, s *section) {
	for range s.begin(r, maxImports, "imports") {
		if r.name() == Module {
			r.fail("imports from %q, which is the host's own", Module)
		}
		r.name()
		switch kind := r.byte(); kind {
		case 0:
			m.functionTypes = append(m.functionTypes, r.index(len(m.types), "type"))
			m.importedFunctions++
		case 1: // table
			r.byte()
			limits(r)
		case 2: // memory
			limits(r)
		case 3: // global
			r.skip(2)
			m.importedGlobals++
			m.globals++
		default:
			r.fail("import kind %d is unknown", kind)
		}
		if r.err != nil {
			return
		}
	}
}

// limits passes over the limits of a table or a memory.
func limits(r *reader) {
	flags := r.byte()
	if flags > 1 {
		r.fail("limits of the form %#x; shared and 64-bit memories are not understood", flags)
	}
	r.u32()
	if flags == 1 {
		r.u32()
	}
}

func (m *module) functionSection(r *reader, s *section) {
	n := s.begin(r, maxFunctions, "functions")
	for range n {
		m.functionTypes = append(m.functionTypes, r.index(len(m.types), "type"))
		if r.err != nil {
			return
		}
	}
}

func (m *module) globalSection(r *reader, s *section) {
	n := s.begin(r, maxGlobals, "globals")
	p := patch{reader: r, module: m, from: r.pos}
	for range n {
		if t := r.byte(); r.err == nil && !isValueType(t) {
			r.fail("value type %#x is unknown", t)
		}
		r.skip(1) // mutability
		p.expression()
		if r.err != nil {
			return
		}
		m.globals++
	}
	s.rewritten = p.end()
}

func (m *module) exportSection(r *reader, s *section) {
	n := s.begin(r, maxExports, "exports")
	p := patch{reader: r, module: m, from: r.pos}
	for range n {
		if name := r.name(); name == Fuel || name == Depth {
			r.fail("exports %q, which is the host's own", name)
		}
		switch kind := r.byte(); kind {
		case 0:
			p.function(false)
		case 1, 2:
			r.u32()
		case 3:
			r.index(m.globals, "global")
		default:
			r.fail("export kind %d is unknown", kind)
		}
		if r.err != nil {
			return
		}
	}
	s.rewritten = p.end()
}

func (m *module) codeSection(r *reader) {
	defined := len(m.functionTypes) - m.importedFunctions
	n := r.count(maxFunctions, "bodies")
	if r.err == nil && n != defined {
		r.fail("%d functions and %d bodies", defined, n)
		return
	}
	bodies := make([]body, n)
	for i := range bodies {
		size := r.count(maxBody, "bytes of a function")
		bodies[i].start = r.pos
		r.skip(size)
		bodies[i].end = r.pos
		bodies[i].signature = m.types[m.functionTypes[m.importedFunctions+i]]
		if r.err != nil {
			return
		}
	}
	// Functions named in globals, exports and segments were noted before.
	m.bodies = bodies
}

// moved is a function's index in the metered form, where two imports are more.
func (m *module) moved(function uint32) uint32 {
	if int(function) >= m.importedFunctions {
		return function + addedImports
	}
	return function
}

func appendU32(b []byte, v uint32) []byte { return binary.AppendUvarint(b, uint64(v)) }

// appendS64 writes a signed number, as constants are.
func appendS64(b []byte, v int64) []byte {
	for {
		low := byte(v & 0x7F)
		v >>= 7
		if v == 0 && low < 0x40 || v == -1 && low >= 0x40 {
			return append(b, low)
		}
		b = append(b, low|0x80)
	}
}
