package engine

import (
	"unicode/utf8"

	"github.com/mesh-host/mesh-host/host/protocol"
)

// checkName refuses what is no name, EPAYLOAD.
func checkName(field, name string) error {
	if err := protocol.CheckName(name); err != nil {
		return payloadError(field, "%v", err)
	}
	return nil
}

// maxReason is what a close frame has room for beside the code, in bytes (RFC
// 6455 section 5.5).
const maxReason = 123

func checkReason(reason string) error {
	if len(reason) > maxReason || !utf8.ValidString(reason) {
		return payloadError("reason", "must be at most %d bytes of UTF-8", maxReason)
	}
	return nil
}
