// Package abi is the contract between mesh-host and its WebAssembly plugins,
// version 1: the names of exports and operations, the structs that cross the
// boundary, their flat codec, the registration document, and the tables of
// error codes and close codes.
//
// ABI.md states the same contract with bytes, for those who write a kit in
// another language. The package imports nothing but the standard library.
package abi

//go:generate go run ./internal/gen

// The names a guest module exports and imports.
const (
	// Namespace is the import module that holds every host function.
	Namespace = "mesh"
	// ExportVersion is an empty function whose presence states the ABI version.
	ExportVersion = "mesh_abi_1"
	// ExportAlloc is (size i32) → i32: a buffer of at least size bytes that
	// stays valid until a larger one is asked for. 0 means out of memory.
	ExportAlloc = "mesh_alloc"
	// ExportRegister is () → i64: the packed location of the registration
	// document. It is the first call in every instance.
	ExportRegister = "mesh_register"
	// ExportCall is (handler i32, ptr i32, len i32) → i64: one request in, the
	// packed location of one response out.
	ExportCall = "mesh_call"
	// ExportMemory is the guest's linear memory.
	ExportMemory = "memory"
	// ImportTake is (ptr i32) → (): copies the pending result of the last host
	// call to ptr.
	ImportTake = "take"
)

// Kind says what a call asks of a guest.
type Kind int64

// The kinds of call. Numbers are never reused.
const (
	KindCommand      Kind = 1
	KindMiddleware   Kind = 2
	KindGuard        Kind = 3
	KindAuthenticate Kind = 4
	KindConnect      Kind = 5
	KindDisconnect   Kind = 6
	KindSchedule     Kind = 7
	KindJoin         Kind = 8
	KindLeave        Kind = 9
	// KindResolve asks which records a collection has: the reply is a JSON
	// array of ids.
	KindResolve Kind = 10
	// KindRecordUpdate and KindRecordRemoved tell of a record's new version.
	KindRecordUpdate  Kind = 11
	KindRecordRemoved Kind = 12
)

// Status is the outcome a guest reports.
type Status int64

// The outcomes. Numbers are never reused.
const (
	// StatusContinue lets things go on: middleware passes, a guard allows, a
	// hook has nothing to say, a command replies null.
	StatusContinue Status = 0
	// StatusReply carries a result in Body: the reply, or for authenticate an
	// Identity.
	StatusReply Status = 1
	// StatusError carries an Error in Body.
	StatusError Status = 2
	// StatusRefuse denies, with an Error in Body or none. For authenticate its
	// HTTP field is the status of the response.
	StatusRefuse Status = 3
)

// Pack joins a pointer and a length the way guests return them.
func Pack(ptr, length uint32) uint64 { return uint64(ptr)<<32 | uint64(length) }

// Unpack is the inverse of Pack.
func Unpack(packed uint64) (ptr, length uint32) { return uint32(packed >> 32), uint32(packed) }
