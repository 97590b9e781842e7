package operation

import (
	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// badRequest answers a request that does not decode.
func badRequest(name string, err error) error {
	return protocol.NewError(abi.CodePayload, name+": "+err.Error())
}
