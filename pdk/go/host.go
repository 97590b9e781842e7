package mesh

import (
	"github.com/mesh-host/mesh-host/pdk/go/internal/codec"
	"github.com/mesh-host/mesh-host/pdk/go/internal/env"
)

// smallResult is the size, in bytes, up to which a result without JSON fits a
// buffer that is used again; an integer and a boolean take 17, the position of a
// message about 40.
const smallResult = 64

// finishCall fetches the result of a host call into memory of its own: the
// caller may keep what points into it.
func finishCall(result uint64) (codec.Fields, error) {
	return finish(result, make([]byte, uint32(result)))
}

// finishSmall fetches a result of which nothing is kept but what decoding
// copies, without allocating where it is small.
func finishSmall(result uint64) (codec.Fields, error) {
	if result > smallResult { // also where the upper half names an error
		return finishCall(result)
	}
	return finish(result, smallBuffer()[:result])
}

// finishEmpty is for the operations that return nothing.
func finishEmpty(result uint64) error {
	if result>>32 == 0 {
		return nil
	}
	_, err := finishCall(result)
	return err
}

func finish(result uint64, buffer []byte) (codec.Fields, error) {
	if len(buffer) > 0 {
		env.Take(buffer)
	}
	if result>>32 != 0 {
		return codec.Fields{}, decodeError(buffer)
	}
	return codec.Decode(buffer), nil
}
