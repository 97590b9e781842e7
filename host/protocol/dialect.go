package protocol

import "strings"

// Dialect is the spelling a session uses for the server's own names. A session
// starts with none and takes that of its first built-in call or of its
// subprotocol.
type Dialect uint8

// The dialects.
const (
	// DialectUnknown behaves as DialectMesh until the first built-in call.
	DialectUnknown Dialect = iota
	// DialectMesh spells names mesh/<name>.
	DialectMesh
	// DialectRT spells names rt/<name>.
	DialectRT
	// DialectBare spells names without a prefix and behaves as DialectMesh.
	DialectBare
)

// The prefixes of the server's own names.
const (
	MeshPrefix = "mesh/"
	RTPrefix   = "rt/"
)

// SubprotocolV1 is the subprotocol that new clients offer (RFC 6455 section
// 1.9): one assign-id frame, paged recoveries, no courtesy delays.
const SubprotocolV1 = "mesh.v1"

// SubprotocolFamily starts the name of every version of the protocol.
const SubprotocolFamily = "mesh.v"

// Prefix returns what goes before a name in a push.
func (d Dialect) Prefix() string {
	switch d {
	case DialectRT:
		return RTPrefix
	case DialectBare:
		return ""
	}
	return MeshPrefix
}

// SplitBuiltin returns a command's name without prefix and the dialect that
// it was spelled in.
func SplitBuiltin(command string) (name string, d Dialect) {
	if name, ok := strings.CutPrefix(command, MeshPrefix); ok {
		return name, DialectMesh
	}
	if name, ok := strings.CutPrefix(command, RTPrefix); ok {
		return name, DialectRT
	}
	return command, DialectBare
}
