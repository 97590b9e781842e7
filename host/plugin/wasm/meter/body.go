package meter

// body is one function with a body, and what is known of it.
type body struct {
	start, end int // in the module
	signature  signature

	cost     uint32 // the units of its instructions outside of loops
	slots    uint32 // parameters, locals and operands at their most
	loops    bool   // has loops, or instructions that take as long as an operand says
	indirect bool   // calls indirectly

	inline  uint32 // the units that its callers are charged for it; 0 if it is charged itself
	counted bool   // the depth of its calls is counted
}

// refer notes that a function is a value.
func (m *module) refer(f uint32) {
	if m.referred == nil {
		m.referred = make([]bool, len(m.functionTypes))
	}
	m.referred[f] = true
}

// edit is a place of a function's body that the metered form changes.
type edit struct {
	at    int // in the module
	skip  int // bytes left out there
	kind  editKind
	value uint32

	// Of a charge:
	parent int    // the charge that is made before it, as often at least
	taken  uint32 // the units that were moved here from others
}

type editKind uint8

const (
	editFunction editKind = iota // the index of a function; value is the new one
	editReturn                   // a return; value is the label of the function
	editCharge                   // value is the units of the part of the body that begins here
	editMerged                   // a charge that parent took over
	editLoop                     // the same, at the head of a loop
	editMemory                   // an instruction that takes as long as its operand says, in bytes
	editTable                    // the same, in entries
	editGrow                     // the same, in pages
	editSettle                   // a call, under which the function can run again
)

// frame is a block that is open.
type frame struct {
	op      byte
	base    int // operands outside of it
	params  int
	results int
	charge  int // the edit that charges for its instructions
}

// scan reads one function body.
type scan struct {
	reader
	m      *module
	body   *body
	locals int

	frames   []frame
	height   int
	highest  int
	vectors  bool
	scratch  bool // a local for lengths is needed
	edits    []edit
	web      web
	joints   int      // where paths part or meet
	heads    int      // loops
	within   int      // loops that are open
	deepest  int      // and how many were at most
	split    bool     // a body with loops is charged in parts
	current  int      // the edit that is charged
	calls    []uint32 // of functions with a body, by index among these
	indirect uint32   // what an indirect call costs beyond the caller's own part
}

// scan reads the body. The charges, the calls and the body's properties are
// valid until the next one.
func (s *scan) scan(m *module, i int) {
	b := &m.bodies[i]
	*s = scan{
		reader: reader{module: m.bytes, pos: b.start, end: b.end, where: "code section"},
		m:      m, body: b,
		frames: s.frames[:0], edits: s.edits[:0], calls: s.calls[:0], indirect: s.indirect,
		split: b.loops, web: s.web.next(s.joints),
	}
	s.declareLocals()
	s.web.declare(s.locals)
	s.edits = append(s.edits, edit{at: s.pos, kind: editCharge})
	s.frames = append(s.frames, frame{op: opBlock, results: len(b.signature.results)})
	s.charge(1 + (s.locals+len(b.signature.results))/slotsPerUnit)
	for len(s.frames) > 0 && s.err == nil {
		s.instruction()
	}
	if s.err == nil && !s.done() {
		s.fail("bytes behind the end of the function")
	}
	b.cost = s.edits[0].value
	b.slots = uint32(s.locals + s.highest)
	if s.vectors {
		b.slots *= 2
	}
}

// declareLocals reads the declarations of locals.
func (s *scan) declareLocals() {
	s.locals = len(s.body.signature.params)
	for range s.count(maxLocals, "declarations of locals") {
		n := s.u32()
		t := s.byte()
		if s.err == nil && !isValueType(t) {
			s.fail("value type %#x is unknown", t)
		}
		s.vectors = s.vectors || t == typeV128
		if uint64(n)+uint64(s.locals) > maxLocals {
			s.fail("more than %d locals", maxLocals)
		}
		if s.err != nil {
			return
		}
		s.locals += int(n)
	}
}

// charge adds units to the edit that pays for this part of the body.
func (s *scan) charge(units int) { s.edits[s.current].value += uint32(units) }

// begin begins a part of the body that is charged on its own. It runs once at
// most for each time that its parent's does.
func (s *scan) begin(kind editKind, parent int, units uint32) {
	s.current = len(s.edits)
	s.edits = append(s.edits, edit{at: s.pos, kind: kind, value: units, parent: parent})
}

// finish ends a part. What is charged for a small one is charged for its parent,
// save where that would then be charged far more than it runs.
func (s *scan) finish() {
	e := &s.edits[s.current]
	if s.current == 0 || e.kind != editCharge || e.value > smallPart {
		return
	}
	e.parent = s.payer(e.parent)
	if p := &s.edits[e.parent]; p.taken+e.value <= maxTaken {
		p.taken += e.value
		p.value += e.value
		e.kind, e.value = editMerged, 0
	}
}

// payer is the charge that took over this one.
func (s *scan) payer(charge int) int {
	payer := charge
	for s.edits[payer].kind == editMerged {
		payer = s.edits[payer].parent
	}
	for s.edits[charge].kind == editMerged {
		charge, s.edits[charge].parent = s.edits[charge].parent, payer
	}
	return payer
}

func (s *scan) effect(pops, push int) {
	s.height -= pops
	if base := s.frames[len(s.frames)-1].base; s.height < base {
		s.height = base // nothing there in code that is not reached
	}
	s.height += push
	s.highest = max(s.highest, s.height)
}

func (s *scan) instruction() {
	at := s.pos
	op := s.byte()
	in := &core[op]
	if op < opBlock || op > opEnd || op == opIf { // what only marks a place costs nothing
		s.charge(1)
	}
	switch in.immediate {
	case unknown:
		if s.err == nil {
			s.fail("opcode %#x is unknown; WebAssembly 2.0 without extensions is what is understood", op)
		}
		return
	case special:
		s.special(at, op)
		return
	}
	s.immediate(in.immediate)
	s.effect(int(in.pops), int(in.push))
}

// immediate passes over what follows an opcode.
func (s *scan) immediate(i immediate) {
	switch i {
	case immZero:
		if b := s.byte(); b != 0 {
			s.fail("a second memory is not understood")
		}
	case immIndex:
		s.u32()
	case immTwoIndexes:
		s.u32()
		s.u32()
	case immMemory, immMemoryLane:
		if s.u32() >= 32 {
			s.fail("an alignment that is none")
		}
		s.u32()
		if i == immMemoryLane {
			s.byte()
		}
	case immByte:
		s.byte()
	case imm16, immLanes:
		s.skip(16)
	}
}

// special reads the instructions that metering looks at or changes.
func (s *scan) special(at int, op byte) {
	in := &core[op]
	switch op {
	case opBlock, opLoop, opIf, opElse, opEnd:
		s.structure(op)
		return
	case opUnreachable, opBr, opBrIf, opBrTable, opReturn:
		s.branch(at, op)
		return
	case opCall, opCallIndirect:
		s.call(at, op)
		return
	case opBulk:
		s.bulk(at)
		return
	case opVector:
		s.vector()
		return
	case opLocalGet, opLocalSet, opLocalTee:
		s.web.local(s.index(s.locals, "local"), s.joints, op == opLocalGet)
	case opGlobalGet, opGlobalSet:
		s.index(s.m.globals, "global")
	case opMemoryGrow:
		s.immediate(immZero)
		s.lengthy(at, editGrow, growCost)
	case opI32Const:
		s.skipSigned(32)
	case opI64Const:
		s.skipSigned(64)
	case opF32Const:
		s.skip(4)
	case opF64Const:
		s.skip(8)
	case opRefNull:
		s.reference()
	case opRefFunc:
		s.charge(refCost)
		s.function(true)
	default: // select t
		for range s.count(maxSelect, "types of a select") {
			if t := s.byte(); s.err == nil && !isValueType(t) {
				s.fail("value type %#x is unknown", t)
			}
		}
	}
	s.effect(int(in.pops), int(in.push))
}

// structure reads block, loop, if, else and end.
func (s *scan) structure(op byte) {
	s.joints++
	switch op {
	case opElse:
		f := &s.frames[len(s.frames)-1]
		if f.op != opIf {
			s.fail("else without if")
			return
		}
		f.op = opElse
		if s.split {
			s.finish()
			s.begin(editCharge, s.payer(f.charge), 0)
		}
		s.height = f.base + f.params
	case opEnd:
		f := s.frames[len(s.frames)-1]
		s.frames = s.frames[:len(s.frames)-1]
		if f.op == opLoop {
			s.within--
		}
		s.height = f.base + f.results
		s.highest = max(s.highest, s.height)
		if s.split && f.op != opLoop && len(s.frames) > 0 {
			s.finish()
			s.begin(editCharge, s.payer(f.charge), 0)
		} else {
			s.finish()
			s.current = s.payer(f.charge)
		}
	default:
		if op == opIf {
			s.effect(1, 0)
		}
		params, results := s.blockType()
		if len(s.frames) > maxNesting {
			s.fail("blocks nest deeper than %d", maxNesting)
		}
		if s.err != nil {
			return
		}
		s.effect(params, 0)
		s.charge((params + results) / slotsPerUnit)
		s.web.carry(params + results)
		s.frames = append(s.frames, frame{op: op, base: s.height, params: params, results: results, charge: s.current})
		s.effect(0, params)
		switch {
		case op == opLoop:
			s.openLoop()
		case op == opIf && s.split:
			s.begin(editCharge, s.current, 0)
		}
	}
}

func (s *scan) openLoop() {
	s.body.loops = true
	s.begin(editLoop, 0, 1)
	s.heads++
	s.within++
	s.deepest = max(s.deepest, s.within)
	if s.deepest > maxLoopNesting {
		s.fail("loops nest deeper than %d", maxLoopNesting)
	}
}

func (s *scan) blockType() (params, results int) {
	if s.pos < s.end {
		switch t := s.module[s.pos]; {
		case t == blockEmpty:
			s.pos++
			return 0, 0
		case isValueType(t):
			s.pos++
			return 0, 1
		}
	}
	i := s.signed(33)
	if s.err == nil && (i < 0 || i >= int64(len(s.m.types))) {
		s.fail("there is no block type %d", i)
	}
	if s.err != nil {
		return 0, 0
	}
	return len(s.m.types[i].params), len(s.m.types[i].results)
}

// label reads a label and returns how many operands a branch to it takes.
func (s *scan) label() int {
	l := int(s.index(len(s.frames), "label"))
	if s.err != nil {
		return 0
	}
	f := &s.frames[len(s.frames)-1-l]
	operands := f.results
	if f.op == opLoop {
		operands = f.params
	}
	s.web.carry(operands)
	return operands
}

// branch reads what leaves a block, or ends.
func (s *scan) branch(at int, op byte) {
	switch op {
	case opBr:
		s.charge(s.label() / slotsPerUnit)
	case opBrIf:
		s.joints++
		operands := s.label()
		s.charge(operands / slotsPerUnit)
		s.effect(1, 0)
		return
	case opBrTable:
		labels := s.count(maxLabels, "labels")
		s.joints += labels / 2
		for range labels {
			s.label()
			if s.err != nil {
				return
			}
		}
		s.charge(s.label() / slotsPerUnit)
	case opReturn:
		s.edits = append(s.edits, edit{at: at, skip: 1, kind: editReturn, value: uint32(len(s.frames) - 1)})
	}
	s.height = s.frames[len(s.frames)-1].base
}

// function reads the index of a function, which moves.
func (s *scan) function(reference bool) uint32 {
	at := s.pos
	f := s.index(len(s.m.functionTypes), "function")
	if s.err != nil {
		return 0
	}
	if reference {
		s.m.refer(f)
	}
	if moved := s.m.moved(f); moved != f {
		s.edits = append(s.edits, edit{at: at, skip: s.pos - at, kind: editFunction, value: moved})
	}
	return f
}

func (s *scan) call(at int, op byte) {
	var t signature
	settle := func() {
		if s.body.counted && s.body.loops {
			s.edits = append(s.edits, edit{at: at, kind: editSettle})
		}
	}
	if op == opCallIndirect {
		i := s.index(len(s.m.types), "type")
		s.u32() // table
		if s.err != nil {
			return
		}
		t = s.m.types[i]
		s.body.indirect = true
		settle()
		s.charge(int(s.indirect))
		s.effect(1, 0)
	} else {
		if f := s.peek(); f >= s.m.importedFunctions && f < len(s.m.functionTypes) && s.m.bodies[f-s.m.importedFunctions].inline == 0 {
			settle()
		}
		f := s.function(false)
		if s.err != nil {
			return
		}
		t = s.m.types[s.m.functionTypes[f]]
		if defined := int(f) - s.m.importedFunctions; defined >= 0 {
			s.calls = append(s.calls, uint32(defined))
			s.charge(int(s.m.bodies[defined].inline))
		} else {
			s.charge(importCost)
		}
	}
	s.effect(len(t.params), len(t.results))
}

// lengthy notes an instruction that takes as long as its last operand says.
func (s *scan) lengthy(at int, kind editKind, units int) {
	s.body.loops, s.scratch = true, true
	s.charge(units)
	s.edits = append(s.edits, edit{at: at, kind: kind})
}

func (s *scan) bulk(at int) {
	op := s.u32()
	if s.err != nil {
		return
	}
	if op > 0xFF || bulk[op].immediate == unknown {
		s.fail("opcode 0xfc %#x is unknown; WebAssembly 2.0 without extensions is what is understood", op)
		return
	}
	switch op {
	case bulkMemoryInit, bulkMemoryCopy, bulkMemoryFill:
		s.lengthy(at, editMemory, bulkCost)
	case bulkTableInit, bulkTableCopy, bulkTableFill:
		s.lengthy(at, editTable, bulkCost)
	case bulkTableGrow:
		s.lengthy(at, editTable, growCost)
	}
	in := &bulk[op]
	s.immediate(in.immediate)
	s.effect(int(in.pops), int(in.push))
}

func (s *scan) vector() {
	op := s.vectorOpcode()
	if s.err != nil {
		return
	}
	if op > 0xFF || vector[op].immediate == unknown {
		s.fail("opcode 0xfd %#x is unknown; WebAssembly 2.0 without extensions is what is understood", op)
		return
	}
	s.vectors = true
	in := &vector[op]
	s.immediate(in.immediate)
	s.effect(int(in.pops), int(in.push))
}
