//go:build wasm

package env

import "unsafe"

// Take copies the result of the last host call into buffer, which must be as
// long as that call said.
func Take(buffer []byte) { take(unsafe.Pointer(unsafe.SliceData(buffer))) }
