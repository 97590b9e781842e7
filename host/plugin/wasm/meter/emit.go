package meter

// What follows writes into w.code. All sequences leave the operands below them
// as they are, so they may stand anywhere.

func (w *writer) op(op byte, index uint32) { w.code = appendU32(append(w.code, op), index) }

func (w *writer) i32(v int64) { w.code = appendS64(append(w.code, opI32Const), v) }

func (w *writer) i64(v int64) { w.code = appendS64(append(w.code, opI64Const), v) }

func (w *writer) bytes(b ...byte) { w.code = append(w.code, b...) }

// wrapped reports whether something is done when the function returns.
func (b *body) wrapped() bool { return b.loops || b.counted }

// function writes a function's metered form.
//
// One without loops takes its units from the fuel when it is entered. One with
// loops counts down a credit in a local, pending, that only loop heads check,
// and settles what it spent of it with the fuel when the credit is used up and
// when it returns.
func (w *writer) function(b *body) {
	from := w.locals(b)
	if b.counted {
		w.descend(b)
	}
	switch {
	case b.loops:
		w.i32(credit - int64(b.cost))
		w.op(opLocalSet, w.pending())
	case b.inline == 0:
		w.op(opGlobalGet, w.fuel())
		w.i64(int64(b.cost))
		w.bytes(opI64Sub)
		w.setFuel()
	}
	if b.wrapped() {
		w.bytes(opBlock)
		w.blockType(b.signature.results)
	}
	for _, e := range w.scan.edits {
		if e.kind == editReturn && !b.wrapped() {
			continue
		}
		w.code = append(w.code, w.m.bytes[from:e.at]...)
		from = e.at + e.skip
		w.edit(e)
	}
	w.code = append(w.code, w.m.bytes[from:b.end]...)
	if !b.wrapped() {
		return
	}
	if b.loops {
		w.op(opGlobalGet, w.fuel())
		w.op(opLocalGet, w.pending())
		w.bytes(opI64ExtendS, opI64Add)
		w.i64(credit)
		w.bytes(opI64Sub)
		w.setFuel()
	}
	if b.counted {
		w.op(opGlobalGet, w.depth())
		w.i32(int64(b.weight()))
		w.bytes(opI32Add)
		w.op(opGlobalSet, w.depth())
	}
	w.bytes(opEnd)
}

func (w *writer) pending() uint32 { return uint32(w.scan.locals) }
func (w *writer) length() uint32  { return uint32(w.scan.locals) + 1 }

// locals writes the declarations of locals and returns where the code begins.
func (w *writer) locals(b *body) (code int) {
	code = w.scan.edits[0].at
	if !b.loops {
		w.code = append(w.code, w.m.bytes[b.start:code]...)
		return code
	}
	r := reader{module: w.m.bytes, pos: b.start, end: code}
	declarations := r.u32()
	w.code = appendU32(w.code, declarations+1)
	w.code = append(w.code, w.m.bytes[r.pos:code]...)
	added := byte(1)
	if w.scan.scratch {
		added = 2
	}
	w.bytes(added, typeI32)
	return code
}

func (w *writer) blockType(results []byte) {
	switch len(results) {
	case 0:
		w.bytes(blockEmpty)
	case 1:
		w.bytes(results[0])
	default:
		w.code = appendS64(w.code, int64(w.wrappers[string(results)]))
	}
}

// descend counts one call more.
func (w *writer) descend(b *body) {
	w.op(opGlobalGet, w.depth())
	w.i32(int64(b.weight()))
	w.bytes(opI32Sub)
	w.op(opGlobalSet, w.depth())
	w.op(opGlobalGet, w.depth())
	w.i32(0)
	w.bytes(opI32LtS, opIf, blockEmpty)
	w.op(opCall, w.tooDeep())
	w.bytes(opEnd)
}

// setFuel sets the fuel to the operand, and asks for more when it is used up.
func (w *writer) setFuel() {
	w.op(opGlobalSet, w.fuel())
	w.op(opGlobalGet, w.fuel())
	w.i64(0)
	w.bytes(opI64LtS, opIf, blockEmpty)
	w.op(opCall, w.refill())
	w.bytes(opEnd)
}

// setPending sets what is left of the credit to the operand, and settles when
// it is used up.
func (w *writer) setPending() {
	w.op(opLocalTee, w.pending())
	w.settleBelow(0)
}

// settleBelow takes what is left of the credit and settles where it is less than
// so many units.
func (w *writer) settleBelow(units int64) {
	w.i32(units)
	w.bytes(opI32LtS, opIf, blockEmpty)
	w.op(opLocalGet, w.pending())
	w.op(opCall, w.settle())
	w.op(opLocalSet, w.pending())
	w.bytes(opEnd)
}

// edit writes what takes the place of, or comes before, an instruction.
func (w *writer) edit(e edit) {
	switch e.kind {
	case editFunction:
		w.code = appendU32(w.code, e.value)
	case editReturn:
		w.op(opBr, e.value)
	case editCharge:
		if w.scan.split && e.value > 0 && e.at != w.scan.edits[0].at {
			w.op(opLocalGet, w.pending())
			w.i32(int64(e.value))
			w.bytes(opI32Sub)
			w.op(opLocalSet, w.pending())
		}
	case editLoop:
		w.op(opLocalGet, w.pending())
		w.i32(int64(e.value))
		w.bytes(opI32Sub)
		w.setPending()
	case editSettle:
		w.op(opLocalGet, w.pending())
		w.settleBelow(credit - unsettled)
	case editMemory, editTable, editGrow:
		w.op(opLocalTee, w.length())
		w.op(opLocalGet, w.pending())
		w.op(opLocalGet, w.length())
		w.units(e.kind)
		w.bytes(opI32Sub)
		w.setPending()
	}
}

// units turns a length into units. No length yields more than half of what an
// i32 holds, so that what is pending does not overflow.
func (w *writer) units(kind editKind) {
	switch kind {
	case editMemory:
		w.i32(bytesPerUnit)
		w.bytes(opI32ShrU)
	case editTable:
		w.i32(entriesPerUnit)
		w.bytes(opI32ShrU)
	case editGrow:
		w.i32(0xFFFF) // no memory can grow by more
		w.bytes(opI32And)
		w.i32(unitsPerPage)
		w.bytes(opI32Shl)
	}
}

// refillCode is the function that asks the host for fuel.
func (w *writer) refillCode() []byte {
	w.code = nil
	w.bytes(0)
	w.callTick()
	w.bytes(opEnd)
	return w.code
}

func (w *writer) callTick() {
	w.op(opGlobalGet, w.fuel())
	w.op(opCall, w.tick())
	w.op(opGlobalSet, w.fuel())
}

// settleCode is the function that takes what was spent of a credit from the
// fuel, and returns a new credit.
func (w *writer) settleCode() []byte {
	w.code = nil
	w.bytes(0)
	w.op(opGlobalGet, w.fuel())
	w.op(opLocalGet, 0)
	w.bytes(opI64ExtendS, opI64Add)
	w.i64(credit)
	w.bytes(opI64Sub)
	w.setFuel()
	w.i32(credit)
	w.bytes(opEnd)
	return w.code
}
