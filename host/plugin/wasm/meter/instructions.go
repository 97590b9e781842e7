package meter

// The opcodes that are treated on their own.
const (
	opUnreachable  = 0x00
	opBlock        = 0x02
	opLoop         = 0x03
	opIf           = 0x04
	opElse         = 0x05
	opEnd          = 0x0B
	opBr           = 0x0C
	opBrIf         = 0x0D
	opBrTable      = 0x0E
	opReturn       = 0x0F
	opCall         = 0x10
	opCallIndirect = 0x11
	opLocalGet     = 0x20
	opLocalSet     = 0x21
	opLocalTee     = 0x22
	opGlobalGet    = 0x23
	opGlobalSet    = 0x24
	opMemoryGrow   = 0x40
	opI32Const     = 0x41
	opI64Const     = 0x42
	opF32Const     = 0x43
	opF64Const     = 0x44
	opI32LtS       = 0x48
	opI64LtS       = 0x53
	opI32And       = 0x71
	opI32Sub       = 0x6B
	opI32Add       = 0x6A
	opI32Shl       = 0x74
	opI32ShrU      = 0x76
	opI64Add       = 0x7C
	opI64Sub       = 0x7D
	opI64ExtendS   = 0xAC
	opI64ExtendU   = 0xAD
	opRefNull      = 0xD0
	opRefFunc      = 0xD2
	opBulk         = 0xFC // prefix
	opVector       = 0xFD // prefix

	bulkMemoryInit = 8
	bulkMemoryCopy = 10
	bulkMemoryFill = 11
	bulkTableInit  = 12
	bulkTableCopy  = 14
	bulkTableGrow  = 15
	bulkTableFill  = 17

	vectorConst = 12
)

// Value types, and the type of a block without parameters and results.
const (
	typeI32     = 0x7F
	typeI64     = 0x7E
	typeV128    = 0x7B
	typeFuncref = 0x70
	typeExtern  = 0x6F
	typeFunc    = 0x60
	blockEmpty  = 0x40
)

func isReference(b byte) bool { return b == typeFuncref || b == typeExtern }

func isValueType(b byte) bool { return b >= typeV128 && b <= typeI32 || isReference(b) }

// immediate says what follows an opcode.
type immediate uint8

const (
	unknown       immediate = iota // not an instruction of WebAssembly 2.0
	none                           // nothing
	special                        // see scan.special
	immZero                        // the byte 0
	immIndex                       // an index that metering does not move
	immTwoIndexes                  // two of them
	immMemory                      // alignment and offset
	immMemoryLane                  // and a lane
	immByte                        // a lane
	imm16                          // 16 bytes
	immLanes                       // 16 lanes
)

// instruction says what follows an opcode, and how many operands it takes
// from the stack and leaves there.
type instruction struct {
	immediate  immediate
	pops, push int8
}

// span gives all opcodes from first to last the same form.
type span struct {
	first, last int
	instruction
}

func table(spans []span) *[256]instruction {
	t := new([256]instruction)
	for _, s := range spans {
		for op := s.first; op <= s.last; op++ {
			t[op] = s.instruction
		}
	}
	return t
}

var (
	unaryForm  = instruction{none, 1, 1}
	binaryForm = instruction{none, 2, 1}
	loadForm   = instruction{immMemory, 1, 1}
	storeForm  = instruction{immMemory, 2, 0}
)

// core is WebAssembly 2.0, section 5.4, without prefixes.
var core = table([]span{
	{0x00, 0x00, instruction{special, 0, 0}}, // unreachable
	{0x01, 0x01, instruction{none, 0, 0}},    // nop
	{0x02, 0x05, instruction{special, 0, 0}}, // block, loop, if, else
	{0x0B, 0x11, instruction{special, 0, 0}}, // end, branches, return, calls
	{0x1A, 0x1A, instruction{none, 1, 0}},    // drop
	{0x1B, 0x1B, instruction{none, 3, 1}},    // select
	{0x1C, 0x1C, instruction{special, 3, 1}}, // select t
	{0x20, 0x20, instruction{special, 0, 1}}, // local.get
	{0x21, 0x21, instruction{special, 1, 0}}, // local.set
	{0x22, 0x22, instruction{special, 1, 1}}, // local.tee
	{0x23, 0x23, instruction{special, 0, 1}}, // global.get
	{0x24, 0x24, instruction{special, 1, 0}}, // global.set
	{0x25, 0x25, instruction{immIndex, 1, 1}},
	{0x26, 0x26, instruction{immIndex, 2, 0}},
	{0x28, 0x35, loadForm},
	{0x36, 0x3E, storeForm},
	{0x3F, 0x3F, instruction{immZero, 0, 1}}, // memory.size
	{0x40, 0x40, instruction{special, 1, 1}}, // memory.grow
	{0x41, 0x44, instruction{special, 0, 1}}, // constants
	{0x45, 0x45, unaryForm},                  // i32.eqz
	{0x46, 0x4F, binaryForm},
	{0x50, 0x50, unaryForm}, // i64.eqz
	{0x51, 0x66, binaryForm},
	{0x67, 0x69, unaryForm},
	{0x6A, 0x78, binaryForm},
	{0x79, 0x7B, unaryForm},
	{0x7C, 0x8A, binaryForm},
	{0x8B, 0x91, unaryForm},
	{0x92, 0x98, binaryForm},
	{0x99, 0x9F, unaryForm},
	{0xA0, 0xA6, binaryForm},
	{0xA7, 0xC4, unaryForm},                  // conversions, sign extension
	{0xD0, 0xD0, instruction{special, 0, 1}}, // ref.null
	{0xD1, 0xD1, unaryForm},                  // ref.is_null
	{0xD2, 0xD2, instruction{special, 0, 1}}, // ref.func
	{opBulk, opVector, instruction{special, 0, 0}},
})

// bulk is what follows the prefix 0xFC.
var bulk = table([]span{
	{0, 7, unaryForm}, // saturating conversions
	{8, 8, instruction{immTwoIndexes, 3, 0}},
	{9, 9, instruction{immIndex, 0, 0}},
	{10, 10, instruction{immTwoIndexes, 3, 0}},
	{11, 11, instruction{immIndex, 3, 0}},
	{12, 12, instruction{immTwoIndexes, 3, 0}},
	{13, 13, instruction{immIndex, 0, 0}},
	{14, 14, instruction{immTwoIndexes, 3, 0}},
	{15, 15, instruction{immIndex, 2, 1}},
	{16, 16, instruction{immIndex, 0, 1}},
	{17, 17, instruction{immIndex, 3, 0}},
})

// vector is what follows the prefix 0xFD.
var vector = table([]span{
	{0, 10, loadForm},
	{11, 11, storeForm},
	{12, 12, instruction{imm16, 0, 1}},    // v128.const
	{13, 13, instruction{immLanes, 2, 1}}, // shuffle
	{14, 14, binaryForm},
	{15, 20, unaryForm},
	{21, 22, instruction{immByte, 1, 1}}, // i8x16
	{23, 23, instruction{immByte, 2, 1}},
	{24, 25, instruction{immByte, 1, 1}}, // i16x8
	{26, 26, instruction{immByte, 2, 1}},
	{27, 27, instruction{immByte, 1, 1}}, // i32x4
	{28, 28, instruction{immByte, 2, 1}},
	{29, 29, instruction{immByte, 1, 1}}, // i64x2
	{30, 30, instruction{immByte, 2, 1}},
	{31, 31, instruction{immByte, 1, 1}}, // f32x4
	{32, 32, instruction{immByte, 2, 1}},
	{33, 33, instruction{immByte, 1, 1}}, // f64x2
	{34, 34, instruction{immByte, 2, 1}},
	{35, 76, binaryForm},
	{77, 77, unaryForm},
	{78, 81, binaryForm},
	{82, 82, instruction{none, 3, 1}},
	{83, 83, unaryForm},
	{84, 87, instruction{immMemoryLane, 2, 1}},
	{88, 91, instruction{immMemoryLane, 2, 0}},
	{92, 93, loadForm},
	{94, 100, unaryForm},
	{101, 102, binaryForm},
	{103, 106, unaryForm},
	{107, 115, binaryForm},
	{116, 117, unaryForm},
	{118, 121, binaryForm},
	{122, 122, unaryForm},
	{123, 123, binaryForm},
	{124, 129, unaryForm},
	{130, 130, binaryForm},
	{131, 132, unaryForm},
	{133, 134, binaryForm},
	{135, 138, unaryForm},
	{139, 147, binaryForm},
	{148, 148, unaryForm},
	{149, 153, binaryForm},
	{155, 159, binaryForm},
	{160, 161, unaryForm},
	{163, 164, unaryForm},
	{167, 170, unaryForm},
	{171, 174, binaryForm},
	{177, 177, binaryForm},
	{181, 186, binaryForm},
	{188, 191, binaryForm},
	{192, 193, unaryForm},
	{195, 196, unaryForm},
	{199, 202, unaryForm},
	{203, 206, binaryForm},
	{209, 209, binaryForm},
	{213, 223, binaryForm},
	{224, 225, unaryForm},
	{227, 227, unaryForm},
	{228, 235, binaryForm},
	{236, 237, unaryForm},
	{239, 239, unaryForm},
	{240, 247, binaryForm},
	{248, 255, unaryForm},
})
