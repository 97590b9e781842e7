//go:build !wasm

package env

import "github.com/mesh-host/mesh-host/pdk/go/internal/codec"

// Host answers a host call in a build that is no plugin: the error's number,
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
// sets it; it stands here so that meshtest reaches what no plugin may call.
var NewGuest func(setup any) Guest

// pending is the result of the last host call; it belongs to Host's user.
var pending []byte

// call passes a host call to Host. Where there is none it fails with ESERVER,
// and touches no variable: handlers may be called by parallel tests.
func call(operation string, arguments []byte) uint64 {
	if Host == nil {
		return 1 << 32
	}
	number, result := Host(operation, arguments)
	pending = result
	return uint64(number)<<32 | uint64(len(result))
}

// Take copies the result of the last host call into buffer.
func Take(buffer []byte) {
	copy(buffer, pending)
	pending = nil
}

// Refusal encodes an error as the host leaves it for Take.
func Refusal(code, name, message string) []byte {
	b := codec.AppendString(nil, code)
	b = codec.AppendString(b, name)
	return codec.AppendString(b, message)
}
