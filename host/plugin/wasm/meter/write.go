package meter

import "fmt"

const addedImports = 2

// writer writes the metered form of a module. What is added stands behind what
// was there, but for the two imports.
type writer struct {
	m       *module
	scan    *scan
	options Options
	out     []byte

	wrappers     map[string]uint32 // types () → results, by results
	wrapperTypes []byte            // and as they are written

	code []byte // of the function that is being written
}

// The types that are added.
func (w *writer) tickType() uint32    { return uint32(len(w.m.types)) }
func (w *writer) plainType() uint32   { return w.tickType() + 1 }
func (w *writer) settleType() uint32  { return w.tickType() + 2 }
func (w *writer) wrapperType() uint32 { return w.tickType() + 3 } // the first of them

// The functions that are added: two imports, and what calls the first.
func (w *writer) tick() uint32    { return uint32(w.m.importedFunctions) }
func (w *writer) tooDeep() uint32 { return w.tick() + 1 }
func (w *writer) refill() uint32  { return uint32(len(w.m.functionTypes)) + addedImports }
func (w *writer) settle() uint32  { return w.refill() + 1 }

// The globals that are added.
func (w *writer) fuel() uint32  { return uint32(w.m.globals) }
func (w *writer) depth() uint32 { return w.fuel() + 1 }

// required are the sections that a metered module has.
var required = []byte{sectionType, sectionImport, sectionFunction, sectionGlobal, sectionExport, sectionCode}

func (w *writer) write() ([]byte, error) {
	w.collectWrappers()
	w.out = append(make([]byte, 0, len(w.m.bytes)+len(w.m.bytes)/3+256), preamble...)
	missing := required
	for i := range w.m.sections {
		s := &w.m.sections[i]
		for s.id != sectionCustom && len(missing) > 0 && order[missing[0]] <= order[s.id] {
			if missing[0] != s.id {
				if err := w.section(&section{id: missing[0]}); err != nil {
					return nil, err
				}
			}
			missing = missing[1:]
		}
		if err := w.section(s); err != nil {
			return nil, err
		}
	}
	for _, id := range missing {
		if err := w.section(&section{id: id}); err != nil {
			return nil, err
		}
	}
	return w.out, nil
}

// collectWrappers adds types for the blocks around functions of several results.
func (w *writer) collectWrappers() {
	w.wrappers = map[string]uint32{}
	for i := range w.m.bodies {
		b := &w.m.bodies[i]
		results := string(b.signature.results)
		if _, known := w.wrappers[results]; known || len(results) < 2 || !b.wrapped() {
			continue
		}
		w.wrappers[results] = w.wrapperType() + uint32(len(w.wrappers))
		w.wrapperTypes = append(w.wrapperTypes, typeFunc, 0)
		w.wrapperTypes = append(appendU32(w.wrapperTypes, uint32(len(results))), results...)
	}
}

func (w *writer) append(id byte, parts ...[]byte) {
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	w.out = appendU32(append(w.out, id), uint32(size))
	for _, p := range parts {
		w.out = append(w.out, p...)
	}
}

// list writes a section with items behind those that it had.
func (w *writer) list(s *section, more int, added []byte) {
	items := s.rewritten
	if items == nil {
		items = w.m.bytes[s.items:s.end]
	}
	w.append(s.id, appendU32(nil, uint32(s.count+more)), items, added)
}

func (w *writer) section(s *section) error {
	switch s.id {
	case sectionCustom:
		return w.custom(s)
	case sectionType:
		added := []byte{typeFunc, 1, typeI64, 1, typeI64, typeFunc, 0, 0, typeFunc, 1, typeI32, 1, typeI32}
		w.list(s, 3+len(w.wrappers), append(added, w.wrapperTypes...))
	case sectionImport:
		w.list(s, addedImports, w.imports())
	case sectionFunction:
		w.list(s, 2, appendU32(appendU32(nil, w.plainType()), w.settleType()))
	case sectionGlobal:
		w.list(s, 2, w.globals())
	case sectionExport:
		w.list(s, 2, w.exports())
	case sectionElement:
		w.list(s, 0, nil)
	case sectionCode:
		return w.codeSection()
	case sectionStart:
		w.append(s.id, s.rewritten)
	default:
		w.append(s.id, w.m.bytes[s.start:s.end])
	}
	return nil
}

func appendName(b []byte, name string) []byte {
	return append(appendU32(b, uint32(len(name))), name...)
}

func (w *writer) imports() []byte {
	b := appendName(appendName(nil, Module), Tick)
	b = appendU32(append(b, 0), w.tickType())
	b = appendName(appendName(b, Module), TooDeep)
	return appendU32(append(b, 0), w.plainType())
}

func (w *writer) globals() []byte {
	b := []byte{typeI64, 1, opI64Const, 0, opEnd, typeI32, 1, opI32Const}
	return append(appendS64(b, int64(w.options.Depth)), opEnd)
}

func (w *writer) exports() []byte {
	b := appendU32(append(appendName(nil, Fuel), 3), w.fuel())
	return appendU32(append(appendName(b, Depth), 3), w.depth())
}

func (w *writer) codeSection() error {
	var content []byte
	content = appendU32(content, uint32(len(w.m.bodies)+2))
	for i := range w.m.bodies {
		w.scan.scan(w.m, i)
		w.code = w.code[:0]
		w.function(&w.m.bodies[i])
		content = append(appendU32(content, uint32(len(w.code))), w.code...)
		if len(content) > maxMetered {
			return fmt.Errorf("the metered form has more than %d bytes", maxMetered)
		}
	}
	for _, helper := range [][]byte{w.refillCode(), w.settleCode()} {
		content = append(appendU32(content, uint32(len(helper))), helper...)
	}
	w.append(sectionCode, content)
	return nil
}
