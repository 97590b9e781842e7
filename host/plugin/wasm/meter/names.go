package meter

import "strings"

// The parts of the name section that name functions, and what is in them.
const (
	namesModule    = 0
	namesFunctions = 1
	namesLocals    = 2
)

// custom writes a custom section. The name section's functions move. What says
// where in the code something lies would lie in the metered form, and is left
// out: DWARF, source maps, relocations, branch hints.
func (w *writer) custom(s *section) error {
	switch {
	case s.name == "name":
		return w.names(s)
	case strings.HasPrefix(s.name, ".debug_"), strings.HasPrefix(s.name, "reloc."), strings.HasPrefix(s.name, "metadata.code."),
		s.name == "linking", s.name == "sourceMappingURL", s.name == "external_debug_info":
		return nil
	}
	w.append(s.id, w.m.bytes[s.start:s.end])
	return nil
}

// names writes the names of the module, of functions and of their locals, and
// leaves out what else there is.
func (w *writer) names(s *section) error {
	r := reader{module: w.m.bytes, pos: s.after, end: s.end, where: "name section"}
	content := append([]byte(nil), w.m.bytes[s.start:s.after]...)
	for !r.done() {
		id := r.byte()
		part := r.part(r.count(maxModule, "bytes of names"), r.where)
		switch id {
		case namesModule:
			names := w.m.bytes[part.pos:part.end]
			content = append(appendU32(append(content, id), uint32(len(names))), names...)
			part.name()
		case namesFunctions, namesLocals:
			names := w.functionNames(&part, id == namesLocals)
			content = append(appendU32(append(content, id), uint32(len(names))), names...)
		default:
			continue
		}
		if part.err == nil && !part.done() {
			part.fail("bytes behind the end of the names")
		}
		if part.err != nil {
			return part.err
		}
	}
	if r.err != nil {
		return r.err
	}
	w.append(sectionCustom, content)
	return nil
}

// functionNames moves the functions of a list of names, or of a list of lists.
func (w *writer) functionNames(r *reader, locals bool) []byte {
	p := patch{reader: r, module: w.m, from: r.pos}
	for range r.count(maxModule, "names") {
		start := r.pos
		f := r.u32()
		if r.err != nil {
			return nil
		}
		if f > 1<<31 {
			r.fail("there is no function %d", f)
			return nil
		}
		p.replace(start, w.m.moved(f))
		if !locals {
			r.name()
			continue
		}
		for range r.count(maxModule, "names") {
			r.u32()
			r.name()
			if r.err != nil {
				return nil
			}
		}
	}
	return p.end()
}
