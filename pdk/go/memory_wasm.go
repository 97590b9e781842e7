//go:build wasm

package mesh

// An instance runs one call at a time and no host call re-enters it, so one
// buffer for the arguments of host calls and one for small results suffice.
var (
	argumentBuffer []byte
	resultBuffer   [smallResult]byte
)

func beginCall() []byte { return argumentBuffer[:0] }

// keep holds on to a buffer that has grown for the next host call.
func keep(arguments []byte) []byte {
	if cap(arguments) <= keptBuffer {
		argumentBuffer = arguments
	}
	return arguments
}

func smallBuffer() []byte { return resultBuffer[:] }
