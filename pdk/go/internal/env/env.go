// Package env is the edge of a plugin: the functions it imports from the host,
// one per operation and named like it, and Take, which fetches what the last
// one left. Each takes its encoded arguments and returns
// errorNumber<<32 | length of the result.
//
// In a build that is not for wasm the same functions go to Host, which a test
// provides.
package env

// Host answers a host call in a build that is not for wasm: the error's number,
// 0 for success, and the result or the encoded error. meshtest sets it for the
// length of one call into the plugin, under its lock.
var Host func(operation string, arguments []byte) (number uint32, result []byte)

// Guest is a plugin as the host sees it: the exports mesh_register and
// mesh_call, with slices in place of pointers.
type Guest interface {
	Register() []byte
	Call(handler uint32, request []byte) []byte
}

// NewGuest makes a guest from a plugin's set-up function. The mesh package
// sets it, but for wasm; it stands here so that meshtest reaches what no plugin
// may call.
var NewGuest func(setup any) Guest
