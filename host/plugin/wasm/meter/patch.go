package meter

// patch copies what a reader passes over, with the indices of functions moved.
type patch struct {
	*reader
	module *module
	from   int // what lies before is in out
	out    []byte
}

func (p *patch) replace(start int, index uint32) {
	p.out = append(p.out, p.reader.module[p.from:start]...)
	p.out = appendU32(p.out, index)
	p.from = p.pos
}

// function moves the index of a function. One that is referred to as a value
// can be called indirectly.
func (p *patch) function(reference bool) {
	start := p.pos
	f := p.index(len(p.module.functionTypes), "function")
	if p.err != nil {
		return
	}
	if reference {
		p.module.refer(f)
	}
	p.replace(start, p.module.moved(f))
}

// end returns the content.
func (p *patch) end() []byte {
	if p.err != nil {
		return nil
	}
	return append(p.out, p.reader.module[p.from:p.pos]...)
}

// expression passes over a constant expression: one instruction and the end.
func (p *patch) expression() {
	switch op := p.byte(); op {
	case opI32Const:
		p.skipSigned(32)
	case opI64Const:
		p.skipSigned(64)
	case opF32Const:
		p.skip(4)
	case opF64Const:
		p.skip(8)
	case opGlobalGet:
		p.index(p.module.importedGlobals, "imported global")
	case opRefNull:
		p.reference()
	case opRefFunc:
		p.function(true)
	case opVector:
		if v := p.vectorOpcode(); v != vectorConst {
			p.fail("%#x %#x is no constant", op, v)
		}
		p.skip(16)
	default:
		p.fail("%#x is no constant", op)
	}
	if end := p.byte(); p.err == nil && end != opEnd {
		p.fail("a constant expression of more than one instruction")
	}
}

func (r *reader) reference() {
	if t := r.byte(); r.err == nil && !isReference(t) {
		r.fail("reference type %#x is unknown", t)
	}
}

// dataSection reads the segments of memory, in their three forms (WebAssembly
// 2.0, section 5.5.14). They stay as they are, but the compiler allocates what they
// say that they hold.
func (m *module) dataSection(r *reader) {
	p := patch{reader: r, module: m}
	for range r.count(maxSegments, "data segments") {
		form := r.u32()
		switch {
		case form > 2:
			r.fail("data segment of the form %d is unknown", form)
		case form == 2:
			if r.u32() != 0 {
				r.fail("a second memory is not understood")
			}
		}
		if form != 1 {
			p.expression()
		}
		r.skip(r.count(maxModule, "bytes of data"))
		if r.err != nil {
			return
		}
	}
}

// elementSection reads the segments of tables, in their eight forms
// (WebAssembly 2.0, section 5.5.12).
func (m *module) elementSection(r *reader, s *section) {
	n := s.begin(r, maxElements, "element segments")
	p := patch{reader: r, module: m, from: r.pos}
	for range n {
		flags := r.u32()
		if flags > 7 {
			r.fail("element segment of the form %d is unknown", flags)
		}
		passive, explicit, expressions := flags&1 != 0, flags&2 != 0, flags&4 != 0
		if !passive {
			if explicit {
				r.u32() // table
			}
			p.expression()
		}
		if passive || explicit {
			if expressions {
				r.reference()
			} else if kind := r.byte(); kind != 0 {
				r.fail("element kind %d is unknown", kind)
			}
		}
		entries := r.count(maxEntries-m.entries, "more elements")
		m.entries += entries
		for range entries {
			if expressions {
				p.expression()
			} else {
				p.function(true)
			}
			if r.err != nil {
				return
			}
		}
		if r.err != nil {
			return
		}
	}
	s.rewritten = p.end()
}
