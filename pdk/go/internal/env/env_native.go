//go:build !wasm

package env

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
