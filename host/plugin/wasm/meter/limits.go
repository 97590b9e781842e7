package meter

// What a module may hold. The limits are far above what compilers produce,
// and keep what compiling costs in proportion to a module's size.
const (
	maxModule    = 64 << 20  // bytes
	maxMetered   = 160 << 20 // bytes of the metered form
	maxTypes     = 1 << 16
	maxImports   = 1 << 14
	maxFunctions = 1 << 18
	maxTables    = 1 << 10
	maxMemories  = 1
	maxGlobals   = 1 << 16
	maxExports   = 1 << 16
	maxElements  = 1 << 16 // segments
	maxSegments  = 1 << 16 // of data
	maxEntries   = 1 << 21 // of all element segments: each instance holds them, 8 bytes an entry
	maxValues    = 1000    // parameters of a type, results of a type
	maxBody      = 2 << 20 // bytes of a function; compiling takes up to 260 bytes of memory for each
	maxLocals    = 49_000  // of a function
	maxNesting   = 20_000  // blocks within blocks
	maxLabels    = 1 << 16 // of a br_table
	maxSelect    = 1       // types of a select

	// Branches and loops make compiling take more than what is in proportion to
	// a module's size: see scan.tangle. At the limit it is some seconds.
	maxLoopNesting = 200
	maxTangle      = 30_000_000 // of all functions
)
