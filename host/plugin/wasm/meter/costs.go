package meter

// What is charged beyond a unit for each instruction.
const (
	importCost   = 100 // a call of the host
	growCost     = 500 // memory.grow and table.grow, which the host does
	refCost      = 500 // ref.func, which the host does, too
	bulkCost     = 10  // an instruction that fills, copies or initialises
	slotsPerUnit = 4   // values that are moved, or locals that are cleared, for one unit

	bytesPerUnit   = 3  // of bulk instructions, as a shift: 8 bytes
	entriesPerUnit = 2  // of tables, as a shift: 4 entries
	unitsPerPage   = 10 // of memory.grow, as a shift: 1024 units

	// inlineCost is up to how many units a function without loops is not
	// charged itself: whoever calls it is.
	inlineCost = 32

	// credit is how many units a function with loops spends on its own before
	// they are taken from the fuel: counting in a local is cheaper.
	credit = 4096

	// unsettled is how many units a function that can run again while it calls
	// another may owe the fuel meanwhile: many such may be on top of each other.
	unsettled = 256

	// slotsPerDepth is how many parameters, locals and operands make a call
	// count for one more.
	slotsPerDepth = 32

	// smallPart is up to how many units a part of a body, as an arm of an if,
	// is charged together with what runs before it; maxTaken is how many units
	// one part takes over from others in all.
	smallPart = 12
	maxTaken  = 48
)
